"""Trees of names with ``/``: the names that begin alike are under what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from nws_server.web.names import DisplayName
from nws_server.web.query import Query
from nws_server.web.tables import ROWS_PER_PAGE, Column, Table, make_table

__all__ = ["ROWS_PER_TREE", "describe_listing", "make_listing"]

R = TypeVar("R")

ROWS_PER_TREE: Final = 200
"""Length of a page. It is longer than that of a table, since most of it is folded."""

_MAX_OPEN_ROWS: Final = 50
"""A tree with at most this number of names is shown unfolded."""

_MAX_DEPTH: Final = 8
"""Names with more slashes show them as they are."""


def make_listing(
    rows: Sequence[R],
    query: Query,
    columns: Mapping[str, Column[R]],
    name_of: Callable[[R], bytes],
) -> tuple[Table[R], bool]:
    """Return the page of a table, and whether it is shown as a tree.

    That is as the field ``view`` has it, which is ``tree`` or ``table``. Without it, rows in the
    order of their names are a tree if two of them are in one folder.
    """
    view = query.choice("view", ("", "tree", "table"), "")
    names = map(name_of, rows)
    is_tree = view == "tree" or (not view and not query.get("sort") and _have_folder(names))
    size = ROWS_PER_TREE if is_tree else ROWS_PER_PAGE
    return make_table(rows, query, columns, name_of, size), is_tree


def describe_listing(
    table: Table[R],
    is_tree: bool,
    name_of: Callable[[R], bytes],
    describe: Callable[[R], dict[str, Any]],
) -> dict[str, Any]:
    """Return the page of a table as plain data, with its tree if it is shown as one."""
    described = table.described(describe)
    named = [(name_of(row), data) for row, data in zip(table.rows, described["rows"], strict=True)]
    has_folder = is_tree or _have_folder(name for name, _ in named)
    tree = {"open": len(named) <= _MAX_OPEN_ROWS, **_grow(named)} if is_tree else None
    return {"table": described, "tree": tree, "has_folder": has_folder}


def _have_folder(names: Iterable[bytes]) -> bool:
    folders: set[bytes] = set()
    for name in names:
        folder, slash, _ = name.partition(b"/")
        if slash and folder in folders:
            return True
        if slash:
            folders.add(folder)
    return False


def _grow(named: Sequence[tuple[bytes, dict[str, Any]]], start: int = 0, depth: int = 0) -> Any:
    """Return the tree of rows that have the beginning of their names in common.

    Args:
        named: the names and rows.
        start: length of the beginning.
        depth: how many folders these are in.
    """
    folders: dict[bytes, list[tuple[bytes, dict[str, Any]]]] = {}
    for name, row in named:
        end = name.find(b"/", start) + 1 if depth < _MAX_DEPTH else 0
        folders.setdefault(name[start:end] if end else name, []).append((name, row))
    branches = []
    leaves = []
    for folder, members in folders.items():
        if len(members) > 1:
            inner = _grow(members, start + len(folder), depth + 1)
            branches.append({"label": DisplayName(folder), "count": len(members), **inner})
        else:
            ((name, row),) = members
            leaves.append({**row, "label": DisplayName(name[start:] or name)})
    return {"branches": branches, "leaves": leaves}
