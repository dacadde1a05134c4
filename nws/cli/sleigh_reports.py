"""What sleighs publish of themselves: JSON texts in their workspaces. docs/sleigh.md has the keys.

Anybody can store anything there. So nothing is unpickled, and what is no such report is left out.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from nws.cli.raw_values import RawValue, find_value
from nws.client import NetWorkSpace, NwsServer, WorkspaceInfo
from nws.descriptors import is_direct
from nws.errors import NwsNoWorkSpaceException, NwsTimeoutException
from nws.sleigh.shared.groups import group_of, is_queue
from nws.sleigh.shared.messages import (
    CALLS,
    NAME,
    RANK_COUNT,
    RESULT,
    TASK,
    WORKER,
    WORKER_COUNT,
    worker_variable,
)
from nws.workspace.presence import gone_of

__all__ = [
    "calls_in",
    "calls_of",
    "is_sleigh",
    "lacking_groups",
    "name_of",
    "number_or_0",
    "report_in",
    "sleighs_on",
    "workers_of",
]

_MARKS: Final = (TASK, RESULT, RANK_COUNT, WORKER_COUNT)
"""Variables that all sleighs have, and hardly anybody else."""


def is_sleigh(variables: Container[str]) -> bool:
    """Tell whether a workspace with these variables looks like that of a sleigh."""
    return all(mark in variables for mark in _MARKS)


def sleighs_on(server: NwsServer, listing: Mapping[str, WorkspaceInfo]) -> list[dict[str, Any]]:
    """Return a line about each sleigh on a server.

    Args:
        server: to ask.
        listing: its workspaces.
    """
    names = [each.name for each in listing.values() if is_sleigh(each.varlist)]
    return [line for name in names if (line := _line_about(server, name)) is not None]


def name_of(ws: NetWorkSpace) -> str | None:
    """Return what a sleigh is called; None if it has no name."""
    try:
        value = find_value(ws, NAME, 0)
    except NwsTimeoutException:
        return None
    text = value.payload.decode(errors="replace") if is_direct(value.descriptor) else ""
    return text or None


def _line_about(server: NwsServer, name: str) -> dict[str, Any] | None:
    """Return what is listed of a sleigh; None if it has just ended."""
    try:
        ws = server.useWs(name, create=False)
        title, workers, calls = name_of(ws), workers_of(ws), calls_of(ws)
    except NwsNoWorkSpaceException:
        return None
    under_way = [call for call in calls if not call.get("over")]
    return {
        "sleigh": name,
        "name": title,
        "workers": sum(worker.get("state") != "gone" for worker in workers),
        "calls": len(under_way),
        "results": sum(number_or_0(call.get("arrived")) for call in under_way),
        "submitted": sum(number_or_0(call.get("submitted")) for call in under_way),
        "failed": sum(number_or_0(call.get("failed")) for call in under_way),
    }


def number_or_0(value: object) -> int:
    """Return what a report has for a number; 0 if it is none."""
    return value if isinstance(value, int) else 0


def calls_of(ws: NetWorkSpace) -> list[dict[str, Any]]:
    """Return the reports about the calls under way and the last that ended, the oldest first."""
    try:
        return calls_in(find_value(ws, CALLS, 0))
    except NwsTimeoutException:
        return []


def calls_in(value: RawValue) -> list[dict[str, Any]]:
    """Return the reports about calls in a value of the variable `CALLS`."""
    report = report_in(value)
    calls = report.get("calls") if report is not None else None
    if not isinstance(calls, list):
        return []
    return [
        call for call in calls if isinstance(call, dict) and isinstance(call.get("number"), int)
    ]


def workers_of(ws: NetWorkSpace) -> list[dict[str, Any]]:
    """Return the reports about all workers, by rank. Where a supervisor is gone, its report is out
    of date, and the state of the worker is ``gone``."""
    listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    words = (name.partition(" ") for name in listing)
    ranks = sorted(int(rank) for word, _, rank in words if word == WORKER and rank.isdecimal())
    reports = [_read_report(ws, worker_variable(rank)) for rank in ranks]
    found = [report for report in reports if report is not None]
    for report in found:
        will = listing.get(gone_of(str(report.get("id"))))
        if will is not None and will.values:
            report.update(state="gone", current=None)
    return found


def lacking_groups(ws: NetWorkSpace, workers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many tasks wait for groups to which none of these workers belongs."""
    listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    groups = {str(worker.get("group")) for worker in workers if worker.get("state") != "gone"}
    queues = {group_of(name): info.values for name, info in listing.items() if is_queue(name)}
    return {
        group: tasks for group, tasks in queues.items() if group and tasks and group not in groups
    }


def _read_report(ws: NetWorkSpace, variable: str) -> dict[str, Any] | None:
    """Return a report; None if there is none."""
    try:
        return report_in(find_value(ws, variable, 0))
    except NwsTimeoutException:
        return None


def report_in(value: RawValue) -> dict[str, Any] | None:
    """Return the report in a value; None if it is none."""
    try:
        report = json.loads(value.payload) if is_direct(value.descriptor) else None
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None
