"""The page of a sleigh: its workers, the call that runs, what went wrong, what was printed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from nws_server.web import charts, sleighs
from nws_server.web.inspector import Inspector
from nws_server.web.names import Name, shorten
from nws_server.web.pages.original_sleigh import is_original_sleigh, show_original_sleigh
from nws_server.web.query import Query
from nws_server.web.sleighs import Report
from nws_server.web.unknown import Unknown

__all__ = ["show_sleigh"]

WINDOW: Final = 60
"""Seconds of the timeline."""

_RATE: Final = 10.0
"""Seconds over which the rate is taken."""

_FAILURES: Final = 20
_LINES: Final = 50
_TEXT: Final = 4000


class Span(NamedTuple):
    """What a worker did for a while: elements of one call. Times are of the epoch."""

    call: int
    first: int
    size: int
    begin: float
    end: float


def show_sleigh(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show the sleigh of a workspace. Field: ``name``.

    Raises:
        Unknown: there is none.
    """
    ws = query.need("name")
    if is_original_sleigh(inspector, ws):
        return {"workspace": Name(ws), "original": show_original_sleigh(inspector, ws)}
    if not sleighs.is_sleigh(inspector, ws):
        raise Unknown(f"there is no sleigh with the workspace {Name(ws).short!r}")
    return inspector.reused.get(("sleigh", ws), lambda: _show(inspector, ws))


def _show(inspector: Inspector, ws: bytes) -> dict[str, Any]:
    now = float(round(time.time()))
    reports = {
        rank: Report(content)
        for rank, content in sleighs.read_reports(inspector, ws, sleighs.WORKER)
    }
    spans = {rank: list(_spans(report)) for rank, report in reports.items()}
    every_span = [span for each in spans.values() for span in each]
    call = sleighs.read_report(inspector, ws, sleighs.CALL)
    look = inspector.look
    queued = look.variable(ws, b"task")
    unread = look.variable(ws, b"result")
    count = look.variable(ws, sleighs.WORKER_COUNT)
    return {
        "workspace": Name(ws),
        "original": None,
        "call": None if call is None else _call(call, every_span, now),
        "workers": [_worker(rank, report) for rank, report in reports.items()],
        "closed": bool(count and count.values),
        "tasks": {
            "queued": queued.values if queued else 0,
            "running": queued.leased if queued else 0,
            "results": unread.values if unread else 0,
        },
        "throughput": _throughput(every_span, now),
        "timeline": [
            {"rank": rank, "spans": list(_drawn(spans[rank], report, now))}
            for rank, report in reports.items()
        ],
        "window": WINDOW,
        "failures": _failures(inspector, ws),
        "lines": _lines(reports),
        "launch": _launch(inspector, ws),
    }


def _call(call: Report, spans: Sequence[Span], now: float) -> dict[str, Any]:
    number = call.whole("number")
    lately = [span for span in spans if span.call == number and span.end > now - _RATE]
    done = sum(span.size for span in lately)
    began = max([now - _RATE, call.number("began")])
    rate = done / max(1.0, now - began)
    total = call.maybe("elements")
    arrived = call.whole("arrived")
    left = None
    if total is not None and rate > 0 and not call.flag("over"):
        left = max(0.0, total - arrived) / rate
    return {
        "number": number,
        "kind": shorten(call.text("kind"), 40),
        "function": shorten(call.text("function"), 200),
        "elements": None if total is None else int(total),
        "submitted": call.whole("submitted"),
        "arrived": arrived,
        "failed": call.whole("failed"),
        "began": call.number("began"),
        "over": call.flag("over"),
        "cancelled": call.flag("cancelled"),
        "rate": round(rate, 1),
        "left": left,
    }


