"""Arrays: their shape, type, size and elements.

NumPy's own arrays are asked. A pickle that was read without running anything has stand-ins for
arrays: this module finds their elements in the bytes. So NumPy need not be installed, and a pickle
cannot make it misread memory.
"""

from __future__ import annotations

import datetime
import itertools
import math
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from nws_babelfish.standins import GlobalName, StandIn

__all__ = ["Array", "array_of", "scalar_of"]

_NUMBERS: Final = {
    "b1": ("bool", "?"),
    "i1": ("int8", "b"),
    "i2": ("int16", "h"),
    "i4": ("int32", "i"),
    "i8": ("int64", "q"),
    "u1": ("uint8", "B"),
    "u2": ("uint16", "H"),
    "u4": ("uint32", "I"),
    "u8": ("uint64", "Q"),
    "f2": ("float16", "e"),
    "f4": ("float32", "f"),
    "f8": ("float64", "d"),
    "c8": ("complex64", "ff"),
    "c16": ("complex128", "dd"),
}
"""NumPy's codes of types: their names, and the formats of `struct`."""

_TIMES: Final = {"M8": "datetime64", "m8": "timedelta64"}
_NO_TIME: Final = -(1 << 63)
_PARTS_OF_SECOND: Final = {b"ns": 1_000_000_000, b"us": 1_000_000, b"ms": 1000}
_SECONDS: Final = {b"s": 1, b"m": 60, b"h": 3600, b"D": 86_400}
"""NumPy's units of time; a month or a year has no length."""
_EPOCH: Final = datetime.datetime(1970, 1, 1)

_MODULES: Final = ("numpy", "numpy.core", "numpy._core")
_MAX_DIMENSIONS: Final = 64
_MAX_LENGTH: Final = 1 << 63

T = TypeVar("T")


class Array(NamedTuple):
    """An array.

    Attributes:
        shape: its length in each dimension.
        dtype: the name of its elements' type.
        nbytes: the size of its data.
        element: returns the element at a place in flat order, in which the last dimension varies
            fastest.
        fields: the names in each element, if they are records.
    """

    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    element: Callable[[int], Any]
    fields: tuple[str, ...] = ()

    @property
    def elements(self) -> Iterator[Any]:
        """The elements in flat order, made one by one."""
        return map(self.element, range(self.size))

    @property
    def size(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)


def array_of(value: object) -> Array | None:
    """Describe an array, or a stand-in for one; None for any other value."""
    if type(value) is StandIn:
        return _attempt(_rebuild, value)
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray):
        return None
    real: Any = value
    fields = tuple(real.dtype.names or ())
    return Array(real.shape, str(real.dtype), real.nbytes, _element_of(real), fields)


def scalar_of(value: object) -> Any:
    """Return the Python number for a NumPy number, or a stand-in for one; else None."""
    if type(value) is StandIn:
        return _attempt(_rebuild_scalar, value)
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.number | numpy.bool_):
        return None
    real: Any = value
    return real.item()


def _element_of(array: Any) -> Callable[[int], Any]:
    flat = array.flat
    if array.dtype.kind == "O":
        return lambda number: flat[number]
    if array.dtype.kind in "mM":
        return lambda number: str(flat[number])
    return lambda number: flat[number].item()


def _attempt(rebuild: Callable[[StandIn], T], value: StandIn) -> T | None:
    """Rebuild the object of a stand-in; None if it is unknown or damaged."""
    try:
        return rebuild(value)
    except MemoryError:
        raise
    except Exception:
        return None


def _is_from_numpy(function: object, name: str) -> bool:
    """Tell whether a name is that of a NumPy function, in any version of NumPy."""
    if type(function) is not GlobalName:
        return False
    return any(f"{function.module}.{function.name}" == f"{module}.{name}" for module in _MODULES)


