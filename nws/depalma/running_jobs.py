"""The jobs that run on a host, and the signals that they are to get."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final

from nws.depalma.messages import RunningJob, SubmittedJob
from nws.processes.process_group import ProcessGroup
from nws.processes.usage import use_of_groups

__all__ = ["RunningJobs"]

_MAX_KILLED: Final = 10_000
"""Jobs that do not run here, but that are known to have been killed."""

_START_SECONDS: Final = 5.0
"""For those that are being started, when the host ends."""


class RunningJobs:
    """The processes of a host. Several threads may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # and for all below
        self._starting = 0
        self._running: dict[int, tuple[SubmittedJob, int, ProcessGroup]] = {}
        self._killed: dict[int, int] = {}
        self._is_over = False

    def start(
        self, job: SubmittedJob, attempt: int, start: Callable[[], ProcessGroup]
    ) -> ProcessGroup | int:
        """Start a job, unless it was killed before. Others start at the same time.

        Args:
            job, attempt: what is started.
            start: makes its process.

        Returns:
            The process; or else the signal by which the job was killed.

        Raises:
            OSError: it cannot be started.
        """
        with self._changed:
            if number := self._signal_for(job.pid):
                return number
            self._starting += 1
        process = None
        try:
            process = start()
            return process
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()
                if process is not None:
                    self._running[job.pid] = (job, attempt, process)
                    if number := self._signal_for(job.pid):  # it was killed meanwhile
                        process.send_signal(number)

    def _signal_for(self, pid: int) -> int:
        """Return the signal that a job is to get; 0 for none."""
        return signal.SIGKILL if self._is_over else self._killed.get(pid, 0)

    def remove(self, pid: int) -> int:
        """Forget a job that has ended, and return the signal that it was to get; 0 for none."""
        with self._changed:
            del self._running[pid]
            return self._killed.pop(pid, 0)

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to a job, and remember that: it does not run here again."""
        with self._changed:
            self._killed[pid] = number
            if len(self._killed) > _MAX_KILLED:
                del self._killed[next(iter(self._killed))]
            _, _, process = self._running.get(pid, (None, 0, None))
        if process is not None:
            process.send_signal(number)

    def end(self) -> list[int]:
        """Kill all of them, start no other, and return their pids."""
        with self._changed:
            self._is_over = True
            self._changed.wait_for(lambda: not self._starting, _START_SECONDS)
            for _, _, process in self._running.values():
                process.send_signal(signal.SIGKILL)
            return sorted(self._running)

    def describe(self) -> list[RunningJob]:
        """Return what is known of each, also by the system."""
        with self._changed:
            running = list(self._running.values())
        use = use_of_groups(process.pid for _, _, process in running)
        return [
            RunningJob(
                job.pid,
                attempt,
                job.failures,
                process.pid,
                process.started,
                *use.get(process.pid, ()),
            )
            for job, attempt, process in running
        ]
