"""The condition of a future, which Ctrl-C leaves unlocked at whatever moment it strikes.

That of the standard library may stay locked: it is entered and left by functions of Python, where
a handler of a signal may raise an exception. Whoever sets the future would wait for ever.
"""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import Any

__all__ = ["FutureCondition"]


class FutureCondition(threading.Condition):
    """A condition whose `with` locks and unlocks in one step."""

    __enter__: Any = property(attrgetter("_lock.__enter__"))
    __exit__: Any = property(attrgetter("_lock.__exit__"))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as the standard library does. The lock is held afterwards, also if Ctrl-C strikes
        when it was just given up."""
        try:
            return super().wait(timeout)
        except BaseException:
            if not self._is_owned():  # type: ignore[attr-defined]
                self.acquire()
            raise