class _Type(NamedTuple):
    """The type of an array's elements: its name, their size, the function that reads one, and the
    names of its fields if it is that of records."""

    name: str
    size: int
    read: Callable[[Any, int], Any] | None
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, dtype: Any) -> _Type:
        """Interpret the stand-in for a NumPy dtype.

        Raises:
            Exception: it is not one, or of an unknown kind.
        """
        if type(dtype) is not StandIn or not _is_from_numpy(dtype.function, "dtype"):
            raise TypeError("not a dtype")
        code = dtype.arguments[0]
        state: tuple[Any, ...] = dtype.state or (3, "|", None, None, None, -1, -1, 0)
        order = ">" if state[1] == ">" else "<"
        if state[2] is not None:
            raise TypeError("elements that are arrays")
        if code[0] == "O":
            return cls("object", 8, None)
        if code[0] == "V" and state[3] is not None:
            return _record(state[3], state[4], state[5])
        if code in _NUMBERS:
            return _number(*_NUMBERS[code], order)
        if code in _TIMES:
            return _time(_TIMES[code], state[8][1][:2], order)
        return _text(code[0], int(code[1:]), order)

    def element(self, data: Any, offset: int) -> Any:
        """Read one element."""
        return data[offset // self.size] if self.read is None else self.read(data, offset)


def _number(name: str, form: str, order: str) -> _Type:
    reader = struct.Struct(order + form)

    def read(data: Any, offset: int) -> Any:
        parts = reader.unpack_from(data, offset)
        return complex(*parts) if len(parts) == 2 else parts[0]

    return _Type(name, reader.size, read)


def _time(name: str, unit: tuple[Any, Any], order: str) -> _Type:
    """Return the type of times or durations. Those of a unit without a length stay numbers."""
    reader = struct.Struct(order + "q")
    code, count = unit
    known = type(count) is int and (code in _PARTS_OF_SECOND or code in _SECONDS)
    scale, parts = count * _SECONDS.get(code, 1), _PARTS_OF_SECOND.get(code, 1)

    def read(data: Any, offset: int) -> Any:
        (number,) = reader.unpack_from(data, offset)
        if number == _NO_TIME:
            return "NaT"
        return _time_text(name, number * scale, parts) if known else number

    return _Type(name, reader.size, read)


def _time_text(name: str, number: int, parts: int) -> str:
    """Return the text for a time or duration, counted in parts of a second."""
    seconds, rest = divmod(number, parts)
    fraction = f".{rest:0{len(str(parts)) - 1}d}".rstrip("0") if rest else ""
    try:
        length = datetime.timedelta(seconds=seconds)
        return f"{length if name == 'timedelta64' else _EPOCH + length}{fraction}"
    except OverflowError:
        return f"{number}/{parts} s"


def _text(kind: str, length: int, order: str) -> _Type:
    """Return the type of texts, or of bytes, of one length."""
    if length < 0:
        raise ValueError("a negative length")
    if kind == "S":
        return _Type(f"|S{length}", length, partial(_read_bytes, length))
    if kind == "U":
        encoding = "utf-32-be" if order == ">" else "utf-32-le"
        return _Type(f"{order}U{length}", 4 * length, partial(_read_text, length, encoding))
    raise TypeError("an unknown type")


def _read_bytes(length: int, data: Any, offset: int) -> bytes:
    return bytes(memoryview(data)[offset : offset + length]).rstrip(b"\0")


def _read_text(length: int, encoding: str, data: Any, offset: int) -> str:
    text = bytes(memoryview(data)[offset : offset + 4 * length])
    return text.decode(encoding, "replace").rstrip("\0")


def _record(names: Any, fields: Any, size: Any) -> _Type:
    """Return the type of records. Records inside records are not supported."""
    if type(size) is not int or size < 0:
        raise TypeError("a record without a size")
    places = []
    for name in names:
        dtype, offset, *_ = fields[name]
        if dtype.state is not None and dtype.state[3] is not None:
            raise TypeError("a record in a record")
        inner = _Type.of(dtype)
        if inner.read is None or not 0 <= offset <= size - inner.size:
            raise TypeError("a field that is not in the bytes")
        places.append((inner.read, offset))

    def read(data: Any, start: int) -> tuple[Any, ...]:
        return tuple(field(data, start + offset) for field, offset in places)

    fields = tuple(map(str, names))
    return _Type(f"records of {', '.join(fields)}"[:200], size, read, fields)


def _rebuild_scalar(value: StandIn) -> Any:
    if not _is_from_numpy(value.function, "multiarray.scalar"):
        return None
    dtype, data = value.arguments
    return _Type.of(dtype).element(data, 0)


def _rebuild(value: StandIn) -> Array | None:
    if _is_from_numpy(value.function, "numeric._frombuffer"):
        data, dtype, shape, order, *axes = value.arguments
        return _array(data, dtype, shape, order == "F", axes[0] if axes else None)
    if _is_from_numpy(value.function, "multiarray._reconstruct"):
        _, shape, dtype, by_column, data = value.state
        return _array(data, dtype, shape, bool(by_column), None)
    return None


def _array(data: Any, dtype: Any, shape: Any, by_column: bool, axes: Any) -> Array | None:
    """Return the array with these data, if its parts are consistent."""
    kind = _Type.of(dtype)
    if len(shape) > _MAX_DIMENSIONS or not all(0 <= length < _MAX_LENGTH for length in shape):
        raise ValueError("an impossible shape")
    count = len(data) if kind.read is None else memoryview(data).nbytes
    if math.prod(shape) * (1 if kind.read is None else kind.size) != count:
        raise ValueError("the data do not fit the shape")
    strides = _strides(shape, kind.size, by_column)
    if axes is not None:
        if sorted(axes) != list(range(len(shape))):
            raise ValueError("impossible axes")
        shape, strides = ([given[axis] for axis in axes] for given in (shape, strides))
    shape = tuple(shape)

    def element(number: int) -> Any:
        return kind.element(data, _offset(number, shape, strides))

    return Array(shape, kind.name, math.prod(shape) * kind.size, element, kind.fields)


def _strides(shape: Sequence[int], size: int, by_column: bool) -> list[int]:
    """Return the distance of neighbors in bytes, in each dimension."""
    lengths = shape if by_column else shape[::-1]
    strides = list(itertools.accumulate(lengths[:-1], lambda a, b: a * b, initial=size))
    strides = strides[: len(shape)]
    return strides if by_column else strides[::-1]


def _offset(number: int, shape: Sequence[int], strides: Sequence[int]) -> int:
    """Return the offset of an element, given its place in flat order."""
    offset = 0
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        number, position = divmod(number, length)
        offset += position * stride
    return offset
