"""The master's thread that hears of jobs that ended, of hosts that come, and of those that go."""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from nws.client import NetWorkSpace, Watch
from nws.depalma.messages import REPORT
from nws.workspace.presence import gone_of

__all__ = ["Listener", "Monitor"]

_log = logging.getLogger("nws.depalma")

_LOOK_SECONDS: Final = 0.5
"""Between looks at what goes by time."""

_MAX_REPORTS: Final = 1000


class Listener(Protocol):
    """Who is told. All calls come from the monitor's thread."""

    def on_reports(self, texts: Sequence[Any]) -> None:
        """Reports have come, in order."""

    def on_gone(self, host: str) -> None:
        """The host with this id is gone, or was silent for too long."""

    def on_time(self) -> None:
        """Some time has passed."""

    def on_failure(self, error: Exception) -> None:
        """The monitor has ended, because its server is gone."""


class Monitor(threading.Thread):
    """Waits for reports and for the wills of hosts."""

    def __init__(self, workspace: NetWorkSpace, listener: Listener) -> None:
        """Make one; call ``start``."""
        super().__init__(name="depalma monitor", daemon=True)
        self._ws = workspace
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._inbox = workspace.inbox(REPORT, _MAX_REPORTS)
        self._selector.register(self._inbox, selectors.EVENT_READ, None)
        self._watches: dict[str, Watch] = {}
        self._wake_end, self._wake = os.pipe()
        self._selector.register(self._wake_end, selectors.EVENT_READ, None)
        self._forgotten: deque[str] = deque()
        self._stopped = False

    def watch(self, host: str) -> None:
        """Tell the listener when a host is gone. To be called by the listener."""
        self._watches[host] = self._ws.watch(gone_of(host))
        self._selector.register(self._watches[host], selectors.EVENT_READ, host)

    def forget(self, host: str) -> None:
        """Watch a host no more. Any thread may call it."""
        self._forgotten.append(host)

    def _unwatch(self, host: str) -> None:
        watch = self._watches.pop(host, None)
        if watch is not None:
            self._selector.unregister(watch)
            watch.close()

    def run(self) -> None:
        try:
            while not self._stopped:
                self._look()
        except Exception as error:
            if not self._stopped:
                self._listener.on_failure(error)

    def _look(self) -> None:
        while self._forgotten:
            self._unwatch(self._forgotten.popleft())
        ready = self._selector.select(_LOOK_SECONDS)
        gone = [key.data for key, _ in ready if key.data is not None]
        # What a host has reported comes before its end.
        while texts := self._inbox.take(0):
            self._listener.on_reports(texts)
        for host in gone:
            if host in self._watches:
                self._listener.on_gone(host)
        self._listener.on_time()

    def stop(self) -> None:
        """End it, from another thread."""
        self._stopped = True
        os.write(self._wake, b"x")
        self.join()
        self._inbox.close()
        for host in list(self._watches):
            self._unwatch(host)
        self._selector.close()
        os.close(self._wake)
        os.close(self._wake_end)
