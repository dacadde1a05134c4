"""Tables: values that consist of rows and columns, as texts of bounded length.

A table is a data frame, an array of two or more dimensions, a list of records of one shape, or a
single record: who shows several values can join their records to one table. A record is a dict with
texts as keys, a short list or tuple, or an object of a class, of which there are the attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from nws_babelfish.arrays import Array, array_of, scalar_of
from nws_babelfish.containers import container_of
from nws_babelfish.frames import Frame, frame_of
from nws_babelfish.standins import GlobalName, StandIn
from nws_babelfish.text import line_of

__all__ = ["Table", "table_of"]

_MAX_ROWS: Final = 100
_MAX_COLUMNS: Final = 30
_MAX_CELL_CHARS: Final = 60
_MAX_TABLE_CHARS: Final = 20_000
"""Length of all cells; beyond it there are fewer rows."""


class Table(NamedTuple):
    """The beginning of a value in rows and columns.

    Attributes:
        kind: what the value is: ``DataFrame``, ``array`` (with its shape, if it has more than two
            dimensions), ``list``, or the class of a record.
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


class _Record(NamedTuple):
    """A value that can be a row."""

    kind: str
    names: Sequence[str]
    cells: Sequence[Any]

    @property
    def shape(self) -> tuple[str, frozenset[str]]:
        """What records of one table have in common."""
        return self.kind, frozenset(self.names)


def table_of(value: Any) -> Table | None:
    """Return the table for a value; None if it has no rows and columns.

    Raises:
        MemoryError: there is not enough memory.
    """
    try:
        return _table_of(value)
    except MemoryError:
        raise
    except Exception:
        return None  # a damaged value is shown as a text


def _table_of(value: Any) -> Table | None:
    frame = frame_of(value)
    if frame is not None:
        return _of_frame(frame)
    array = array_of(value)
    if array is not None:
        return _of_array(array)
    if type(value) in (list, tuple):
        records = _alike(value)
        if records:
            return _of_records(type(value).__name__, records, len(value))
    record = _record_of(value)
    if record is None:
        return None
    return _of_records(record.kind, [record], 1)._replace(record=True)


def _of_frame(frame: Frame) -> Table:
    columns = range(min(frame.width, _MAX_COLUMNS))
    rows = range(min(frame.height, _MAX_ROWS))
    return _filled(
        frame.kind,
        [_heading(frame.heading(column)) for column in columns],
        [[frame.label(row), *(frame.cell(row, column) for column in columns)] for row in rows],
        (frame.height, frame.width),
        labeled=True,
    )


def _heading(name: Any) -> str:
    """Return the text for a heading; those of several levels are joined."""
    parts = name if type(name) is tuple else (name,)
    return line_of(" / ".join(line_of(part, _MAX_CELL_CHARS) for part in parts), _MAX_CELL_CHARS)


def _of_array(array: Array) -> Table | None:
    """Return records, or the grid of the last two dimensions; those of the others follow below, and
    rows say where in all dimensions but the last they are."""
    if array.size == 0:
        return None
    if array.fields and len(array.shape) == 1:
        height, width = array.shape[0], len(array.fields)
        names = array.fields[:_MAX_COLUMNS]
        cells: list[Sequence[Any]] = [
            array.element(row)[:_MAX_COLUMNS] for row in range(min(height, _MAX_ROWS))
        ]
        return _filled("array", names, cells, (height, width))
    *above, width = array.shape
    if not above:
        return None
    height = math.prod(above)
    columns, rows = range(min(width, _MAX_COLUMNS)), range(min(height, _MAX_ROWS))
    cells = [[array.element(row * width + column) for column in columns] for row in rows]
    headings = list(map(str, columns))
    if len(above) == 1:
        return _filled("array", headings, cells, (height, width))
    kind = line_of(f"array of shape {array.shape}", _MAX_CELL_CHARS)
    cells = [[_position(row, above), *texts] for row, texts in zip(rows, cells, strict=True)]
    return _filled(kind, headings, cells, (height, width), labeled=True)


def _position(number: int, shape: Sequence[int]) -> str:
    """Return the index in each dimension of what stands at a place in flat order."""
    indexes = []
    for length in reversed(shape):
        number, index = divmod(number, length)
        indexes.append(str(index))
    return ", ".join(reversed(indexes))


def _alike(values: Sequence[Any]) -> list[_Record]:
    """Return the first records of a list, if all these have one shape; else an empty list."""
    records: list[_Record] = []
    for value in islice(values, _MAX_ROWS):
        record = _record_of(value)
        if record is None or (records and record.shape != records[0].shape):
            return []
        records.append(record)
    return records


def _of_records(kind: str, records: Sequence[_Record], height: int) -> Table:
    names = records[0].names
    rows = []
    for record in records:
        cells = dict(zip(record.names, record.cells, strict=True))
        rows.append([cells[name] for name in names])
    return _filled(kind, names, rows, (height, len(names)))


def _record_of(value: Any) -> _Record | None:
    kind = type(value)
    if kind is dict:
        return _with_names("dict", value)
    if kind in (list, tuple) and all(map(_is_leaf, value[: _MAX_COLUMNS + 1])):
        return _with_names(
            kind.__name__, {str(n): v for n, v in enumerate(value[: _MAX_COLUMNS + 1])}
        )
    if kind is not StandIn or type(value.function) is not GlobalName:
        return None
    if value.arguments or value.items or value.pairs or value.keywords or scalar_of(value):
        return None
    return _with_names(value.function.text, value.state) if type(value.state) is dict else None


def _is_leaf(value: Any) -> bool:
    return container_of(value) is None


def _with_names(kind: str, cells: dict[Any, Any]) -> _Record | None:
    if not 1 <= len(cells) <= _MAX_COLUMNS or not all(type(name) is str for name in cells):
        return None
    return _Record(kind, list(cells), list(cells.values()))


def _filled(
    kind: str,
    columns: Sequence[str],
    cells: Sequence[Sequence[Any]],
    size: tuple[int, int],
    *,
    labeled: bool = False,
) -> Table:
    """Return the table with the texts of these cells, of as many rows as there is room for.

    Args:
        kind: of the value.
        columns: the headings.
        cells: the values of the rows.
        size: how many rows and columns there are in all.
        labeled: whether the first value of each row is its label.
    """
    rows: list[list[str]] = []
    room = _MAX_TABLE_CHARS
    for row in cells:
        texts = [line_of(cell, _MAX_CELL_CHARS) for cell in row]
        room -= sum(map(len, texts))
        if room < 0 and rows:
            break
        rows.append(texts)
    labels = [row.pop(0) for row in rows] if labeled else None
    headings = [line_of(column, _MAX_CELL_CHARS) for column in columns]
    return Table(kind, False, headings, labels, rows, *size)
