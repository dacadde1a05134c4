"""Tables: rows that are searched, sorted, and shown page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from nws_server.web.query import Query

__all__ = ["ROWS_PER_PAGE", "Column", "Table", "make_table"]

R = TypeVar("R")

ROWS_PER_PAGE: Final = 50
"""Length of a page."""


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column by which a table can be sorted."""

    key: Callable[[R], Any]
    largest_first: bool = False
    """Whether the first click sorts in descending order."""


@dataclass(frozen=True)
class Table(Generic[R]):
    """One page of rows, and what is needed to show it.

    Attributes:
        rows: of this page.
        total, found: the number of all rows, and of those that match the search.
        page, pages: counted from 1.
        sort, largest_first: the order.
        search: the text searched for.
    """

    rows: Sequence[R]
    total: int
    found: int
    page: int
    pages: int
    sort: str
    largest_first: bool
    search: str

    def described(self, describe: Callable[[R], dict[str, Any]]) -> dict[str, Any]:
        """Return the table as plain data; `describe` turns each row into plain data."""
        return {**vars(self), "rows": [describe(row) for row in self.rows]}


def make_table(
    rows: Sequence[R],
    query: Query,
    columns: Mapping[str, Column[R]],
    name_of: Callable[[R], bytes],
    rows_per_page: int = ROWS_PER_PAGE,
) -> Table[R]:
    """Return the page of a table for the fields ``sort``, ``order``, ``search`` and ``page``.

    Args:
        rows: all rows.
        query: the fields of the request.
        columns: by the word for ``sort``; the first is the default.
        name_of: returns the name of a row, which is searched regardless of case.
        rows_per_page: length of a page.

    Raises:
        BadQuery: a field is invalid.
    """
    sort = query.choice("sort", columns, next(iter(columns)))
    column = columns[sort]
    order = query.choice("order", ("up", "down"), "down" if column.largest_first else "up")
    search = query.get("search")
    wanted = search.lower()
    found = [row for row in rows if wanted in name_of(row).lower()] if wanted else rows
    chosen = sorted(found, key=column.key, reverse=order == "down")
    pages = max(1, -(-len(chosen) // rows_per_page))
    page = min(query.number("page", 1, least=1), pages)
    start = (page - 1) * rows_per_page
    return Table(
        chosen[start : start + rows_per_page],
        len(rows),
        len(chosen),
        page,
        pages,
        sort,
        order == "down",
        query.text("search"),
    )
