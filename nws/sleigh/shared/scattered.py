"""Values that are stored once and stand in many calls: a call carries their name, and who reads it
gets the value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nws.sleigh.shared.pickling import Packed, unpack
from nws.sleigh.shared.segments import Mapped, mapped

__all__ = ["fetch_by", "reader_of"]

_MAX_KEPT_VALUES: Final = 4
"""Values that a process keeps that are not mapped."""

_kept: dict[str, Any] = {}


def _not_there(name: str) -> Packed:
    raise LookupError


class _Source:
    """Where values are that are not on this machine."""

    fetch: Callable[[str], Packed] = staticmethod(_not_there)


def fetch_by(fetch: Callable[[str], Packed]) -> None:
    """Fetch values by this function, which raises an exception if there is none of the name."""
    _Source.fetch = staticmethod(fetch)


def reader_of(name: str, path: str) -> Callable[[], Any]:
    """Return what reads a value, and travels in place of it.

    Args:
        name: of the value.
        path: of its segment on the machine of the master; empty if there is none.
    """
    return partial(_read, name, path)


def _read(name: str, path: str) -> Any:
    if name in _kept:
        return _kept[name]
    packed = (mapped(path, name) if path else None) or _fetched(name)
    value = unpack(packed)
    if isinstance(packed, Mapped):
        return value  # which is quickly made again, and would keep the segment
    while len(_kept) >= _MAX_KEPT_VALUES:
        _kept.pop(next(iter(_kept)), None)
    _kept[name] = value
    return value


def _fetched(name: str) -> Packed:
    try:
        return _Source.fetch(name)
    except Exception as error:
        raise LookupError(
            f"the scattered value {name} is gone: keep what scatter() returns until the calls "
            "that use it are done"
        ) from error
