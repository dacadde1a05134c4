"""The workers on this machine, in any number at any time."""

from __future__ import annotations

import os
from functools import partial
from itertools import count

from nws.sleigh.launch.processes import LocalSupervisor, Processes, started
from nws.sleigh.shared.settings import Settings, Where

__all__ = ["LocalWorkers"]


class LocalWorkers:
    """Some supervisors, each with the workers that were asked for at a time.

    Attributes:
        count: how many workers there are.
    """

    def __init__(self, processes: Processes, number: int, machine: str, *, fresh: bool) -> None:
        """Begin to start workers; `join` lets them work.

        Args:
            processes: takes the supervisors.
            number: of workers.
            machine: name of this machine among others.
            fresh: each task gets a worker in which none has run before.

        Raises:
            SleighScriptException: they cannot be started.
        """
        self.count = number
        self._processes = processes
        self._machine = machine
        self._fresh = fresh
        self._ids = count()
        self._supervisors: list[tuple[str, int]] = []
        self._first = started(LocalSupervisor) if number else None

    def join(self, where: Where) -> None:
        """Let them join the workspace."""
        self._where = where
        if self._first is not None:
            settings = self._settings(self.count)
            self._first.send_settings(settings)
            self._keep(settings, self._first)

    def set_count(self, wanted: int) -> None:
        """Start or end workers. A task that runs on one that is ended is run again elsewhere.

        Raises:
            SleighScriptException: one cannot be started.
        """
        while self.count > wanted:
            id, workers = self._supervisors.pop()
            self._processes.end(id)
            self.count -= workers
        if self.count < wanted:
            settings = self._settings(wanted - self.count)
            self._keep(settings, started(partial(_started_with, settings)))
            self.count = wanted

    def _keep(self, settings: Settings, supervisor: LocalSupervisor) -> None:
        what = "what starts workers on this machine"
        self._processes.add(settings.id, what, supervisor, partial(_started_with, settings))
        self._supervisors.append((settings.id, settings.workers))

    def _settings(self, workers: int) -> Settings:
        return Settings(
            self._where,
            id=f"{self._machine} {next(self._ids)}",
            workers=workers,
            machine=self._machine,
            working_folder=os.getcwd(),
            neighbours=workers,
            life_line=True,
            fresh=self._fresh,
        )


def _started_with(settings: Settings) -> LocalSupervisor:
    supervisor = LocalSupervisor()
    supervisor.send_settings(settings)
    return supervisor
