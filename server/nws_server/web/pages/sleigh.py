"""The page of a sleigh: its calls, workers, failures and output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nws_server.web import sleigh_reports
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.original_sleigh import describe_original_sleigh, is_original_sleigh
from nws_server.web.query import Query
from nws_server.web.reports import Report, read_report, read_text
from nws_server.web.timeline import (
    TIMELINE_SECONDS,
    BusySpan,
    draw_throughput,
    place_spans,
    read_spans,
    recent_rate,
)

__all__ = ["show_sleigh"]

_MAX_CALLS: Final = 50
_MAX_FAILURES: Final = 20
_MAX_LINES: Final = 50
_MAX_SUMMARY_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 4000


def show_sleigh(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show the sleigh of a workspace. Field: ``name``.

    Raises:
        NotFound: the workspace is not that of a sleigh.
    """
    ws = query.need("name")
    if is_original_sleigh(inspector, ws):
        original = describe_original_sleigh(inspector, ws)
        return {
            "workspace": DisplayName(ws),
            "original": original,
            "workers": original["workers"],
            "launch": _launch(inspector, ws),
        }
    if not sleigh_reports.is_sleigh(inspector, ws):
        raise NotFound(f"there is no sleigh with the workspace {DisplayName(ws).short!r}")
    return inspector.cost_cache.get(("sleigh", ws), lambda: _show(inspector, ws))


def _show(inspector: Inspector, ws: bytes) -> dict[str, Any]:
    now = float(round(inspector.now()))
    reports = sleigh_reports.read_workers(inspector, ws)
    spans = {rank: list(read_spans(report)) for rank, report in reports.items()}
    every_span = [span for each in spans.values() for span in each]
    look = inspector.look
    queued = look.variable(ws, sleigh_reports.TASKS)
    unread = look.variable(ws, sleigh_reports.RESULTS)
    count = look.variable(ws, sleigh_reports.WORKER_COUNT)
    return {
        "workspace": DisplayName(ws),
        "original": None,
        "calls": _calls(inspector, ws, every_span, now),
        "workers": [_worker(rank, report) for rank, report in reports.items()],
        "closed": bool(count and count.values),
        "tasks": {
            "queued": queued.values if queued else 0,
            "running": queued.leased if queued else 0,
            "results": unread.values if unread else 0,
        },
        "throughput": draw_throughput(every_span, now),
        "timeline": [
            {"rank": rank, "spans": list(place_spans(spans[rank], report, now))}
            for rank, report in reports.items()
        ],
        "window": TIMELINE_SECONDS,
        "failures": _failures(inspector, ws),
        "lines": _lines(reports),
        "launch": _launch(inspector, ws),
    }


def _calls(
    inspector: Inspector, ws: bytes, spans: Sequence[BusySpan], now: float
) -> list[dict[str, Any]]:
    """Describe the calls under way and the last ones that ended, oldest first."""
    report = read_report(inspector, ws, sleigh_reports.CALLS)
    calls = [] if report is None else [_call(call, spans, now) for call in report.parts("calls")]
    return list({call["number"]: call for call in calls}.values())[-_MAX_CALLS:]


def _call(call: Report, spans: Sequence[BusySpan], now: float) -> dict[str, Any]:
    number, kind, began = call.whole("number"), call.text("kind"), call.number("began")
    total, arrived = call.maybe("elements"), call.whole("arrived")
    if kind == "submit":  # the entry stands for many calls, each with a number of its own
        rate = arrived / max(1.0, now - began)
    else:
        rate = recent_rate(spans, number, began, now)
    left = None
    if total is not None and rate > 0 and not call.flag("over"):
        left = max(0.0, total - arrived) / rate
    return {
        "number": number,
        "kind": shorten(kind, 40),
        "function": shorten(call.text("function"), 200),
        "elements": None if total is None else int(total),
        "submitted": call.whole("submitted"),
        "arrived": arrived,
        "failed": call.whole("failed"),
        "began": began,
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


def _failures(inspector: Inspector, ws: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for rank, content in sleigh_reports.read_reports(inspector, ws, sleigh_reports.FAILURES):
        for each in content if isinstance(content, list) else ():
            failure = Report(each)
            found.append(
                {
                    "rank": rank,
                    "time": failure.number("time"),
                    "call": failure.whole("call"),
                    "element": failure.whole("element"),
                    "summary": shorten(failure.text("summary"), _MAX_SUMMARY_CHARS),
                    "text": shorten(failure.text("text"), _MAX_TEXT_CHARS),
                }
            )
    return sorted(found, key=lambda failure: -failure["time"])[:_MAX_FAILURES]


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
                    "text": shorten(line.text("text"), _MAX_TEXT_CHARS),
                }
            )
    return sorted(lines, key=lambda line: line["time"])[-_MAX_LINES:]


def _launch(inspector: Inspector, ws: bytes) -> dict[str, Any] | None:
    """Return the line that starts a worker by hand; None if no more can join that way."""
    run_me = read_text(inspector, ws, sleigh_reports.RUN_ME)
    waits = inspector.look.variable(ws, sleigh_reports.WAITS_FOR_WORKERS)
    if run_me is None or waits is None:
        return None
    return {"run": run_me}
