"""Twisted's epoll reactor, made for many small requests.

It looks for more for a moment before it goes to sleep: to be woken by the system takes longer than
the next request often does. And it makes no log context around each event, which nothing here reads
and which takes a tenth of the time of a small operation. Where there is no epoll, Twisted chooses
its own reactor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Final

from twisted.internet.main import installReactor
from twisted.logger import Logger

_Events = list[tuple[int, int]]
_MOMENT: Final = 100e-6
"""Seconds."""

_SKIPPED: Final = 16
"""So many sleeps come without it at most, after it was in vain several times."""

_log = Logger()

try:
    from twisted.internet.epollreactor import EPollReactor
except ImportError:

    def install() -> None:
        """Leave the choice to Twisted."""

else:

    class _Reactor(EPollReactor):
        _in_vain = 0  # how often in a row nothing came
        _to_skip = 0

        def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
            poll, most = self._poller.poll, len(self._selectables)
            try:
                events = None if timeout == 0 else self._linger(poll, most)
                if not events:
                    events = poll(-1 if timeout is None else timeout, most)
            except InterruptedError:
                return
            for fd, event in events:
                selectable = self._selectables.get(fd)
                if selectable is not None:
                    try:
                        self._doReadOrWrite(selectable, fd, event)  # type: ignore[no-untyped-call]
                    except Exception:
                        _log.failure("a connection's event failed")

        doIteration = doPoll  # noqa: N815 - Twisted's name

        def _linger(self, poll: Callable[[int, int], _Events], most: int) -> _Events | None:
            """Look for events for a moment. Whoever wants this core meanwhile gets it; and where
            nothing came of it lately, it is left out for a while."""
            if self._to_skip:
                self._to_skip -= 1
                return None
            end = perf_counter() + _MOMENT
            while not (events := poll(0, most)) and perf_counter() < end:
                os.sched_yield()
            self._in_vain = 0 if events else self._in_vain + 1
            self._to_skip = min(2**self._in_vain, _SKIPPED) - 1
            return events

    def install() -> None:
        """Use this reactor; call it before anything imports `twisted.internet.reactor`."""
        installReactor(_Reactor())  # type: ignore[no-untyped-call]
