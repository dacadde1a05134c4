"""Users' objects made ready to travel: functions, arguments and results between processes.

Each is pickled by itself, so it is known which one cannot be read. Only numbers and texts are left
as they are: they can always be read, and what they are in is pickled much quicker with them than
each of them alone.

What the other process can import travels by name, the rest by value: lambdas, closures, and all
that was defined in the master's script, prompt or notebook, which no worker can import. Large
bytes and the data of arrays lie beside the pickle. What can be changed is copied, for it may be
used again for something else before it is sent; what cannot be changed is not.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, TypeAlias

from nws.sleigh.shared.pickler import Pickler, pickled

__all__ = [
    "PLAIN",
    "Packed",
    "in_one_piece",
    "is_in_pieces",
    "pack",
    "packed_again",
    "pieces_of",
    "size_of",
    "unpack",
]

Packed: TypeAlias = "bytes | tuple[Any, ...] | list[Any] | str | float"
"""A pickle; or, if it is large or has buffers apart from it, a tuple of it and these; or something
plain as it is; or a list of the items of a tuple in which all are plain."""

_MIN_APART_BYTES: Final = 64 * 1024
"""Smaller things are cheaper inside others."""

_MAX_SEARCHED_ITEMS: Final = 64
"""Longer lists are not searched for large bytes."""

PLAIN: Final = frozenset({int, float, bool, str})
"""Kinds of things that can stand for themselves. A text does if it is not large."""

_NONE: Final = pickle.dumps(None, 5)
"""What most functions return that are called for their effects."""

_MAX_PLAIN_ITEMS: Final = 8
"""Longer tuples are quicker in a pickle, plain or not."""


def pack(thing: Any, pickler: type[Pickler] = Pickler) -> Packed:
    """Pickle an object, by name where others can import it and by value elsewhere.

    Raises:
        Exception: whatever the object's own methods raise, or what pickle says of it.
    """
    if type(thing) is tuple:
        if len(thing) <= _MAX_PLAIN_ITEMS and all(map(_is_plain, thing)):
            return list(thing)
    elif _is_plain(thing):
        plain: Packed = thing
        return plain
    elif thing is None:
        return _NONE
    buffers: list[pickle.PickleBuffer] = []
    thing = _lightened(thing)

    def stays_inside(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _MIN_APART_BYTES:
            return True
        is_constant = type(view.obj) is bytes  # a view of something else may change with that
        buffers.append(buffer if is_constant else pickle.PickleBuffer(bytearray(view)))
        return False

    data = pickled(thing, stays_inside, pickler)
    if buffers or len(data) >= _MIN_APART_BYTES:
        return (pickle.PickleBuffer(data), *buffers)
    return data


def _is_plain(thing: Any) -> bool:
    """Tell whether others can have an object as it is: it has no parts and runs no code."""
    kind = type(thing)
    return kind in PLAIN and (kind is not str or len(thing) < _MIN_APART_BYTES)


class _Large:
    """Stands in a pickle for large bytes, which pickle would copy."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return bytes, (pickle.PickleBuffer(self.data),)


def _lightened(thing: Any) -> Any:
    """Replace large bytes, by themselves or in a tuple or list; the same ones by the same."""
    kind = type(thing)
    if (kind is tuple or kind is list) and len(thing) <= _MAX_SEARCHED_ITEMS:
        large = {id(item): _Large(item) for item in thing if _is_large(item)}
        if large:
            return kind(large.get(id(item), item) for item in thing)
    return _Large(thing) if _is_large(thing) else thing


def _is_large(thing: Any) -> bool:
    return type(thing) is bytes and len(thing) >= _MIN_APART_BYTES


def unpack(packed: Packed, *, again: bool = False) -> Any:
    """Return the object that was packed.

    Args:
        packed: its arrays may live in it, and change it when they are changed.
        again: it will be needed once more, so leave it alone.
    """
    if isinstance(packed, bytes):
        return pickle.loads(packed)
    if isinstance(packed, list):
        return tuple(packed)
    if not isinstance(packed, tuple):
        return packed
    data, *buffers = packed
    return pickle.loads(data, buffers=map(bytearray, buffers) if again else buffers)


def in_one_piece(packed: Packed) -> bytes:
    """Return a pickle that `pickle.loads` reads, of what may have buffers apart from it."""
    if isinstance(packed, tuple):
        return pickle.dumps(_Joined(*map(bytes, pieces_of(packed))), 5)
    return packed if isinstance(packed, bytes) else pickle.dumps(packed, 5)


class _Joined:
    """Stands in a pickle for what is read of another one and its buffers."""

    __slots__ = ("buffers", "data")

    def __init__(self, data: bytes, *buffers: bytes) -> None:
        self.data, self.buffers = data, buffers

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(pickle.loads, self.data, buffers=self.buffers), ()


def packed_again(packed: Packed) -> Packed:
    """Return what came from another process so that it can be sent on."""
    return tuple(map(pickle.PickleBuffer, packed)) if isinstance(packed, tuple) else packed


def is_in_pieces(thing: tuple[Any, ...]) -> bool:
    """Tell whether a tuple is a pickle and its buffers."""
    return bool(thing) and all(isinstance(piece, bytes | bytearray | memoryview) for piece in thing)


def pieces_of(packed: Packed) -> Iterator[memoryview]:
    """Return its bytes, in pieces; those of something plain are a pickle."""
    if not isinstance(packed, tuple):
        packed = (packed if isinstance(packed, bytes) else pickle.dumps(packed, 5),)
    for piece in packed:
        yield pickle.PickleBuffer(piece).raw()


def size_of(packed: Packed) -> int:
    """Return about how many bytes it takes."""
    if isinstance(packed, bytes):
        return len(packed)
    if isinstance(packed, tuple):
        return sum(map(len, pieces_of(packed)))
    size = 0
    for item in packed if isinstance(packed, list) else (packed,):
        if isinstance(item, int):
            size += item.bit_length() // 8 + 1
        else:
            size += len(item) if isinstance(item, str) else 8
    return size
