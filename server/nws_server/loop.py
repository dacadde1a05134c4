"""Twisted's epoll reactor, without the log context that it makes around each event.

Nothing here reads that context; making it takes a tenth of the time of a small operation. Where
there is no epoll, Twisted chooses its own reactor.
"""

from __future__ import annotations

from twisted.internet.main import installReactor
from twisted.logger import Logger

_log = Logger()

try:
    from twisted.internet.epollreactor import EPollReactor
except ImportError:

    def install() -> None:
        """Leave the choice to Twisted."""

else:

    class _Reactor(EPollReactor):
        def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
            try:
                events = self._poller.poll(
                    -1 if timeout is None else timeout, len(self._selectables)
                )
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

    def install() -> None:
        """Use this reactor; call it before anything imports `twisted.internet.reactor`."""
        installReactor(_Reactor())  # type: ignore[no-untyped-call]
