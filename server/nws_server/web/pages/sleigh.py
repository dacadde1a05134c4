"""The page of a sleigh: its calls, workers, failures and output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from nws_server.web import sleigh_reports
from nws_server.web.durations import describe_durations, durations_in
from nws_server.web.inspector import Inspector
from nws_server.web.kept_runs import KeptRun
from nws_server.web.names import DisplayName, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.original_sleigh import describe_original_sleigh, is_original_sleigh
from nws_server.web.query import Query
from nws_server.web.reports import Report, read_text
from nws_server.web.sleigh_failures import describe_kinds, failures_of
from nws_server.web.sleigh_output import LastLines
from nws_server.web.sleigh_reports import SleighReports
from nws_server.web.sleigh_requests import can_be_cancelled
from nws_server.web.sleigh_workers import WorkerRow, describe_worker, sums_of, worker_table
from nws_server.web.timeline import (
    TIMELINE_SECONDS,
    Activity,
    place_spans,
    timeline_axis,
)

__all__ = ["show_sleigh"]

_MAX_CALLS: Final = 50
_MAX_KINDS: Final = 50
"""Of failures."""

_MAX_GROUPS: Final = 50
_MAX_JOBS: Final = 1000
_MAX_REASON_CHARS: Final = 500
_MAX_LINES: Final = 50


def show_sleigh(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show the sleigh of a workspace, or one that has ended lately. Fields: ``name``, and for its
    workers ``search``, ``sort``, ``order``, ``page``.

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
        seen = inspector.cost_cache.get(("sleigh", ws), lambda: _look_at(inspector, ws))
        return _show(seen, query, ws, ended=None, launch=_launch(inspector, ws))
    run = inspector.kept_runs.get(ws)
    if run is None:
        raise NotFound(f"there is no sleigh with the workspace {DisplayName(ws).short!r}")
    seen = inspector.cost_cache.get(("ended", run), lambda: _look_back_at(run))
    return _show(seen, query, ws, ended=run.ended, launch=None)


class _Seen(NamedTuple):
    """What is shown of a sleigh, whichever of its workers are."""

    data: dict[str, Any]
    workers: Sequence[WorkerRow]
    reports: SleighReports
    now: float
    """When it was looked at, or when it ended."""


def _show(seen: _Seen, query: Query, ws: bytes, **more: Any) -> dict[str, Any]:
    table = worker_table(seen.workers, query)
    return {
        "workspace": DisplayName(ws),
        "original": None,
        **more,
        **seen.data,
        "workers": table.described(dict),
        "timeline": [_lane(seen, row) for row in table.rows],
    }


def _lane(seen: _Seen, row: WorkerRow) -> dict[str, Any]:
    report = seen.reports.worker(row["rank"])  # read again: those of all would be much to hold
    assert report is not None
    return {"rank": row["rank"], "spans": list(place_spans(report, seen.now))}


def _look_at(inspector: Inspector, ws: bytes) -> _Seen:
    reports = sleigh_reports.read_sleigh(inspector, ws)
    return _see(reports, float(round(inspector.now())))


def _look_back_at(run: KeptRun) -> _Seen:
    seen = _see(sleigh_reports.kept_reports(run), run.ended)
    for call in seen.data["calls"]:
        call["cancelled"] = call["cancelled"] or not call["over"]
        call["over"] = True
        call["can_be_cancelled"] = False
    return seen


def _see(reports: SleighReports, now: float) -> _Seen:
    workers: list[WorkerRow] = []
    activity, lines = Activity(now), LastLines(_MAX_LINES)
    durations: Counter[float] = Counter()
    for rank, report in reports.each_worker():
        workers.append(describe_worker(rank, report))
        activity.add(report)
        lines.add(rank, report)
        durations.update(durations_in(report))
    calls = _calls(reports.calls(), activity, now)
    data = {
        "name": reports.name,
        "calls": calls,
        "sums": sums_of(workers),
        "closed": reports.closed,
        "tasks": {
            "queued": sum(reports.queued.values()),
            "running": reports.running,
            "results": reports.unread,
        },
        "lacking_groups": [] if reports.ended else _lacking_groups(reports, workers),
        "throughput": activity.draw_throughput(ended=reports.ended),
        "durations": describe_durations(durations),
        "window": TIMELINE_SECONDS,
        "axis": timeline_axis(ended=reports.ended),
        "failed": sum(call["failed"] for call in calls),
        "batch": _batch(reports),
        "failures": describe_kinds(failures_of(reports))[:_MAX_KINDS],
        "lines": [line._asdict() for line in lines.oldest_first()],
    }
    return _Seen(data, workers, reports, now)


def _lacking_groups(reports: SleighReports, workers: Iterable[WorkerRow]) -> list[dict[str, Any]]:
    """Return the groups for which tasks wait and to which no worker belongs, each with how many."""
    groups = {row["group"] for row in workers if row["state"] != "gone"}
    lacking = [
        {"group": group, "tasks": tasks}
        for group, tasks in sorted(reports.queued.items())
        if group and tasks and group not in groups
    ]
    return lacking[:_MAX_GROUPS]


def _calls(reports: Iterable[Report], activity: Activity, now: float) -> list[dict[str, Any]]:
    """Describe the calls under way and the last ones that ended, oldest first."""
    calls = [_call(call, activity, now) for call in reports]
    return list({call["number"]: call for call in calls}.values())[-_MAX_CALLS:]


def _call(call: Report, activity: Activity, now: float) -> dict[str, Any]:
    number, kind, began = call.whole("number"), call.text("kind"), call.number("began")
    total, arrived = call.maybe("elements"), call.whole("arrived")
    if kind == "submit":  # the entry stands for many calls, each with a number of its own
        rate = arrived / max(1.0, now - began)
    else:
        rate = activity.rate_of(number, began)
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
