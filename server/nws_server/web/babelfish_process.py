"""The server's own babelfish: a process that reads Python values, and how it is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["WORKSPACE", "BabelfishProcess"]

WORKSPACE: Final = b"Python babelfish of the server"

_MEMORY_LIMIT_BYTES: Final = 2 * 1024**3
"""Bytes of address space."""

_MAX_FAILED_STARTS: Final = 3
"""So many may end in a row without having been ready; then there is a rest."""

_START_TIMEOUT_SECONDS: Final = 10.0
"""Seconds until it is ready, at most."""

_READY_MESSAGE: Final = "the babelfish serves"
"""What it says then."""

_PIPE_CLOSE_SECONDS: Final = 0.2
"""Seconds from its end until its pipes are closed, which its children may still hold."""

_RETRY_SECONDS: Final = 30.0
"""Seconds."""

_MAX_OUTPUT_CHARS: Final = 2000
"""Bytes of what it writes that are kept, to say why it ended."""

_log = Logger()

T = TypeVar("T")


class BabelfishProcess:
    """Starts the process when it is needed, and again when it has ended.

    Attributes:
        problem: why there is none, once that is clear; else empty.
        has_answered: whether the process has done its work at least once; set by who asks.
        on_end: called when the process has ended.
    """

    def __init__(self, reactor: Any, options: Sequence[str]) -> None:
        """Prepare to start it with options that say where the server is and how to read."""
        self.problem = ""
        self.has_answered = False
        self.on_end: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._options = options
        self._process: _Process | None = None
        self._failed_starts = 0
        self._retry_at = 0.0
        self._until_ready: list[Deferred[bool]] = []
        self._until_gone: list[Deferred[None]] = []

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None

    def start(self) -> None:
        """Start it. If too many have ended in vain, that is not done for a while, and there is a
        `problem`."""
        now = self._reactor.seconds()
        if now < self._retry_at:
            return
        if self._failed_starts >= _MAX_FAILED_STARTS:
            self._retry_at, self._failed_starts = now + _RETRY_SECONDS, 0
            _log.warn("the babelfish does not stay: {problem}", problem=self.problem)
            return
        self.problem = ""
        self.has_answered = False
        self._failed_starts += 1
        process = _Process(self._reactor, self._is_ready, self._ended)
        command = [sys.executable, "-m", "nws_babelfish", *self._options]
        command += ["--workspace", WORKSPACE.decode(), "--memory-limit", str(_MEMORY_LIMIT_BYTES)]
        command += ["--until-eof"]
        try:
            self._reactor.spawnProcess(
                process,
                sys.executable,
                command,
                env=_environment(),
                childFDs={0: "w", 1: "r", 2: "r"},
            )
        except OSError as error:  # as when there are too many processes
            self.problem = str(error)
        else:
            self._process = process

    def ready(self) -> Deferred[bool]:
        """Wait until it does its work; False if it does not come to that."""
        ready: Deferred[bool] = Deferred()
        if self._process is None or self._process.is_ready:
            ready.callback(self._process is not None)
        else:
            self._until_ready.append(ready)
            ready.addTimeout(_START_TIMEOUT_SECONDS, self._reactor)
            ready.addErrback(lambda failure: failure.trap(DeferredTimeout) and False)
        return ready

    def end(self) -> Deferred[None]:
        """End it, and wait until it is gone."""
        gone: Deferred[None] = Deferred()
        if self._process is None:
            gone.callback(None)
        else:
            self._until_gone.append(gone)
            self._process.kill()
        return gone

    def kill(self) -> None:
        """End it; it is started again when it is needed."""
        if self._process is not None:
            self._process.kill()

    def _is_ready(self) -> None:
        self._failed_starts = 0
        ready, self._until_ready = self._until_ready, []
        _fire(ready, True)

    def _ended(self, process: _Process, how: str) -> None:
        self._process = None
        self.problem = f"{how}; it output: {process.output or 'nothing'}"
        ready, self._until_ready = self._until_ready, []
        gone, self._until_gone = self._until_gone, []
        self.on_end()  # it may be started again in there
        _fire(ready, False)
        _fire(gone, None)


def _fire(waiting: list[Deferred[T]], result: T) -> None:
    for deferred in waiting:
        if not deferred.called:
            deferred.callback(result)


def _environment() -> dict[str, str]:
    """Let it find what this process finds, for the checkout may not be installed, but no module
    that happens to lie in the working folder."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


class _Process(ProcessProtocol):
    transport: IProcessTransport

    def __init__(
        self, reactor: Any, ready: Callable[[], None], ended: Callable[[_Process, str], None]
    ) -> None:
        self.output = ""
        self.is_ready = False
        self._reactor = reactor
        self._ready = ready
        self._ended = ended
        self._pipe_close: IDelayedCall | None = None

    def outReceived(self, data: bytes) -> None:
        self.errReceived(data)

    def errReceived(self, data: bytes) -> None:
        self.output = (self.output + data.decode("utf-8", "replace"))[-_MAX_OUTPUT_CHARS:]
        if not self.is_ready and _READY_MESSAGE in self.output:
            self.is_ready = True
            self._ready()

    def kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def processExited(self, reason: Failure) -> None:
        self._pipe_close = self._reactor.callLater(
            _PIPE_CLOSE_SECONDS, self.transport.loseConnection
        )

    def processEnded(self, reason: Failure) -> None:
        if self._pipe_close is not None and self._pipe_close.active():
            self._pipe_close.cancel()
        self._ended(self, reason.getErrorMessage())
