"""When a supervisor leaves, and why: pure rules, which are given the time."""

from __future__ import annotations

import math
import random

from nws.counted import counted
from nws.sleigh.shared.settings import Stay

__all__ = ["Departure"]


class Departure:
    """Decides when a supervisor and its workers leave by themselves."""

    def __init__(self, stay: Stay, now: float) -> None:
        """Prepare.

        Args:
            stay: how long it may stay.
            now: a reading of time.monotonic(), as all times here.
        """
        self._stay = stay
        spread = random.uniform(0.0, stay.lifetime_stagger)
        self._last_moment = now + max(0.0, stay.lifetime - spread) if stay.lifetime else math.inf
        self._busy_at = now
        self._tasks_done = 0

    def reason(self, now: float, tasks_done: int, *, busy: bool) -> str:
        """Return why it is time to leave; an empty text if it is not.

        Args:
            now: the time.
            tasks_done: by all its workers so far.
            busy: whether one of them is at work.
        """
        stay = self._stay
        if busy or tasks_done != self._tasks_done:
            self._busy_at, self._tasks_done = now, tasks_done
        if now >= self._last_moment:
            return "its lifetime is over"
        if stay.idle_timeout and now - self._busy_at >= stay.idle_timeout:
            return f"there was nothing to do for {counted(stay.idle_timeout, 'second')}"
        return ""
