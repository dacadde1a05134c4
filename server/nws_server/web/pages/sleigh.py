"""The page of a sleigh: its calls, workers, failures and output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from nws_server.web import sleigh_reports
from nws_server.web.durations import describe_durations
from nws_server.web.inspector import Inspector
from nws_server.web.kept_runs import KeptRun
from nws_server.web.names import DisplayName, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.original_sleigh import describe_original_sleigh, is_original_sleigh
from nws_server.web.query import Query
from nws_server.web.reports import Report, read_text
from nws_server.web.sleigh_failures import describe_kinds, failures_of
from nws_server.web.sleigh_output import lines_of
from nws_server.web.sleigh_reports import SleighReports
from nws_server.web.sleigh_requests import can_be_cancelled, can_be_killed
from nws_server.web.timeline import (
    TIMELINE_SECONDS,
    BusySpan,
    draw_throughput,
    place_spans,
    read_spans,
    recent_rate,
    timeline_axis,
)

__all__ = ["show_sleigh"]

_MAX_CALLS: Final = 50
_MAX_KINDS: Final = 50
"""Of failures."""

_MAX_JOBS: Final = 1000
_MAX_REASON_CHARS: Final = 500
_MAX_LINES: Final = 50


def show_sleigh(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show the sleigh of a workspace, or one that has ended lately. Field: ``name``.

    Raises:
        NotFound: the workspace is not that of a sleigh, and none has ended there lately.
    """
    ws = query.need("name")
    if is_original_sleigh(inspector, ws):
        original = describe_original_sleigh(inspector, ws)
        return {
            "workspace": DisplayName(ws),
            "name": "",
            "original": original,
            "ended": None,
            "workers": original["workers"],
            "launch": _launch(inspector, ws),
        }
    if sleigh_reports.is_sleigh(inspector, ws):
        return inspector.cost_cache.get(("sleigh", ws), lambda: _show(inspector, ws))
    run = inspector.kept_runs.get(ws)
    if run is None:
        raise NotFound(f"there is no sleigh with the workspace {DisplayName(ws).short!r}")
    return inspector.cost_cache.get(("ended", run), lambda: _show_ended(run))


def _show(inspector: Inspector, ws: bytes) -> dict[str, Any]:
    reports = sleigh_reports.read_sleigh(inspector, ws)
    data = _describe(reports, reports.workers(), float(round(inspector.now())), ended=False)
    return {
        "workspace": DisplayName(ws),
        "original": None,
        "ended": None,
        "launch": _launch(inspector, ws),
        **data,
    }


def _show_ended(run: KeptRun) -> dict[str, Any]:
    reports = sleigh_reports.kept_reports(run)
    workers = {
        rank: report.updated(state="ended", current=None)
        for rank, report in reports.workers().items()
    }
    data = _describe(reports, workers, run.ended, ended=True)
    for call in data["calls"]:
        call["cancelled"] = call["cancelled"] or not call["over"]
        call["over"] = True
        call["can_be_cancelled"] = False
    return {
        "workspace": DisplayName(run.ws),
        "original": None,
        "ended": run.ended,
        "launch": None,
        **data,
    }


def _describe(
    reports: SleighReports, workers: dict[int, Report], now: float, *, ended: bool
) -> dict[str, Any]:
    spans = {rank: list(read_spans(report)) for rank, report in workers.items()}
    every_span = [span for each in spans.values() for span in each]
    calls = _calls(reports.calls(), every_span, now)
    return {
        "name": reports.name,
        "calls": calls,
        "workers": [_worker(rank, report) for rank, report in workers.items()],
        "closed": reports.closed,
        "tasks": {
            "queued": reports.queued,
            "running": reports.running,
            "results": reports.unread,
        },
        "throughput": draw_throughput(every_span, now, ended=ended),
        "durations": describe_durations(workers.values()),
        "timeline": [
            {"rank": rank, "spans": list(place_spans(spans[rank], report, now))}
            for rank, report in workers.items()
        ],
        "window": TIMELINE_SECONDS,
        "axis": timeline_axis(ended=ended),
        "failed": sum(call["failed"] for call in calls),
        "batch": _batch(reports),
        "failures": describe_kinds(failures_of(reports))[:_MAX_KINDS],
        "lines": [line._asdict() for line in lines_of(workers)[-_MAX_LINES:]],
    }


def _calls(
    reports: Iterable[Report], spans: Sequence[BusySpan], now: float
) -> list[dict[str, Any]]:
    """Describe the calls under way and the last ones that ended, oldest first."""
    calls = [_call(call, spans, now) for call in reports]
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
        "can_be_cancelled": can_be_cancelled(call),
        "rate": round(rate, 1),
        "left": left,
    }


def _worker(rank: int, report: Report) -> dict[str, Any]:
    current = report.part("current")
    return {
        "rank": rank,
        "host": shorten(report.text("name") or report.text("host"), 100),
        "group": shorten(report.text("group"), 64),
        "pid": report.whole("pid"),
        "python": shorten(report.text("python"), 40),
        "state": shorten(report.text("state", "unknown"), 40),
        "started": report.number("started"),
        "deaths": report.whole("deaths"),
        "tasks": report.whole("tasks"),
        "elements": report.whole("elements"),
        "memory": report.maybe("memory"),
        "cpu": report.maybe("cpu"),
        "cpu_seconds": report.maybe("cpu_seconds"),
        "can_be_killed": can_be_killed(report),
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


def _batch(reports: SleighReports) -> dict[str, Any] | None:
    """Describe the jobs of a batch system; None if workers are in none."""
    system = reports.batch_system()
    if not system:
        return None
    jobs = [
        {
            "id": shorten(job.text("id"), 40),
            "job": shorten(job.text("job"), 100),
            "state": shorten(job.text("state"), 40),
            "reason": shorten(job.text("reason"), _MAX_REASON_CHARS),
        }
        for job in islice(reports.jobs(), _MAX_JOBS)
    ]
    return {"system": shorten(system, 40), "jobs": jobs}


def _launch(inspector: Inspector, ws: bytes) -> dict[str, Any] | None:
    """Return the line that starts a worker by hand; None if no more can join that way."""
    run_me = read_text(inspector, ws, sleigh_reports.RUN_ME)
    waits = inspector.look.variable(ws, sleigh_reports.WAITS_FOR_WORKERS)
    if run_me is None or waits is None:
        return None
    return {"run": run_me}
