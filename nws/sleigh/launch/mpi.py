"""``launch="mpi"``: mpiexec starts the workers, on the machines that it knows.

Each rank is a supervisor, so the death of a worker ends nothing. When mpiexec ends early it is
started again, and its ranks take the places of the former ones.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from functools import partial

from nws.client import NetWorkSpace
from nws.sleigh.launch.elsewhere import FixedLaunch, checked_command, checked_number, slots_for
from nws.sleigh.launch.job_folder import JobFolder, JobOrder
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Command, Processes
from nws.sleigh.shared.interpreter import interpreter_flags
from nws.sleigh.shared.settings import Where

__all__ = ["Mpi"]


class Mpi:
    """Workers that mpiexec starts."""

    is_local = is_by_hand = False
    name = "mpi"
    first_index = 0

    def __init__(
        self,
        *,
        command: Sequence[str] = ("mpiexec",),
        workers_per_rank: int = 1,
        interface: str = "",
        folder: str | None = None,
        python: str = "",
    ) -> None:
        """Choose how to call it.

        Args:
            command: mpiexec, with options if need be; the number of ranks is added.
            workers_per_rank: for one rank on each machine, as many as that has cores.
            interface: of this machine, by which workers reach the server; by default any.
            folder: where a folder for the ranks is made, on a file system that all machines share;
                by default in the user's state folder.
            python: path of the Python for workers, with this package; by default ours.

        Raises:
            SleighIllegalValueException: the command is no list, or a rank is to have no worker.
        """
        self.workers_per_rank = checked_number("workers_per_rank", workers_per_rank)
        self.interface = interface
        self.folder = folder
        self._command = checked_command(command)
        self._python = python or sys.executable

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _MpiLaunch(self, options, processes)

    def command(self, ranks: int, path: str) -> list[str]:
        """Return the command that starts the ranks, with the file at this path."""
        flags = interpreter_flags() if self._python == sys.executable else []
        rank = [self._python, *flags, "-m", "nws.sleigh.launch.mpi_rank", path]
        return [*self._command, "-n", str(ranks), *rank]


class _MpiLaunch(FixedLaunch[Mpi]):
    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        launcher = self._launcher
        jobs = slots_for(self.expected, launcher.workers_per_rank)
        order = self._order(where, workspace)._replace(jobs=jobs)
        ids = [id for id, _ in jobs]
        shown = shlex.join(launcher.command(len(jobs), "…"))
        place = f"what starts workers (by `{shown}`)"
        self._processes.start(ids[0], place, partial(_MpiRun, launcher, order), ids)


class _MpiRun(Command):
    """A run of mpiexec, with a folder of its own."""

    def __init__(self, launcher: Mpi, order: JobOrder) -> None:
        self._folder = JobFolder(launcher.folder)
        try:
            self._folder.write_order(0, order)
            super().__init__(launcher.command(len(order.jobs), self._folder.order_path(0)))
        except BaseException:
            self._folder.remove()
            raise

    def wait(self, grace: float) -> None:
        super().wait(grace)
        self._folder.remove()
