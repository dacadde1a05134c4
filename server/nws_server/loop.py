"""Twisted's epoll reactor, made for many small requests.

Before it sleeps it polls for a moment; see `nws.eager_poll`. And it makes no log context around
each event, which nothing here reads and which takes a tenth of the time of a small operation.

For that it overrides `doPoll` and uses three attributes of `EPollReactor` that are not public:
`_poller`, `_selectables` and `_doReadOrWrite`. So `install` tries the reactor first, and leaves the
choice to Twisted where it does not work. Where there is no epoll, Twisted chooses as well.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Final

import twisted
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import installReactor
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from nws.eager_poll import EagerPoll

_Events = list[tuple[int, int]]

_MAX_DOUBLINGS: Final = 4
"""After polling has found nothing n times in a row, 2**n - 1 sleeps come without it; n is at most
this."""

_log = Logger()


def use_monotonic_clock(reactor: Any) -> None:
    """Let a reactor's timers go by a clock that nobody can set; Twisted's is the wall clock.

    Timers that run already would be wrong then: if there are any, everything stays as it is.
    """
    if not reactor.getDelayedCalls():
        reactor.seconds = monotonic


try:
    from twisted.internet.epollreactor import EPollReactor
except ImportError:

    def install() -> None:
        """Leave the choice to Twisted."""

else:

    class LingeringReactor(EPollReactor):
        """The reactor that polls before it sleeps."""

        _empty_polls = 0  # lingering found nothing this many times in a row
        _to_skip = 0  # sleeps that come without lingering

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._may_linger = len(os.sched_getaffinity(0)) > 1
            self._poll_eagerly = EagerPoll()

        def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
            poll, max_events = self._poller.poll, len(self._selectables)
            dispatch = self._doReadOrWrite
            try:
                lingers = self._may_linger and timeout != 0
                events = self._linger(poll, max_events) if lingers else None
                if not events:
                    events = poll(-1 if timeout is None else timeout, max_events)
            except InterruptedError:
                return
            for fd, event in events:
                selectable = self._selectables.get(fd)
                if selectable is not None:
                    try:
                        dispatch(selectable, fd, event)  # type: ignore[no-untyped-call]
                    except Exception:
                        _log.failure("a connection's event failed")

        doIteration = doPoll  # noqa: N815 - Twisted's name

        def _linger(self, poll: Callable[[int, int], _Events], max_events: int) -> _Events | None:
            """Poll for a moment. After empty polls, skip this for an exponentially growing number
            of sleeps."""
            if self._to_skip:
                self._to_skip -= 1
                return None
            events = self._poll_eagerly(partial(poll, 0, max_events))
            if events is not None:
                self._empty_polls = 0 if events else min(self._empty_polls + 1, _MAX_DOUBLINGS)
                self._to_skip = 2**self._empty_polls - 1
            return events

    @implementer(IReadDescriptor)
    class _Probe:
        """A socket that always has something to read. It counts how often the reactor reads it."""

        def __init__(self) -> None:
            self._ours, theirs = socket.socketpair()
            with theirs:
                theirs.send(b"\0")
            self.reads = 0

        def fileno(self) -> int:
            return self._ours.fileno()

        def logPrefix(self) -> str:  # noqa: N802 - Twisted's name, as below
            return "probe"

        def doRead(self) -> None:  # noqa: N802
            self.reads += 1

        def connectionLost(self, reason: Failure) -> None:
            self._ours.close()

    def _delivers_events(reactor: LingeringReactor) -> bool:
        """Tell whether the reactor reads a socket in both ways of polling."""
        probe = _Probe()
        try:
            reactor.addReader(probe)  # type: ignore[no-untyped-call]
            for timeout in (0, 1):  # without lingering, and with it
                reactor.doIteration(timeout)
            reactor.removeReader(probe)  # type: ignore[no-untyped-call]
        finally:
            probe.connectionLost(connectionDone)
        return probe.reads == 2

    def _make_reactor() -> LingeringReactor | None:
        """Return the reactor; None if it does not work with this version of Twisted."""
        try:
            reactor = LingeringReactor()
            if _delivers_events(reactor):
                return reactor
            reason = "it delivers no events"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        _log.warn(
            "the server does not poll before it sleeps, for Twisted {version} does not let it "
            "({reason}); requests take longer",
            version=twisted.__version__,
            reason=reason,
        )
        return None

    def install() -> None:
        """Use this reactor, unless the program has one already.

        Call it before anything imports `twisted.internet.reactor`.
        """
        if "twisted.internet.reactor" not in sys.modules:
            reactor = _make_reactor()
            if reactor is not None:
                installReactor(reactor)
