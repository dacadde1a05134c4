"""Which functions workers find on the server, and how many calls use each.

The last ones stay, for later calls. Counting them takes no message, so it has a lock of its own: a
thread that submits a call need not wait until another one has sent its message.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from nws.sleigh.shared.messages import Task
from nws.sleigh.shared.pickling import Packed

__all__ = ["ProvidedFunctions"]

_MAX_KEPT_FUNCTIONS: Final = 8
"""On the server, for later calls."""


class ProvidedFunctions:
    """Functions by the names of their variables. Any thread may use it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.RLock()  # the handler of a signal may make a call
        self._users: dict[str, int] = {}
        self._unsent: dict[str, Packed] = {}
        self._begun: set[str] = set()  # of these, what may be on its way

    def use(self, name: str, packed: Packed) -> None:
        """Let one more call use a function."""
        with self._lock:
            if name not in self._users:
                self._users[name] = 0
                self._unsent[name] = packed
            self._users[name] += 1

    def release(self, name: str) -> bool:
        """Note that a call is over. Tell whether more functions are kept than need be."""
        with self._lock:
            self._users[name] -= 1
            never_sent = name in self._unsent and name not in self._begun
            if never_sent and not self._users[name]:
                del self._users[name], self._unsent[name]
            return len(self._users) > _MAX_KEPT_FUNCTIONS

    def surplus(self) -> list[str]:
        """Forget functions that no call uses, the oldest first, until few enough are kept. Return
        their names: they are to be deleted before anything else is sent."""
        with self._lock:
            unused = [name for name, users in self._users.items() if not users]
            surplus = unused[: max(0, len(self._users) - _MAX_KEPT_FUNCTIONS)]
            for name in surplus:
                del self._users[name]
                self._unsent.pop(name, None)
            return surplus

    # Only the thread that sends

    def unsent(self, tasks: Sequence[Task]) -> dict[str, Packed]:
        """Return those functions of some tasks that have to be sent with them."""
        if not self._unsent:
            return {}
        with self._lock:
            self._begun = {task.call.function for task in tasks} & self._unsent.keys()
            return {name: self._unsent[name] for name in self._begun}

    def note_sent(self, names: Iterable[str]) -> None:
        """Note that functions are on their way."""
        with self._lock:
            for name in names:
                self._unsent.pop(name, None)

    def note_refused(self, functions: dict[str, Packed]) -> None:
        """Note that the server does not have these functions after all."""
        with self._lock:
            self._unsent.update(functions)
