"""Costly looks that are used again, so that looking never takes more than a part of the time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

__all__ = ["CostCache"]

T = TypeVar("T")

_REST: Final = 20.0
"""What took a millisecond to find out is used again for so many milliseconds."""

_KEPT: Final = 64


class CostCache:
    """What was found out lately, by what it is about."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock that says seconds."""
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    def get(self, about: Hashable, find_out: Callable[[], T]) -> T:
        """Return what is known about something, or find it out."""
        begun = self._clock()
        until, found = self._kept.get(about, (0.0, None))
        if begun < until:
            return found  # type: ignore[no-any-return]
        found = find_out()
        ended = self._clock()
        self._kept[about] = (ended + _REST * (ended - begun), found)
        self._kept.move_to_end(about)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Something was changed on purpose: whoever did so wants to see it."""
        self._kept.clear()
