"""Launches into systems that have a queue: each supervisor is a job, see ``job_queue.py``.

What ends while the sleigh goes on is replaced by another job, with the same ranks. A sleigh that
grows submits further jobs. One that shrinks lets jobs end.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Protocol, TypeVar

from nws.client import NetWorkSpace
from nws.sleigh.launch.elsewhere import LaunchElsewhere, LauncherElsewhere, slots_for
from nws.sleigh.launch.job_queue import JobQueue, JobSystem, Slot
from nws.sleigh.launch.jobs_report import publish_jobs
from nws.sleigh.shared.settings import Where

__all__ = ["QueuedLaunch"]


class QueuedLauncher(LauncherElsewhere, Protocol):
    """A launcher that submits jobs."""

    @property
    def workers_each(self) -> int:
        """How many each job starts."""


Q = TypeVar("Q", bound=QueuedLauncher)


class QueuedLaunch(LaunchElsewhere[Q]):
    """The workers of one sleigh, in jobs."""

    @abstractmethod
    def jobs(self, where: Where, workspace: NetWorkSpace) -> JobSystem:
        """Prepare for the jobs of the sleigh with this workspace.

        Raises:
            SleighException: there can be none.
        """

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        publish = partial(publish_jobs, workspace, self._launcher.name)
        self._queue = JobQueue(self.jobs(where, workspace), publish, self._processes.leaves)
        for id in self.split(self.expected):
            self.start(id)
        self._queue.start()

    def check_room(self, count: int) -> None:
        pass  # jobs wait until there is room

    def split(self, count: int) -> Mapping[str, int]:
        return dict(slots_for(count, self._launcher.workers_each))

    def start(self, id: str) -> None:
        slot = Slot(id, self.split(self.expected).get(id, 1))  # later ones are given ranks
        place = f"a job of {self._launcher.name} for workers"
        self._processes.start(id, place, partial(self._queue.add, slot))
