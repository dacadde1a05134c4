"""When the workers of a sleigh were busy: their spans as a timeline, a throughput and a rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from nws_server.web import charts
from nws_server.web.reports import Report

__all__ = [
    "TIMELINE_SECONDS",
    "BusySpan",
    "draw_throughput",
    "place_spans",
    "read_spans",
    "recent_rate",
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
        numbers = Report(dict(zip(BusySpan._fields, row, strict=False)))
        begin, end = numbers.number("begin"), numbers.number("end")
        if 0 < begin <= end:
            yield BusySpan(
                numbers.whole("call"), numbers.whole("first"), numbers.whole("size"), begin, end
            )


def recent_rate(spans: Sequence[BusySpan], call: int, began: float, now: float) -> float:
    """Return the elements per second that a call completed lately.

    Args:
        spans: of all workers.
        call: number of the call.
        began: when the call began; a call that is younger than the usual time span is measured
            since then.
        now: the present time.
    """
    done = sum(span.size for span in spans if span.call == call and span.end > now - _RATE_SECONDS)
    return done / max(1.0, now - max(now - _RATE_SECONDS, began))


def draw_throughput(
    spans: Sequence[BusySpan], now: float, *, ended: bool = False
) -> charts.Chart | None:
    """Draw the elements done in each second of the timeline, but for those of which nobody knows
    yet; None if there are none.

    Args:
        spans: of all workers.
        now: the present time, or that of the end.
        ended: there will be no more reports.
    """
    done = [0.0] * TIMELINE_SECONDS
    for span in spans:
        duration = max(span.end - span.begin, 0.001)
        first, last = (int(when - now) + TIMELINE_SECONDS for when in (span.begin, span.end))
        for second in range(max(0, first - 1), min(TIMELINE_SECONDS, last + 1)):
            begin = now - TIMELINE_SECONDS + second
            overlap = min(span.end, begin + 1) - max(span.begin, begin)
            if overlap > 0:
                done[second] += span.size * overlap / duration
    if not any(done):
        return None
    known = TIMELINE_SECONDS - (0 if ended else _REPORT_LAG_SECONDS)
    points = list(enumerate(done))[:known]
    axis = timeline_axis(ended=ended)
    return charts.steps(points, 0, TIMELINE_SECONDS, known=known, axis=axis, width=480, height=80)


def timeline_axis(*, ended: bool) -> charts.Axis:
    """Return what stands below the timeline."""
    return charts.time_axis(TIMELINE_SECONDS, "end" if ended else "now")


def place_spans(spans: Sequence[BusySpan], report: Report, now: float) -> Iterator[dict[str, Any]]:
    """Place a worker's spans, and the task that it runs now, in the timeline."""
    current = report.part("current")
    shown = [(span, False) for span in spans]
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
