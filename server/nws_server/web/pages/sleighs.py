"""The page of all sleighs: those that are there, and those that have ended lately."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from nws_server.web import sleigh_reports
from nws_server.web.inspector import Inspector
from nws_server.web.kept_runs import KeptRun
from nws_server.web.names import DisplayName, shorten
from nws_server.web.original_sleigh import is_original_sleigh
from nws_server.web.query import Query
from nws_server.web.reports import Report
from nws_server.web.sleigh_reports import SleighReports
from nws_server.web.tables import Column, make_table

__all__ = ["show_sleighs"]


class _Row(NamedTuple):
    """A sleigh. Times are of the epoch."""

    ws: bytes
    name: str
    """What its user calls it."""
    state: str
    """``running``, ``idle`` or ``ended``; ``original`` for one of the original, of which no more is
    known here."""
    call: dict[str, Any] | None
    """The last one."""
    workers: int
    elements: int
    """How many its workers have run: again, if one ran again."""
    failed: int
    """How many have failed in the last calls."""
    began: float
    ended: float | None


_COLUMNS: Final[dict[str, Column[_Row]]] = {
    "age": Column(lambda row: row.began, largest_first=True),
    "name": Column(lambda row: (row.name, row.ws)),
    "state": Column(lambda row: row.state),
    "workers": Column(lambda row: row.workers, largest_first=True),
    "elements": Column(lambda row: row.elements, largest_first=True),
    "failed": Column(lambda row: row.failed, largest_first=True),
}


def show_sleighs(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List the sleighs. Fields: ``search``, ``sort``, ``order``, ``page``."""
    there = inspector.cost_cache.get("sleighs", lambda: _there(inspector))
    names = {row.ws for row in there}
    ended = [_ended(inspector, run) for run in inspector.kept_runs if run.ws not in names]
    table = make_table([*there, *ended], query, _COLUMNS, _searched)
    return {"table": table.described(_described)}


def _searched(row: _Row) -> bytes:
    return row.name.encode("utf-8", "replace") + b"\n" + row.ws


def _there(inspector: Inspector) -> list[_Row]:
    rows = []
    for view in inspector.look.workspaces():
        began = inspector.epoch(view.created)
        if sleigh_reports.is_sleigh(inspector, view.name):
            reports = sleigh_reports.read_sleigh(inspector, view.name, failures=False)
            rows.append(_row(view.name, reports, began))
        elif is_original_sleigh(inspector, view.name):
            rows.append(_Row(view.name, "", "original", None, 0, 0, 0, began, None))
    return rows


def _ended(inspector: Inspector, run: KeptRun) -> _Row:
    def read() -> _Row:
        row = _row(run.ws, sleigh_reports.kept_reports(run), run.began)
        return row._replace(state="ended", ended=run.ended)

    return inspector.cost_cache.get(("ended row", run), read)


def _row(ws: bytes, reports: SleighReports, began: float) -> _Row:
    workers = reports.workers()
    calls = list(reports.calls())
    running = any(not call.flag("over") for call in calls)
    return _Row(
        ws,
        reports.name,
        "running" if running else "idle",
        _call(calls[-1]) if calls else None,
        len(workers),
        max(
            sum(report.whole("elements") for report in workers.values()),
            sum(call.whole("arrived") for call in calls),  # workers report once a second
        ),
        sum(call.whole("failed") for call in calls),
        began,
        None,
    )


def _call(call: Report) -> dict[str, Any]:
    total = call.maybe("elements")
    return {
        "kind": shorten(call.text("kind"), 40),
        "function": shorten(call.text("function"), 80),
        "arrived": call.whole("arrived"),
        "elements": None if total is None else int(total),
        "over": call.flag("over"),
    }


def _described(row: _Row) -> dict[str, Any]:
    return {**row._asdict(), "ws": DisplayName(row.ws)}
