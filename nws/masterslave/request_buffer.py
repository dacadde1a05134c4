"""Requests of tasks on their way to the space: those of a burst travel together.

A message takes the server as long as some ten tasks in one. So the first task of a burst is stored
at once, and those that follow wait for each other for some milliseconds.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import MasterSlaveException, NwsException

__all__ = ["RequestBuffer"]

_PAUSE_SECONDS: Final = 0.002
"""After a message, in which the next task is one of a burst; and how long it waits for others."""

_MAX_VALUES: Final = 200
_MAX_BYTES: Final = 256 * 1024
"""So much waits at most."""


class RequestBuffer:
    """Stores values in their order for each variable. Several threads may use it."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Prepare; there is a thread as soon as something waits."""
        self._workspace = workspace
        self._lock = threading.RLock()  # a signal handler may come while we hold it
        self._waiting: dict[str, list[Any]] = {}
        self._count = self._bytes = 0
        self._last = 0.0  # when something was stored
        self._failure: Exception | None = None
        self._has_begun = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def add(self, variable: str, value: Any, size: int) -> None:
        """Store a value of about ``size`` bytes, now or within some milliseconds.

        Raises:
            MasterSlaveException: values that were added before could not be stored.
            NwsException: this one cannot be stored.
        """
        with self._lock:
            self._raise_failure()
            if not self._count and time.monotonic() - self._last > _PAUSE_SECONDS:
                self._workspace.store(variable, value)
                self._last = time.monotonic()
                return
            self._waiting.setdefault(variable, []).append(value)
            self._count += 1
            self._bytes += size
            if self._count >= _MAX_VALUES or self._bytes >= _MAX_BYTES:
                self.flush()
            elif self._count == 1:
                self._wake_thread()

    def flush(self) -> None:
        """Store what waits.

        Raises:
            MasterSlaveException: it, or what was added before, could not be stored.
        """
        with self._lock:
            self._raise_failure()
            if not self._count:
                return
            count, waiting = self._count, self._waiting
            self._count, self._bytes, self._waiting = 0, 0, {}
            try:
                for variable, values in waiting.items():
                    self._workspace.store_many(variable, values)
            except NwsException as error:
                raise MasterSlaveException(
                    f"not all of the last {count} tasks could be stored: {error}"
                ) from error
            self._last = time.monotonic()

    def close(self) -> None:
        """End the thread. What waits is dropped."""
        self._is_closed = True
        self._has_begun.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _wake_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._flush_late, daemon=True)
            self._thread.start()
        self._has_begun.set()

    def _flush_late(self) -> None:
        while not self._is_closed:
            self._has_begun.wait()
            self._has_begun.clear()
            time.sleep(_PAUSE_SECONDS)
            try:
                self.flush()
            except MasterSlaveException as error:
                self._failure = error  # for who comes next
