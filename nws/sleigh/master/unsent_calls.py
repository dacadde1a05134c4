"""Submitted calls that wait to be sent: those of a burst travel together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from nws.sleigh.master.submission import Submission
from nws.sleigh.shared.messages import Task

__all__ = ["MAX_TASKS_IN_MESSAGE", "UnsentCall", "UnsentCalls"]

MAX_TASKS_IN_MESSAGE: Final = 256

_MIN_PAUSE_SECONDS: Final = 0.0005
_MAX_PAUSE_SECONDS: Final = 0.004
"""Between messages of a burst. The pause grows as long as several calls wait for one."""

UnsentCall = tuple[Submission, Task]


class UnsentCalls:
    """Any thread may add one; who sends and drops them has a lock for that.

    Attributes:
        items: the calls, in order.
        due: when the next message may go, by the monotonic clock.
    """

    def __init__(self) -> None:
        """Begin with none; the first message may go at once."""
        self.items: deque[UnsentCall] = deque()
        self.due = 0.0
        self._pause = _MIN_PAUSE_SECONDS

    @property
    def is_message_due(self) -> bool:
        """Whether a message is full, or its time has come."""
        return len(self.items) >= MAX_TASKS_IN_MESSAGE or time.monotonic() >= self.due

    def is_first(self, item: UnsentCall) -> bool:
        """Tell whether a call is the first of those that wait. If it is not, whoever sends the
        first one will see it."""
        try:
            return self.items[0] is item
        except IndexError:
            return False

    def note_message(self) -> None:
        """Note that messages with all these are about to be sent."""
        is_burst = len(self.items) > 1
        self._pause = min(2 * self._pause, _MAX_PAUSE_SECONDS) if is_burst else _MIN_PAUSE_SECONDS
        self.due = time.monotonic() + self._pause

    def drop(self, sent: Iterable[UnsentCall]) -> None:
        """Drop the first ones, which were sent. The handler of a signal may have sent some, too."""
        items = self.items
        for each in sent:
            if items and items[0] is each:
                items.popleft()
