"""Polling for a moment before one sleeps.

Being woken by the system takes longer than what one waits for often does. Who polls yields its core
between two looks, since what it waits for may need this very core. When others compute there, they
keep it for their slice, which takes milliseconds; who sleeps is woken at once. So polling pauses
after a lost slice, and for longer the more often that happens.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeVar

__all__ = ["EagerPoll"]

T = TypeVar("T")

_yield_core: Callable[[], None] = getattr(os, "sched_yield", lambda: None)

_POLL_SECONDS: Final = 300e-6
"""A worker has done a short task by then."""

_LOST_SLICE_SECONDS: Final = 500e-6
"""If yielding takes this long, others compute on this core, and do not just answer."""

_MIN_PAUSE_SECONDS: Final = 0.005
_MAX_PAUSE_SECONDS: Final = 0.16
"""Without polling after a lost slice, which takes some 3 ms at most."""


class EagerPoll:
    """Looks again and again for a moment, unless others compute on this core."""

    def __init__(self) -> None:
        self._pause = _MIN_PAUSE_SECONDS
        self._not_before = -math.inf

    def __call__(self, look: Callable[[], T]) -> T | None:
        """Call a function until it returns something true, for 0.3 ms. Return what it has returned
        last; None if it was not called."""
        now = perf_counter()
        if now < self._not_before:
            return None
        end = now + _POLL_SECONDS
        while not (found := look()) and now < end:
            before = now
            _yield_core()
            now = perf_counter()
            if now - before > _LOST_SLICE_SECONDS:
                self._pause_from(now)
        return found

    def _pause_from(self, now: float) -> None:
        is_new = now > self._not_before + _MAX_PAUSE_SECONDS
        self._pause = _MIN_PAUSE_SECONDS if is_new else min(2 * self._pause, _MAX_PAUSE_SECONDS)
        self._not_before = now + self._pause
