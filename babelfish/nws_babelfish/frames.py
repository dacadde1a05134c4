"""Data frames and series of pandas: their size, headings, labels and cells.

Those of pandas itself are asked. In a pickle that was read without running anything they are
stand-ins: this module finds the cells in the arrays below them, by rules for the forms in which
pandas 1.5 to 3.0 pickles them. Cells of kinds without a rule (periods, intervals, sparse columns)
are shown as a mark.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from nws_babelfish.arrays import Array, array_of
from nws_babelfish.standins import GlobalName, StandIn

__all__ = ["NOT_READ", "Frame", "frame_of"]

NOT_READ: Final = "…"
"""Stands for a cell of a kind that cannot be read without pandas."""

_MISSING: Final = "<NA>"
"""What pandas itself shows for a value that is missing."""

_PLAIN_KINDS: Final = {
    "DatetimeArray",
    "NumpyExtensionArray",
    "PandasArray",
    "StringArray",
    "TimedeltaArray",
}
"""Arrays of pandas whose elements are those of the NumPy array inside."""

_ARROW_OFFSETS: Final = {"string": 4, "large_string": 8}
"""Bytes of an offset into the characters, by Arrow's name of the type of texts."""


class Frame(NamedTuple):
    """A table of pandas, whose cells are read one by one.

    Attributes:
        kind: ``DataFrame`` or ``Series``.
        height, width: how many rows and columns there are.
        heading: returns that of a column.
        label: returns that of a row.
        cell: returns the value in a row and a column.
    """

    kind: str
    height: int
    width: int
    heading: Callable[[int], Any]
    label: Callable[[int], Any]
    cell: Callable[[int, int], Any]


class _Vector(NamedTuple):
    """Values in a line."""

    length: int
    at: Callable[[int], Any]


def frame_of(value: object) -> Frame | None:
    """Describe a data frame or series, or a stand-in for one; None for any other value.

    Reading a cell of a damaged one may raise any exception.
    """
    if type(value) is StandIn:
        try:
            return _frame_in(value)
        except MemoryError:
            raise
        except Exception:
            return None  # it is damaged, or of a version that is not known here
    pandas: Any = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    if isinstance(value, pandas.Series):
        return _real("Series", value.to_frame())
    return _real("DataFrame", value) if isinstance(value, pandas.DataFrame) else None


def _real(kind: str, frame: Any) -> Frame:
    height, width = frame.shape
    return Frame(
        *(kind, height, width),
        heading=lambda column: frame.columns[column],
        label=lambda row: frame.index[row],
        cell=lambda row, column: frame.iat[row, column],
    )


def _frame_in(value: StandIn) -> Frame | None:
    """Find the parts of a data frame or series in its stand-in."""
    kind = _class_in_pandas(value.function)
    if kind not in ("DataFrame", "Series") or type(value.state) is not dict:
        return None
    manager = value.state["_mgr"]
    if kind == "DataFrame":
        blocks, axes = manager.arguments
        columns, rows = map(_index, axes)
        places = [(_columns_of(block), block.arguments[0]) for block in blocks]
    else:
        parts = manager.state[3]["0.14.1"]
        (rows,) = map(_index, parts["axes"])
        name = value.state.get("_name", value.state.get("name"))  # pandas 1.5 has no underscore
        columns = _Vector(1, lambda _: name)
        places = [(range(1), parts["blocks"][0]["values"])]
    vectors: dict[int, _Vector] = {}

    def cell(row: int, column: int) -> Any:
        if column not in vectors:
            vectors[column] = _column(places, column, rows.length)
        found = vectors[column].at(row)
        return _MISSING if _class_in_pandas(found) == "NA" else found

    return Frame(kind, rows.length, columns.length, columns.at, rows.at, cell)


def _class_in_pandas(name: object) -> str:
    """Return the name of a class in pandas, wherever its version has it; empty for others."""
    if type(name) is not GlobalName or name.module.partition(".")[0] != "pandas":
        return ""
    return name.name


