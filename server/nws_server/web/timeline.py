"""When the workers of a sleigh were busy: their spans as a timeline, a throughput and a rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from nws_server.web import charts
from nws_server.web.reports import Report, number_in

__all__ = [
    "TIMELINE_SECONDS",
    "Activity",
    "BusySpan",
    "place_spans",
    "read_spans",
    "timeline_axis",
]

TIMELINE_SECONDS: Final = 60
"""Length of the timeline, which ends now."""

_TIMELINE_UNITS: Final = 1000
"""Width of the timeline in the units of its picture."""

_RATE_SECONDS: Final = 10.0
"""Seconds over which the rate of a call is taken."""


_REPORT_LAG_SECONDS: Final = 2
"""The youngest seconds, of which the workers have not reported yet."""


class BusySpan(NamedTuple):
    """A time in which a worker was busy with elements of one call. Times are of the epoch."""

    call: int
    first: int
    size: int
    begin: float
    end: float


def read_spans(report: Report) -> Iterator[BusySpan]:
    """Walk the finished spans in a worker's report."""
    for row in report.rows("recent", 5):
        begin, end = number_in(row[3]), number_in(row[4])
        if 0 < begin <= end:
            call, first, size = map(number_in, row[:3])
            yield BusySpan(int(call), int(first), int(size), begin, end)


class Activity:
    """What all workers together have done in the seconds of the timeline.

    Their reports are read one at a time: those of thousands would be much to hold.
    """

    def __init__(self, now: float) -> None:
        """Begin without any; ``now`` is the present time, or that of the end."""
        self._now = now
        self._done = [0.0] * TIMELINE_SECONDS
        self._recent: Counter[int] = Counter()

    def add(self, report: Report) -> None:
        """Add what a worker reports."""
        left, recently = self._now - TIMELINE_SECONDS, self._now - _RATE_SECONDS
        for row in report.rows("recent", 5):  # as in `read_spans`, but they may be very many
            begin, end = number_in(row[3]), number_in(row[4])
            if 0 < begin <= end and end > left and begin < self._now:
                size = int(number_in(row[2]))
                self._spread(size, begin - left, end - left)
                if end > recently:
                    self._recent[int(number_in(row[0]))] += size

    def _spread(self, size: int, begin: float, end: float) -> None:
        """Divide elements among the seconds of the timeline, which begins at 0."""
        rate = size / max(end - begin, 0.001)
        end = min(end, TIMELINE_SECONDS - 0.001)
        begin = min(max(begin, 0.0), end)
        first, last = int(begin), int(end)
        if first == last:
            self._done[first] += rate * (end - begin)
            return
        self._done[first] += rate * (first + 1 - begin)
        for second in range(first + 1, last):
            self._done[second] += rate
        self._done[last] += rate * (end - last)

    def rate_of(self, call: int, began: float) -> float:
        """Return the elements per second that a call completed lately.

        Args:
            call: its number.
            began: when it began; a call that is younger than the usual time span is measured since
                then.
        """
        since = max(self._now - _RATE_SECONDS, began)
        return self._recent[call] / max(1.0, self._now - since)

    def draw_throughput(self, *, ended: bool = False) -> charts.Chart | None:
        """Draw the elements done in each second of the timeline, but for those of which nobody
        knows yet; None if there are none.

        Args:
            ended: there will be no more reports.
        """
        if not any(self._done):
            return None
        known = TIMELINE_SECONDS - (0 if ended else _REPORT_LAG_SECONDS)
        points = list(enumerate(self._done))[:known]
        return charts.steps(
            *(points, 0, TIMELINE_SECONDS),
            known=known,
            axis=timeline_axis(ended=ended),
            width=480,
            height=80,
        )


def timeline_axis(*, ended: bool) -> charts.Axis:
    """Return what stands below the timeline."""
    return charts.time_axis(TIMELINE_SECONDS, "end" if ended else "now")


def place_spans(report: Report, now: float) -> Iterator[dict[str, Any]]:
    """Place a worker's spans, and the task that it runs now, in the timeline."""
    current = report.part("current")
    shown = [(span, False) for span in read_spans(report)]
    if current is not None:
        span = BusySpan(
            current.whole("call"),
            current.whole("first"),
            current.whole("size"),
            current.number("since"),
            now,
        )
        shown.append((span, True))
    for span, runs in shown:
        begin = max(0.0, 1 - (now - span.begin) / TIMELINE_SECONDS)
        end = min(1.0, 1 - (now - span.end) / TIMELINE_SECONDS)
        if end > 0 and begin < 1:
            yield {
                "x": round(_TIMELINE_UNITS * begin, 1),
                "width": max(1.0, round(_TIMELINE_UNITS * (end - begin), 1)),
                "call": span.call,
                "first": span.first,
                "size": span.size,
                "seconds": round(span.end - span.begin, 3),
                "runs": runs,
            }
