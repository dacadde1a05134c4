"""The server's own babelfish: a process that reads Python values, and how it is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["WORKSPACE", "Fish"]

WORKSPACE: Final = b"Python babelfish of the server"

_MEMORY: Final = 2 * 1024**3
"""Bytes of address space."""

_IN_VAIN: Final = 3
"""So many may end in a row without having answered; then there is a rest."""

_REST: Final = 30.0
"""Seconds."""

_KEPT: Final = 2000
"""Bytes of what it writes that are kept, to say why it ended."""

_log = Logger()


class Fish:
    """Starts the process when it is needed, and again when it has ended.

    Attributes:
        problem: why there is none, once that is clear; else empty.
        has_answered: whether the process has done its work at least once.
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
        self._in_vain = 0
        self._rest_until = 0.0

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None

    def start(self) -> bool:
        """Start it, and return whether that was done. If too many have ended in vain, it is not
        for a while, and there is a `problem`."""
        now = self._reactor.seconds()
        if now < self._rest_until:
            return False
        if self._in_vain >= _IN_VAIN:
            self._rest_until, self._in_vain = now + _REST, 0
            _log.warn("the babelfish does not stay: {problem}", problem=self.problem)
            return False
        self.problem = ""
        self.has_answered = False
        self._in_vain += 1
        self._process = _Process(self._ended)
        command = [sys.executable, "-m", "nws_babelfish", *self._options]
        command += ["--workspace", WORKSPACE.decode(), "--memory-limit", str(_MEMORY)]
        self._reactor.spawnProcess(
            self._process,
            sys.executable,
            command,
            env=_environment(),
            childFDs={0: "w", 1: "r", 2: "r"},
        )
        return True

    def answered(self) -> None:
        """It does its work."""
        self.has_answered = True
        self._in_vain = 0

    def kill(self) -> None:
        """End it; it is started again when it is needed."""
        if self._process is not None:
            self._process.kill()

    def _ended(self, process: _Process, how: str) -> None:
        if process is self._process:
            self._process = None
            self.problem = f"{how}; it said: {process.said or 'nothing'}"
            self.on_end()


def _environment() -> dict[str, str]:
    """Let it find what this process finds, for the checkout may not be installed, but no module
    that happens to lie in the working folder."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


class _Process(ProcessProtocol):
    transport: IProcessTransport

    def __init__(self, ended: Any) -> None:
        self.said = ""
        self._ended = ended

    def outReceived(self, data: bytes) -> None:
        self.errReceived(data)

    def errReceived(self, data: bytes) -> None:
        self.said = (self.said + data.decode("utf-8", "replace"))[-_KEPT:]

    def kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def processEnded(self, reason: Failure) -> None:
        self._ended(self, reason.getErrorMessage())
