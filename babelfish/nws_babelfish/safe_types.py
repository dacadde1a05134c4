"""The few types of which the safe reader makes real objects.

A pickle chooses the arguments that they are called with. So each type has a function that accepts
only what Python's own pickler writes for it, and nothing that

- runs code: no ``getattr``, ``map``, ``type``, ``operator``, no user-defined class, no
  ``defaultdict``, which calls its argument.
- takes memory or time out of proportion to its length: ``bytearray(10**12)``,
  ``set(range(10**12))``, ``Fraction("1e999999999")`` and arithmetic with huge numbers are refused.
- keeps state: the types themselves are not handed out, so that their attributes cannot be set.

NumPy is not on the list. It lets a pickle say how the bytes of an array are interpreted, even as
addresses of objects. ``arrays.py`` reads arrays without it.
"""

from __future__ import annotations

import datetime
import pathlib
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from nws_babelfish.keys import check_key
from nws_babelfish.standins import GlobalName, StandIn

__all__ = ["fill_uuid", "make"]

_MAX_OPERAND_SIZE: Final = 4000
"""Bits of a number, or characters of a text, that is used in a computation."""

_FRACTION: Final = re.compile(r"-?\d+(/\d+)?")


def make(name: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """Make an object of a safe type.

    Raises:
        LookupError: the type is not on the list.
        Exception: it does not take these arguments.
    """
    return _MAKERS[name.module, name.name](*arguments)


def fill_uuid(uuid: UUID, state: Any) -> None:
    """Set the number of a UUID, which pickles create without one.

    Raises:
        ValueError: the state has none.
    """
    number = state.get("int") if type(state) is dict else None
    if type(number) is not int or not 0 <= number < 1 << 128:
        raise ValueError("a UUID without a number")
    object.__setattr__(uuid, "int", number)


def _need(fine: bool) -> None:
    if not fine:
        raise TypeError("no pickler writes this")


def _need_all(values: Iterable[Any], *kinds: type) -> None:
    _need(all(type(value) in kinds for value in values))


def _small(value: Any) -> bool:
    return type(value) is int and value.bit_length() <= _MAX_OPERAND_SIZE


def _bytes(*nothing: Any) -> bytes:
    _need(not nothing)
    return b""


def _encode(text: Any, encoding: Any) -> bytes:
    """Make bytes from the form that protocols 0 to 2 write."""
    _need(type(text) is str and encoding in ("latin1", "latin-1"))
    encoded: bytes = text.encode("latin-1")
    return encoded


def _bytearray(data: Any = b"", encoding: Any = None) -> bytearray:
    if encoding is not None:
        return bytearray(_encode(data, encoding))
    _need_all([data], bytes, bytearray)
    return bytearray(data)


def _complex(real: Any, imaginary: Any) -> complex:
    _need_all([real, imaginary], float, int)
    return complex(real, imaginary)


def _range(start: Any, stop: Any, step: Any) -> range:
    _need(all(map(_small, (start, stop, step))))
    return range(start, stop, step)


def _slice(*bounds: Any) -> Any:
    _need(len(bounds) == 3)
    _need_all(bounds, int, float, str, type(None))
    return slice(*bounds)


def _members(items: Any) -> list[Any]:
    _need_all([items], list, tuple)
    for item in items:
        check_key(item)
    return list(items)


def _set(items: Any = ()) -> set[Any]:
    return set(_members(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_members(items))


def _ordered_dict(pairs: Any = ()) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    _need_all([pairs], list, tuple)
    for pair in pairs:
        _need_all([pair], list, tuple)
        key, value = pair
        check_key(key)
        made[key] = value
    return made


def _counter(counts: Any = None) -> Counter[Any]:
    _need_all([counts], dict, type(None))
    return Counter(counts)


def _deque(items: Any = (), length: Any = None) -> deque[Any]:
    _need_all([items], list, tuple)
    _need_all([length], int, type(None))
    return deque(items, length)


class _Zone(datetime.tzinfo):
    """A time zone whose rules are unknown."""

    def __init__(self, zone: StandIn) -> None:
        names = [argument for argument in zone.arguments if type(argument) is str]
        self._name = names[0][:100] if names else "unknown"

    def __repr__(self) -> str:
        return f"<zone {self._name}>"

    def utcoffset(self, _: datetime.datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _: datetime.datetime | None) -> str:
        return self._name


def _moment(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes a date or time, whose zone may be a stand-in."""

    def made(*arguments: Any) -> Any:
        real = [_Zone(value) if type(value) is StandIn else value for value in arguments]
        _need_all(real, bytes, str, int, float, _Zone, datetime.timezone, datetime.timedelta)
        return kind(*real)

    return made


def _decimal(text: Any) -> Decimal:
    _need(type(text) is str and len(text) <= _MAX_OPERAND_SIZE)
    return Decimal(text)


def _fraction(*parts: Any) -> Fraction:
    if len(parts) == 1 and type(parts[0]) is str:
        _need(len(parts[0]) <= _MAX_OPERAND_SIZE and _FRACTION.fullmatch(parts[0]) is not None)
    else:
        _need(len(parts) == 2 and all(map(_small, parts)))
    return Fraction(*parts)


def _uuid(*nothing: Any) -> UUID:
    _need(not nothing)
    return UUID.__new__(UUID)


def _path(kind: Callable[..., Any]) -> Callable[..., Any]:
    def made(*parts: Any) -> Any:
        _need_all(parts, str)
        return kind(*parts)

    return made


_PATHS: Final = ("PurePath", "PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath")
_MOMENTS: Final = ("date", "time", "datetime", "timedelta", "timezone")

_MAKERS: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("_codecs", "encode"): _encode,
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "bytes"): _bytes,
    ("builtins", "complex"): _complex,
    ("builtins", "frozenset"): _frozenset,
    ("builtins", "range"): _range,
    ("builtins", "set"): _set,
    ("builtins", "slice"): _slice,
    ("builtins", "xrange"): _range,
    ("collections", "Counter"): _counter,
    ("collections", "OrderedDict"): _ordered_dict,
    ("collections", "deque"): _deque,
    ("decimal", "Decimal"): _decimal,
    ("fractions", "Fraction"): _fraction,
    ("uuid", "UUID"): _uuid,
    **{("datetime", name): _moment(getattr(datetime, name)) for name in _MOMENTS},
    **{
        (module, name): _path(getattr(pathlib, name))
        for module in ("pathlib", "pathlib._local")
        for name in _PATHS
    },
}
