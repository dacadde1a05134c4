"""A cache for figures that are slow to compute.

A figure is cached for 20 times as long as it took to compute. So computing it takes at most a
twentieth of the time, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, TypeVar

from cachetools import TLRUCache

from nws_server.web.duty_cycle import DutyCycle

__all__ = ["CostCache"]

T = TypeVar("T")

_DUTY_CYCLE: Final = DutyCycle(1 / 20)
_MAX_ENTRIES: Final = 64


class _Entry(NamedTuple):
    value: Any
    cost: float
    """Seconds that it took to compute."""


class CostCache:
    """Caches each value for a time in proportion to its cost."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock that returns seconds."""
        self._clock = clock
        self._entries: TLRUCache[Hashable, _Entry] = TLRUCache(
            _MAX_ENTRIES, ttu=_expiry, timer=clock
        )

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the cached value for a key, or compute it."""
        try:
            return self._entries[key].value  # type: ignore[no-any-return]
        except KeyError:
            pass  # it is computed outside of this block, so that its errors do not show this one
        began = self._clock()
        value = compute()
        self._entries[key] = _Entry(value, self._clock() - began)
        return value

    def clear(self) -> None:
        """Remove all values, because something has been changed on purpose."""
        self._entries.clear()


def _expiry(key: Hashable, entry: _Entry, now: float) -> float:
    return now + _DUTY_CYCLE.pause_after(entry.cost)
