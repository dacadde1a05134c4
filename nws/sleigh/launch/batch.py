"""What launchers for batch systems have in common: workers are jobs, submitted in arrays.

Each job is a supervisor with some workers. It is told by a file what it needs to know, the server's
secret among it, see ``job_folder.py``.
"""

from __future__ import annotations

import math
import operator
import re
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.batch_jobs import BatchJobs
from nws.sleigh.launch.batch_system import JobKey, JobRequest, JobState, Needs
from nws.sleigh.launch.elsewhere import slots_for
from nws.sleigh.launch.job_folder import JobFolder
from nws.sleigh.launch.job_queue import Slot
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Processes
from nws.sleigh.launch.queued_launch import QueuedLaunch
from nws.sleigh.launch.walltime import stay_within
from nws.sleigh.shared.interpreter import interpreter_flags
from nws.sleigh.shared.settings import Where

__all__ = ["BatchLauncher"]

_EXAMPLE: Final = "/home/you/.local/state/nws/jobs/example"


class BatchLauncher(ABC):
    """Workers that are jobs of a batch system; see ``batch_system.py`` for how that is asked.

    Attributes:
        needs: what each job asks for.
        interface: of this machine, by which workers reach the server; empty for any.
    """

    is_local = is_by_hand = False
    name: str
    first_index: int

    def __init__(
        self,
        *,
        queue: str = "",
        account: str = "",
        walltime: float = 0,
        memory: int = 0,
        workers_per_job: int = 1,
        lines: Sequence[str] = (),
        interface: str = "",
        folder: str | None = None,
        python: str = "",
    ) -> None:
        """Choose what jobs ask for. What is not given is left to the batch system.

        Args:
            queue: or partition.
            account: or project.
            walltime: seconds that a job may take. Its workers leave up to a minute earlier, and it
                is replaced.
            memory: megabytes for each job.
            workers_per_job: each job asks for as many cores.
            lines: for the script: directives, or commands to be run before the workers.
            interface: of this machine, by which workers reach the server; by default any.
            folder: where a folder for the jobs is made, on a file system that all machines share;
                by default in the user's state folder.
            python: path of the Python for workers, with this package; by default ours.

        Raises:
            SleighIllegalValueException: one of them is something else.
        """
        self.needs = Needs(
            _word("queue", queue),
            _word("account", account),
            _whole("walltime", walltime, 0, "seconds"),
            _whole("memory", memory, 0, "megabytes"),
            _whole("workers_per_job", workers_per_job, 1, "workers"),
            _checked_lines(lines),
        )
        self.interface = interface
        self._folder = folder
        self._python = python or sys.executable

    @property
    def workers_each(self) -> int:
        """How many workers each job starts."""
        return self.needs.cores

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _BatchLaunch(self, options, processes)

    def shown_script(self, workers: int) -> str:
        """Return the script of a sleigh of this size, but for names that it makes up."""
        count = len(slots_for(workers, self.workers_each))
        return self.script(self.request("nws-sleigh_ride_0001", count, _EXAMPLE, 1))

    def request(self, name: str, count: int, folder: str, number: int) -> JobRequest:
        """Return the request for an array of jobs; see `JobRequest`."""
        flags = interpreter_flags() if self._python == sys.executable else []
        words = [self._python, *flags, "-m", "nws.sleigh.launch.job", f"{folder}/{number}.json"]
        return JobRequest(name, count, self.needs, folder, number, [*map(shlex.quote, words)])

    def new_folder(self) -> JobFolder:
        """Make a folder for the jobs of a sleigh."""
        return JobFolder(self._folder)

    # The batch system

    @abstractmethod
    def script(self, request: JobRequest) -> str: ...
    @abstractmethod
    def submit_command(self) -> Sequence[str]: ...
    @abstractmethod
    def job_id(self, printed: str) -> str: ...
    @abstractmethod
    def job_name(self, key: JobKey) -> str: ...
    @abstractmethod
    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]: ...
    @abstractmethod
    def read_states(self, printed: str) -> Mapping[JobKey, JobState]: ...
    @abstractmethod
    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]: ...


class _BatchLaunch(QueuedLaunch[BatchLauncher]):
    def jobs(self, where: Where, workspace: NetWorkSpace) -> BatchJobs:
        launcher = self._launcher
        order = self._order(where, workspace)
        stay = stay_within(launcher.needs.walltime)
        order = order._replace(settings=order.settings._replace(stay=stay))
        folder = launcher.new_folder()
        name = f"nws-{re.sub('[^0-9A-Za-z_.-]', '_', where.workspace)}"

        def request(number: int, slots: Sequence[Slot]) -> JobRequest:
            folder.write_order(number, order._replace(jobs=slots))
            return launcher.request(name, len(slots), folder.path, number)

        return BatchJobs(launcher, folder, request)


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or re.search(r"\s", value):
        raise SleighIllegalValueException(f"{name}={value!r} is not a name without blanks")
    return value


def _whole(name: str, value: Any, least: int, unit: str) -> int:
    """Return a number, rounded up."""
    try:
        whole = operator.index(math.ceil(value) if isinstance(value, float) else value)
    except (TypeError, ValueError, OverflowError):
        raise SleighIllegalValueException(
            f"{name}={value!r} is not a whole number of {unit}"
        ) from None
    if whole < least:
        raise SleighIllegalValueException(f"{name}={whole} is less than {least}")
    return whole


def _checked_lines(lines: Any) -> Sequence[str]:
    if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        raise SleighIllegalValueException(f"lines={lines!r} is not a list of lines")
    return tuple(lines)
