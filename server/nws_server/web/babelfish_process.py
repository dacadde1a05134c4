"""The server's own babelfish: a process that reads Python values, started when it is needed."""

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
"""Address space that it may use."""

_MAX_FAILED_STARTS: Final = 3
"""How many may end in a row before they are ready, until starting them is suspended."""

_START_TIMEOUT_SECONDS: Final = 10.0
"""How long it may take until it is ready."""

_READY_MESSAGE: Final = "the babelfish serves"
"""What it prints when it is ready."""

_PIPE_CLOSE_SECONDS: Final = 0.2
"""From its end until its pipes are closed, which its children may have inherited."""

_RETRY_SECONDS: Final = 30.0
"""For how long starting is suspended."""

_MAX_OUTPUT_CHARS: Final = 2000
"""How much of its output is kept, to show why it ended."""

_log = Logger()

T = TypeVar("T")


class BabelfishProcess:
    """Starts the process when it is needed, and again when it has ended.

    Attributes:
        problem: why it is not running, if that is known; else empty.
        has_answered: whether it has answered at least once; set by whoever asks it.
        on_end: called when the process has ended.
    """

    def __init__(self, reactor: Any, options: Sequence[str]) -> None:
        """Prepare to start it.

        Args:
            reactor: that runs the process.
            options: of the command line: where the server is, and how to read values.
        """
        self.problem = ""
        self.has_answered = False
        self.on_end: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._options = options
        self._process: _BabelfishProtocol | None = None
        self._failed_starts = 0
        self._retry_at = 0.0
        self._waiting_for_ready: list[Deferred[bool]] = []
        self._waiting_for_end: list[Deferred[None]] = []

    @property
    def runs(self) -> bool:
        """Whether the process is running."""
        return self._process is not None

    def start(self) -> None:
        """Start it, unless starting is suspended because too many have ended early.

        If it cannot be started there is a `problem`.
        """
        now = self._reactor.seconds()
        if now < self._retry_at:
            return
        if self._failed_starts >= _MAX_FAILED_STARTS:
            self._retry_at, self._failed_starts = now + _RETRY_SECONDS, 0
            _log.warn("the babelfish ends again and again: {problem}", problem=self.problem)
            return
        self.problem = ""
        self.has_answered = False
        self._failed_starts += 1
        process = _BabelfishProtocol(self._reactor, self._is_ready, self._ended)
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
        """Wait until it is ready; False if it ends before, or takes too long."""
        ready: Deferred[bool] = Deferred()
        if self._process is None or self._process.is_ready:
            ready.callback(self._process is not None)
        else:
            self._waiting_for_ready.append(ready)
            ready.addTimeout(_START_TIMEOUT_SECONDS, self._reactor)
            ready.addErrback(lambda failure: failure.trap(DeferredTimeout) and False)
        return ready

    def end(self) -> Deferred[None]:
        """Kill it, and wait until it has ended."""
        ended: Deferred[None] = Deferred()
        if self._process is None:
            ended.callback(None)
        else:
            self._waiting_for_end.append(ended)
            self._process.kill()
        return ended

    def kill(self) -> None:
        """Kill it. It is started again when it is needed."""
        if self._process is not None:
            self._process.kill()

    def _is_ready(self) -> None:
        self._failed_starts = 0
        ready, self._waiting_for_ready = self._waiting_for_ready, []
        _fire(ready, True)

    def _ended(self, process: _BabelfishProtocol, how: str) -> None:
        self._process = None
        self.problem = f"{how}; its output: {process.output or 'none'}"
        ready, self._waiting_for_ready = self._waiting_for_ready, []
        ended, self._waiting_for_end = self._waiting_for_end, []
        self.on_end()  # may start it again
        _fire(ready, False)
        _fire(ended, None)


def _fire(waiting: list[Deferred[T]], result: T) -> None:
    for deferred in waiting:
        if not deferred.called:
            deferred.callback(result)


def _environment() -> dict[str, str]:
    """Return an environment with this process's module path, as the checkout may not be installed.

    Modules in the working folder are not found.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


class _BabelfishProtocol(ProcessProtocol):
    transport: IProcessTransport

    def __init__(
        self,
        reactor: Any,
        ready: Callable[[], None],
        ended: Callable[[_BabelfishProtocol, str], None],
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
