"""The condition of a future, which Ctrl-C leaves unlocked at whatever moment it strikes.

That of the standard library may stay locked: it is entered and left by functions of Python, where
a handler of a signal may raise an exception. Whoever sets the future would wait for ever.

It is light, too. Each future of a burst has one, and what the garbage collector has to look at
again and again was a fifth of the time of a burst.
"""

from __future__ import annotations

import threading
from collections import deque
from operator import attrgetter
from typing import Any

__all__ = ["FutureCondition"]


_Lock: Any = type(threading.RLock())
"""Directly, and not by that function."""


class FutureCondition(threading.Condition):
    """A condition whose `with` locks and unlocks in one step, and which keeps no methods of its
    lock."""

    __enter__: Any = property(attrgetter("_lock.__enter__"))
    __exit__: Any = property(attrgetter("_lock.__exit__"))
    acquire: Any = property(attrgetter("_lock.acquire"))
    release: Any = property(attrgetter("_lock.release"))
    _is_owned: Any = property(attrgetter("_lock._is_owned"))
    _release_save: Any = property(attrgetter("_lock._release_save"))
    _acquire_restore: Any = property(attrgetter("_lock._acquire_restore"))

    _waiters: Any = ()
    """A deque from when somebody waits: most futures are done before, and a deque has room for 64.
    """

    def __init__(self) -> None:
        """Make its lock. The base class would keep these methods with each condition."""
        self._lock = _Lock()

    def notify_all(self) -> None:
        """Wake all who wait: as a rule nobody does."""
        if self._waiters:
            super().notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as the standard library does. The lock is held afterwards, also if Ctrl-C strikes
        when it was just given up."""
        if self._is_owned() and not self._waiters:
            self._waiters = deque()
        try:
            return super().wait(timeout)
        except BaseException:
            if not self._is_owned():
                self.acquire()
            raise
