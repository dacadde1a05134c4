"""Contenders, each a program in a process of its own that does pieces of work on request.

The program prints a line when it is ready. Then it is sent lines with the name of a piece and a
count, and answers with what one operation took, mostly in seconds, or with what went wrong. It ends
when its stdin does. Lines are JSON.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

from scripts.benchmarks.rounds import Round

_ANSWER_SECONDS: Final = 120.0
"""Seconds; a contender that takes longer to answer has failed."""

_END_SECONDS: Final = 20.0
"""Seconds; a contender that takes longer to end is killed."""

_PROC: Final = Path("/proc")


class FailedError(Exception):
    """A contender crashed, took too long, or cannot do this piece of work."""


class Contender:
    """A program in a process of its own, which starts when it is first needed.

    Use it in a ``with`` statement: that ends the process and all that it has started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Take the command that starts it."""
        self._command = command
        self._running: _Running | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            FailedError: it did not come so far.
        """
        self._running = _Running(self._command)
        self._receive(self._running)

    def measure(self, piece: str, count: int) -> float:
        """Let it do a piece of work with ``count`` operations; return what it measured of one.

        Raises:
            FailedError: it could not. The next call finds it running, or starts it again.
        """
        if self._running is None:
            self.start()
        assert self._running is not None
        self._running.send([piece, count])
        reply = self._receive(self._running)
        if "error" in reply:
            raise FailedError(reply["error"])
        measured: float = reply["measured"]
        return measured

    def _receive(self, running: _Running) -> Mapping[str, Any]:
        try:
            return running.receive()
        except FailedError:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and all that it has started. A second call does nothing."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


class _Running:
    """The process of a contender."""

    def __init__(self, command: Sequence[str]) -> None:
        with ExitStack() as stack:
            self._errors: IO[str] = stack.enter_context(tempfile.TemporaryFile("w+"))
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            self._mark = f"BENCHMARK_CONTENDER={uuid4()}"
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_settings(folder, self._mark),
                text=True,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._requests, self._replies = self._process.stdin, self._process.stdout
            stack.callback(self._end)
            self._stack = stack.pop_all()

    def send(self, request: list[Any]) -> None:
        try:
            print(json.dumps(request), file=self._requests, flush=True)
        except BrokenPipeError:
            pass  # it has ended; reading its answer will show that

    def receive(self) -> Mapping[str, Any]:
        if not select.select([self._replies], [], [], _ANSWER_SECONDS)[0]:
            raise FailedError(f"no answer in {_ANSWER_SECONDS:.0f} seconds")
        line = self._replies.readline()
        if not line:
            raise FailedError(f"it ended; its last words: {self._last_words()}")
        reply: Mapping[str, Any] = json.loads(line)
        return reply

    def _last_words(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().split("\n")
        return next(filter(str.strip, reversed(said)), "none")

    def stop(self) -> None:
        self._stack.close()

    def _end(self) -> None:
        try:
            self._requests.close()
            self._process.wait(_END_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        finally:
            _kill_marked(self._mark)
            self._process.kill()
            self._process.wait()
            self._replies.close()


def _settings(folder: str, mark: str) -> dict[str, str]:
    """Return the environment variables of a contender, which keeps its files in a folder."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("NWS_")}
    name, _, value = mark.partition("=")
    folders = dict.fromkeys(("TMPDIR", "RAY_TMPDIR", "IPYTHONDIR"), folder)
    return {**settings, **folders, "RAY_USAGE_STATS_ENABLED": "0", name: value}


def _kill_marked(mark: str) -> None:
    """End what a contender has left running, in whatever session it is.

    Where the system does not tell the variables of processes, they are left to their own devices.
    """
    for file in _PROC.glob("[0-9]*/environ"):
        try:
            if mark.encode() in file.read_bytes().split(b"\0"):
                os.kill(int(file.parent.name), signal.SIGKILL)
        except OSError:
            pass  # it has ended, or belongs to another user


@dataclass(slots=True)
class Turns:
    """The turns of a contender that may fail: its rounds go on then, but do nothing.

    Attributes:
        work: may raise FailedError.
        failure: why it failed; empty if it did not.
    """

    work: Round
    failure: str = ""

    def __call__(self) -> float:
        if not self.failure:
            try:
                return self.work()
            except FailedError as error:
                self.failure = str(error)
        return math.nan
