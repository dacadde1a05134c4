"""One job on its host: a process group, from its start to its end."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Final, NamedTuple

from nws.depalma.parameters import CodeSpec

__all__ = ["JobProcess", "ProcessEnd", "words_of"]

_SHELL: Final = "/bin/sh"
_KIB: Final = 1024


class ProcessEnd(NamedTuple):
    """How a process ended."""

    status: int
    """Its exit status; -1 if a signal ended it."""
    signal: int
    """That ended it; 0 if none did."""
    timed_out: bool
    cpu: float
    """Seconds of processor time."""
    memory: int
    """Bytes that the largest process had in memory."""


class JobProcess:
    """A running job.

    Attributes:
        pid: of its first process, which is also the number of its group.
        started: in seconds since 1970.
        stdin, stdout, stderr: pipes without a buffer; None without ``io`` and ``pickup``.
    """

    def __init__(
        self, spec: CodeSpec, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Start it.

        Args:
            spec: of its code.
            arguments: for its command.
            environment: all of it, but for what the code adds.

        Raises:
            OSError: the program or the folder is not there, or there are too many processes.
        """
        output = subprocess.PIPE if spec.keeps_output else subprocess.DEVNULL
        self.started = time.time()
        self._popen = subprocess.Popen(
            words_of(spec, arguments),
            bufsize=0,
            stdin=subprocess.PIPE if spec.io else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=spec.cwd or None,
            env={**environment, **spec.env} if spec.env else environment,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self.stdin: IO[bytes] | None = self._popen.stdin
        self.stdout: IO[bytes] | None = self._popen.stdout
        self.stderr: IO[bytes] | None = self._popen.stderr
        self._lock = threading.Lock()
        self._ended = False
        self._timed_out = False
        self._timer = threading.Timer(spec.timeout, self._time_out) if spec.timeout else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    @property
    def ended(self) -> bool:
        """Whether its first process has ended."""
        return self._ended

    def send_signal(self, number: int) -> None:
        """Send a signal to all processes of its group, if it has not ended."""
        with self._lock:
            if not self._ended:
                _signal_group(self.pid, number)

    def wait(self) -> ProcessEnd:
        """Wait until its first process has ended; then kill what that leaves in its group."""
        _, raw_status, usage = os.wait4(self.pid, 0)
        with self._lock:
            self._ended = True
            # Its number cannot belong to others as long as somebody is left in the group.
            _signal_group(self.pid, signal.SIGKILL)
        if self._timer is not None:
            self._timer.cancel()
        status = self._popen.returncode = os.waitstatus_to_exitcode(raw_status)
        return ProcessEnd(
            max(status, -1),
            max(-status, 0),
            self._timed_out,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * _KIB,
        )

    def _time_out(self) -> None:
        with self._lock:
            if not self._ended:
                self._timed_out = True
                _signal_group(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes of its output."""
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left, or (macOS) nobody but a zombie


def words_of(spec: CodeSpec, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a job.

    A shell sets the limits, since Python can do so only after a fork, which is not safe where there
    are threads.
    """
    if isinstance(spec.command, str):
        words = [_SHELL, "-c", " ".join([spec.command, *map(shlex.quote, arguments)])]
    else:
        words = [*spec.command, *arguments]
    limits = []
    if spec.memory:
        limits.append(f"ulimit -v {max(1, spec.memory // _KIB)}")
    if spec.cpu:
        # At the soft limit the system sends SIGXCPU, at the hard one SIGKILL.
        limits.append(f"ulimit -S -t {spec.cpu} && ulimit -H -t {spec.cpu + 1}")
    if limits:
        words = [_SHELL, "-c", f'{" && ".join(limits)} && exec "$@"', _SHELL, *words]
    return words
