"""The workers of a sleigh on its page: a table in pages, and what all of them add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from nws_server.web.names import shorten
from nws_server.web.query import Query
from nws_server.web.reports import Report
from nws_server.web.sleigh_reports import MAX_GROUP_CHARS
from nws_server.web.sleigh_requests import can_be_killed
from nws_server.web.tables import Column, Table, make_table

__all__ = ["WorkerRow", "describe_worker", "sums_of", "worker_table"]

_SUMMED: Final = ("elements", "cpu", "memory", "deaths")

WorkerRow = dict[str, Any]
"""What the table shows of a worker."""


def describe_worker(rank: int, report: Report) -> WorkerRow:
    """Return the row of a worker."""
    current = report.part("current")
    return {
        "rank": rank,
        "host": shorten(report.text("name") or report.text("host"), 100),
        "group": shorten(report.text("group"), MAX_GROUP_CHARS),
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


_COLUMNS: Final[dict[str, Column[WorkerRow]]] = {
    "rank": Column(itemgetter("rank")),
    "host": Column(itemgetter("host")),
    "state": Column(itemgetter("state")),
    "elements": Column(itemgetter("elements"), largest_first=True),
    "cpu": Column(lambda row: row["cpu"] or 0, largest_first=True),
    "memory": Column(lambda row: row["memory"] or 0, largest_first=True),
    "deaths": Column(itemgetter("deaths"), largest_first=True),
    "started": Column(itemgetter("started"), largest_first=True),
}


def worker_table(workers: Sequence[WorkerRow], query: Query) -> Table[WorkerRow]:
    """Return a page of the table of all workers, for the fields ``sort``, ``order``, ``search`` and
    ``page``.

    Raises:
        BadQuery: a field is invalid.
    """
    return make_table(workers, query, _COLUMNS, _searched)


def _searched(row: WorkerRow) -> bytes:
    words = (row["rank"], row["host"], row["group"], row["pid"], row["state"])
    return " ".join(map(str, words)).encode("utf-8", "replace")


def sums_of(workers: Sequence[WorkerRow]) -> dict[str, Any]:
    """Return what all workers add up to: ``states``, how many are in each, the most frequent first;
    ``elements``, ``cpu``, ``memory`` and ``deaths``."""
    states = Counter(row["state"] for row in workers)
    return {
        "states": [{"state": state, "workers": count} for state, count in states.most_common()],
        **{key: sum(row[key] or 0 for row in workers) for key in _SUMMED},
    }