def _columns_of(block: StandIn) -> Sequence[int]:
    """Return the numbers of a block's columns."""
    place = block.arguments[1]
    if type(place) is slice:
        return range(place.start, place.stop, 1 if place.step is None else place.step)
    numbers = _vector(place)
    return [numbers.at(number) for number in range(numbers.length)]


def _column(places: Sequence[tuple[Sequence[int], Any]], column: int, height: int) -> _Vector:
    """Find a column in the blocks."""
    for columns, values in places:
        if column in columns:
            found = _vector(values, columns.index(column))
            if found.length != height:
                raise ValueError("a column that is not as long as the index")
            return found
    raise LookupError("a column without values")


def _index(index: Any) -> _Vector:
    """Interpret the stand-in for an index: the headings of columns or the labels of rows."""
    kind, parts = index.arguments
    name = _class_in_pandas(kind)
    if name == "RangeIndex":
        numbers = range(parts["start"], parts["stop"], parts["step"])
        return _Vector(len(numbers), numbers.__getitem__)
    if name != "MultiIndex":
        return _vector(parts["data"])
    codes = [_vector(each) for each in parts["codes"]]
    levels = [
        _categories(code, _index(level)) for code, level in zip(codes, parts["levels"], strict=True)
    ]
    return _Vector(codes[0].length, lambda row: tuple(level.at(row) for level in levels))


def _categories(codes: _Vector, categories: _Vector) -> _Vector:
    """Return the values of which there are codes; -1 is the code for none."""

    def at(place: int) -> Any:
        code = codes.at(place)
        return categories.at(code) if code >= 0 else _MISSING

    return _Vector(codes.length, at)


def _vector(values: Any, line: int = 0) -> _Vector:
    """Interpret an array, of NumPy or of pandas; of one with two dimensions, take a line."""
    found = array_of(values)
    if found is not None:
        return _line(found, line)
    if _class_in_pandas(values.function).endswith("__pyx_unpickle_NDArrayBacked"):
        kind = _class_in_pandas(values.arguments[0])
        dtype, inner, *_ = values.state
        if kind == "Categorical":
            return _categories(_vector(inner, line), _index(dtype.state["categories"]))
        below = _vector(inner, line)
        if kind not in _PLAIN_KINDS:
            return _Vector(below.length, lambda _: NOT_READ)
        has_zone = _class_in_pandas(dtype.function).endswith("DatetimeTZDtype")
        return _Vector(below.length, lambda row: f"{below.at(row)} UTC") if has_zone else below
    if "_mask" in values.state:
        return _masked(_vector(values.state["_data"]), _vector(values.state["_mask"]))
    return _arrow_texts(values.state["_pa_array"])


def _line(array: Array, line: int) -> _Vector:
    *outer, length = array.shape
    if len(outer) > 1 or not 0 <= line < (outer[0] if outer else 1):
        raise ValueError("an array of another shape")
    return _Vector(length, lambda place: array.element(line * length + place))


def _masked(data: _Vector, mask: _Vector) -> _Vector:
    """Return the values that are not masked."""
    return _Vector(data.length, lambda place: _MISSING if mask.at(place) else data.at(place))


def _arrow_texts(array: StandIn) -> _Vector:
    """Interpret an Arrow array of texts: all characters in one buffer, and where each text ends."""
    ((kind, length, _, start, buffers, *_),) = array.arguments
    width = _ARROW_OFFSETS[kind.arguments[0]]
    valid, offsets, characters = (
        None if buffer is None else memoryview(buffer.arguments[0]) for buffer in buffers
    )
    if offsets is None or len(offsets) < (start + length + 1) * width:
        raise ValueError("offsets are missing")

    def at(place: int) -> Any:
        number = start + place
        if valid is not None and not valid[number // 8] >> number % 8 & 1:
            return _MISSING
        begin, end = (
            int.from_bytes(offsets[each * width : (each + 1) * width], "little")
            for each in (number, number + 1)
        )
        return bytes(characters[begin:end]).decode("utf-8", "replace") if characters else ""

    return _Vector(length, at)
