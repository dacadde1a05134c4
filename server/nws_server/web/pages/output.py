"""The page of what the workers of a sleigh wrote: searched, sorted, and to be downloaded."""

from __future__ import annotations

from typing import Any, Final

from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName
from nws_server.web.query import Query
from nws_server.web.sleigh_output import OutputLine, all_lines_of, logs_of
from nws_server.web.sleigh_reports import find_sleigh
from nws_server.web.tables import Column, make_table

__all__ = ["show_output"]

_LINES_PER_PAGE: Final = 200
_MAX_LOGS: Final = 20

_COLUMNS: Final[dict[str, Column[OutputLine]]] = {
    "time": Column(lambda line: line.time, largest_first=True),
    "worker": Column(lambda line: line.rank),
    "element": Column(lambda line: line.element),
}


def show_output(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List lines. Fields: ``name``, ``search``, ``sort``, ``order``, ``page``.

    Raises:
        NotFound: there is no sleigh with this workspace, and none has ended there lately.
    """
    ws = query.need("name")
    sleigh = find_sleigh(inspector, ws, output=True)
    lines = all_lines_of(sleigh.reports)
    table = make_table(lines, query, _COLUMNS, _searched, _LINES_PER_PAGE)
    return {
        "workspace": DisplayName(ws),
        "ended": sleigh.ended,
        "logs": logs_of(sleigh.reports.workers())[:_MAX_LOGS],
        "table": table.described(OutputLine._asdict),
    }


def _searched(line: OutputLine) -> bytes:
    return line.text.encode("utf-8", "replace")
