"""A command in a process group of its own, from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Final, NamedTuple

from nws.processes.groups import peak_bytes, signal_group

__all__ = ["SHELL", "ProcessEnd", "ProcessGroup", "with_limits"]

SHELL: Final = "/bin/sh"
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


class ProcessGroup:
    """A command that runs, and all that it starts and that stays in its group.

    Attributes:
        pid: of its first process, which is also the number of its group.
        started: in seconds since 1970.
        stdin, stdout, stderr: pipes without a buffer; None where there are none.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        cwd: str = "",
        stdin: bool = False,
        output: bool = False,
        timeout: float = 0.0,
    ) -> None:
        """Start it.

        Args:
            words: the command line.
            environment: all of it; by default ours, which takes less time.
            cwd: its folder; empty for ours.
            stdin: make a pipe for its input; else that is empty.
            output: make pipes for its stdout and stderr; else these are discarded.
            timeout: seconds until it is killed; 0 for no limit.

        Raises:
            OSError: the program or the folder is not there, or there are too many processes.
        """
        stream = subprocess.PIPE if output else subprocess.DEVNULL
        self.started = time.time()
        self._popen = subprocess.Popen(
            words,
            bufsize=0,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=cwd or None,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self.stdin: IO[bytes] | None = self._popen.stdin
        self.stdout: IO[bytes] | None = self._popen.stdout
        self.stderr: IO[bytes] | None = self._popen.stderr
        self._lock = threading.Lock()
        self._ended = False
        self._timed_out = False
        self._timer = threading.Timer(timeout, self._time_out) if timeout else None
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
                signal_group(self.pid, number)

    def wait(self) -> ProcessEnd:
        """Wait until its first process has ended; then kill what that leaves in its group."""
        _, raw_status, usage = os.wait4(self.pid, 0)
        with self._lock:
            self._ended = True
            # Its number cannot belong to others as long as somebody is left in the group.
            signal_group(self.pid, signal.SIGKILL)
        if self._timer is not None:
            self._timer.cancel()
        status = self._popen.returncode = os.waitstatus_to_exitcode(raw_status)
        return ProcessEnd(
            max(status, -1),
            max(-status, 0),
            self._timed_out,
            usage.ru_utime + usage.ru_stime,
            peak_bytes(usage),
        )

    def _time_out(self) -> None:
        with self._lock:
            if not self._ended:
                self._timed_out = True
                signal_group(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes of its output."""
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()


def with_limits(words: Sequence[str], memory: int, cpu: int) -> list[str]:
    """Return a command line with limits for each of its processes.

    A shell sets them, since Python can do so only after a fork, which is not safe where there are
    threads.

    Args:
        words: the command line.
        memory: bytes of address space; 0 for no limit.
        cpu: seconds of processor time; 0 for no limit.
    """
    limits = []
    if memory:
        limits.append(f"ulimit -v {max(1, memory // _KIB)}")
    if cpu:
        # At the soft limit the system sends SIGXCPU, at the hard one SIGKILL.
        limits.append(f"ulimit -S -t {cpu} && ulimit -H -t {cpu + 1}")
    if not limits:
        return [*words]
    return [SHELL, "-c", f'{" && ".join(limits)} && exec "$@"', SHELL, *words]
