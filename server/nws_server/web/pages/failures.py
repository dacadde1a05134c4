"""The page of the failures of a sleigh, one by one: searched, and those of one call."""

from __future__ import annotations

from typing import Any, Final

from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName
from nws_server.web.query import Query
from nws_server.web.sleigh_failures import ReportedFailure, failures_of
from nws_server.web.sleigh_reports import find_sleigh
from nws_server.web.tables import Column, make_table

__all__ = ["show_failures"]

_COLUMNS: Final[dict[str, Column[ReportedFailure]]] = {
    "time": Column(lambda failure: failure.time, largest_first=True),
    "element": Column(lambda failure: (failure.call, failure.element)),
    "worker": Column(lambda failure: failure.rank),
    "summary": Column(lambda failure: failure.summary),
}


def show_failures(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List failures. Fields: ``name``, ``call``, ``search``, ``sort``, ``order``, ``page``.

    Raises:
        NotFound: there is no sleigh with this workspace, and none has ended there lately.
    """
    ws = query.need("name")
    sleigh = find_sleigh(inspector, ws)
    failures = failures_of(sleigh.reports)
    call = query.number("call", 0)
    wanted = [failure for failure in failures if failure.call == call] if call else failures
    table = make_table(wanted, query, _COLUMNS, _searched)
    return {
        "workspace": DisplayName(ws),
        "ended": sleigh.ended,
        "failed": sum(report.whole("failed") for report in sleigh.reports.calls()),
        "call": call,
        "calls": sorted({failure.call for failure in failures}),
        "table": table.described(ReportedFailure._asdict),
    }


def _searched(failure: ReportedFailure) -> bytes:
    return f"{failure.summary}\n{failure.text}".encode("utf-8", "replace")