def _worker(rank: int, report: Report) -> dict[str, Any]:
    current = report.part("current")
    return {
        "rank": rank,
        "host": shorten(report.text("name") or report.text("host"), 100),
        "pid": report.whole("pid"),
        "python": shorten(report.text("python"), 40),
        "state": shorten(report.text("state", "unknown"), 40),
        "started": report.number("started"),
        "deaths": report.whole("deaths"),
        "tasks": report.whole("tasks"),
        "elements": report.whole("elements"),
        "memory": report.maybe("memory"),
        "current": None
        if current is None
        else {
            "call": current.whole("call"),
            "first": current.whole("first"),
            "size": current.whole("size"),
            "element": current.maybe("element"),
            "since": current.number("since"),
        },
    }


def _spans(report: Report) -> Iterator[Span]:
    for row in report.rows("recent", 5):
        numbers = Report(dict(zip(Span._fields, row, strict=False)))
        begin, end = numbers.number("begin"), numbers.number("end")
        if 0 < begin <= end:
            yield Span(
                numbers.whole("call"), numbers.whole("first"), numbers.whole("size"), begin, end
            )


def _throughput(spans: Sequence[Span], now: float) -> charts.Chart | None:
    """Draw the elements done in each second of the window."""
    done = [0.0] * WINDOW
    for span in spans:
        duration = max(span.end - span.begin, 0.001)
        first, last = (int(when - now) + WINDOW for when in (span.begin, span.end))
        for second in range(max(0, first - 1), min(WINDOW, last + 1)):
            begin = now - WINDOW + second
            overlap = min(span.end, begin + 1) - max(span.begin, begin)
            if overlap > 0:
                done[second] += span.size * overlap / duration
    if not any(done):
        return None
    return charts.steps(list(enumerate(done)), 0, WINDOW, width=480, height=80)


def _drawn(spans: Sequence[Span], report: Report, now: float) -> Iterator[dict[str, Any]]:
    """Place spans in a timeline of 1000 units, which ends now."""
    current = report.part("current")
    shown = [(span, False) for span in spans]
    if current is not None:
        span = Span(
            current.whole("call"),
            current.whole("first"),
            current.whole("size"),
            current.number("since"),
            now,
        )
        shown.append((span, True))
    for span, runs in shown:
        begin = max(0.0, 1 - (now - span.begin) / WINDOW)
        end = min(1.0, 1 - (now - span.end) / WINDOW)
        if end > 0 and begin < 1:
            yield {
                "x": round(1000 * begin, 1),
                "width": max(1.0, round(1000 * (end - begin), 1)),
                "call": span.call,
                "first": span.first,
                "size": span.size,
                "seconds": round(span.end - span.begin, 3),
                "runs": runs,
            }


def _failures(inspector: Inspector, ws: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for rank, content in sleighs.read_reports(inspector, ws, sleighs.FAILURES):
        for each in content if isinstance(content, list) else ():
            failure = Report(each)
            found.append(
                {
                    "rank": rank,
                    "time": failure.number("time"),
                    "call": failure.whole("call"),
                    "element": failure.whole("element"),
                    "text": shorten(failure.text("text"), _TEXT),
                }
            )
    return sorted(found, key=lambda failure: -failure["time"])[:_FAILURES]


def _lines(reports: dict[int, Report]) -> list[dict[str, Any]]:
    """Return the last lines of output of all workers, oldest first."""
    lines: list[dict[str, Any]] = []
    for rank, report in reports.items():
        for when, call, element, stream, text in (row[:5] for row in report.rows("lines", 5)):
            line = Report({"time": when, "call": call, "element": element, "text": text})
            lines.append(
                {
                    "rank": rank,
                    "time": line.number("time"),
                    "element": line.whole("element", -1),
                    "stream": stream if stream in ("stdout", "stderr", "log") else "",
                    "text": shorten(line.text("text"), _TEXT),
                }
            )
    return sorted(lines, key=lambda line: line["time"])[-_LINES:]


def _launch(inspector: Inspector, ws: bytes) -> dict[str, Any] | None:
    """Return how a worker joins by hand, while the group is open for that."""
    run_me = sleighs.read_text(inspector, ws, sleighs.RUN_ME)
    waits = inspector.look.variable(ws, sleighs.WAITS_FOR_WORKERS)
    if run_me is None or waits is None:
        return None
    return {"run": run_me}
