"""Tables of values, as babelfishes store them: validated, because any client can store one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["ValueTable", "join_records", "read_table"]

_MAX_TABLE_BYTES: Final = 200_000
"""Of the JSON; ours stores far less."""

_NO_NUMBERS: Final = frozenset({"", "None", "<NA>"})
"""What stands in a column of numbers where there is none."""


class ValueTable(NamedTuple):
    """The beginning of a value in rows and columns.

    Attributes:
        kind: what the value is, for people: ``DataFrame``, ``array``, ``list``, or the class of a
            record.
        record: whether the value is one row, which can be joined with others of the same columns.
        columns: their headings.
        labels: of the rows; None if these are counted from 0.
        rows: their cells.
        height, width: how many rows and columns the whole value has.
    """

    kind: str
    record: bool
    columns: list[str]
    labels: list[str] | None
    rows: list[list[str]]
    height: int
    width: int

    def described(self) -> dict[str, Any]:
        """Return it as plain data, with which columns are ``numeric``."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.columns)
        return {**self._asdict(), "numeric": [all(map(_is_number, cells)) for cells in columns]}


def read_table(data: bytes) -> ValueTable | None:
    """Read the JSON of a table; None if it is not one."""
    if len(data) > _MAX_TABLE_BYTES:
        return None
    try:
        content: Any = ValueTable(**json.loads(data))
    except (ValueError, TypeError, RecursionError):
        return None
    return content if _is_valid(content) else None


def join_records(tables: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Join described records of several values to one described table, in their order.

    Returns:
        The table; None if there are less than two, or one is no record, or of another shape.
    """
    first, *others = tables or [None]
    if first is None or not first["record"] or not others:
        return None
    columns: list[str] = first["columns"]
    rows = [first["rows"][0]]
    for other in others:
        if other is None or not other["record"] or other["kind"] != first["kind"]:
            return None
        cells = dict(zip(other["columns"], other["rows"][0], strict=True))
        if cells.keys() != set(columns):
            return None
        rows.append([cells[name] for name in columns])
    kind, width = first["kind"], first["width"]
    return ValueTable(kind, False, columns, None, rows, len(rows), width).described()


def _is_valid(table: Any) -> bool:
    labels = table.labels
    return (  # a client can have stored any type in any field
        isinstance(table.kind, str)
        and isinstance(table.record, bool)
        and _are_texts(table.columns)
        and isinstance(table.rows, list)
        and all(_are_texts(row) and len(row) == len(table.columns) for row in table.rows)
        and (labels is None or (_are_texts(labels) and len(labels) == len(table.rows)))
        and _is_count(table.height, len(table.rows))
        and _is_count(table.width, len(table.columns))
        and (not table.record or (len(table.rows), table.height) == (1, 1))
    )


def _are_texts(values: Any) -> bool:
    return type(values) is list and all(type(value) is str for value in values)


def _is_number(text: str) -> bool:
    if text in _NO_NUMBERS:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_count(number: Any, least: int) -> bool:
    return type(number) is int and number >= least
