"""Supervisors elsewhere, whoever starts them there: what they are told, and how many there are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.launcher import WorkerOptions
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.launch.processes import Processes
from nws.sleigh.launch.reachable import hosts_for_workers, login_for_workers
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.surroundings import Surroundings

__all__ = [
    "FixedLaunch",
    "LaunchElsewhere",
    "LauncherElsewhere",
    "checked_command",
    "checked_number",
    "slots_for",
]


class LauncherElsewhere(Protocol):
    """What launchers have in common that let others start supervisors.

    Attributes:
        name: of the launcher.
        interface: of this machine, by which workers reach the server; empty for any.
        first_index: of the supervisors, as those who start them count.
    """

    name: str
    interface: str
    first_index: int


L = TypeVar("L", bound=LauncherElsewhere)


class LaunchElsewhere(Generic[L]):
    """What their launches have in common."""

    def __init__(self, launcher: L, options: WorkerOptions, processes: Processes) -> None:
        """Take what `nws.sleigh.launch.launcher.Launcher.begin` is given."""
        self.expected = options.workers.low
        self.surroundings = Surroundings(variables=False, folder=not options.workingDir)
        self._launcher = launcher
        self._options = options
        self._processes = processes

    def _order(self, where: Where, workspace: NetWorkSpace) -> JobOrder:
        """Return what supervisors need to know, but for their ids and numbers of workers.

        Args:
            where: the sleigh is, as we know it.
            workspace: of the sleigh.

        Raises:
            SleighIllegalValueException: there is no such interface, or no working folder.
        """
        options, launcher = self._options, self._launcher
        port = options.nwsPortRemote or where.port
        if options.nwsHostRemote:
            hosts = [options.nwsHostRemote]
        else:
            hosts = hosts_for_workers(workspace.server.endpoint, where.port, launcher.interface)
        settings = Settings(
            where._replace(port=port, login=login_for_workers(where.login, workspace.server)),
            id="",
            expected=self.expected,
            working_folder=options.working_folder,
            needs_folder=bool(options.workingDir),
            module_path=[*options.module_path, *own_entries(sys.path)],
            log_folder=options.log_folder,
        )
        return JobOrder(settings, hosts, launcher.first_index, ())


class FixedLaunch(LaunchElsewhere[L]):
    """One whose number of workers stays as it was at first."""

    def __init__(self, launcher: L, options: WorkerOptions, processes: Processes) -> None:
        """See `LaunchElsewhere`.

        Raises:
            SleighIllegalValueException: the number of workers is to change.
        """
        if options.workers.is_elastic:
            raise SleighIllegalValueException(
                f"workerCount={options.workers[:2]}: with launch={launcher.name!r} the number of "
                "workers cannot change; give one number"
            )
        super().__init__(launcher, options, processes)

    def check_room(self, count: int) -> None:
        raise SleighIllegalValueException(
            f"{count} workers are wanted, but with launch={self._launcher.name!r} there are always "
            f"as many as at first, {self.expected}"
        )

    def split(self, count: int) -> Mapping[str, int]:
        return {}

    def start(self, id: str) -> None:
        raise AssertionError("no supervisor leaves since the sleigh wants fewer workers")


def checked_command(command: Sequence[str]) -> list[str]:
    """Return the words of a command.

    Raises:
        SleighIllegalValueException: it has none, or is a text.
    """
    if isinstance(command, str) or not command:
        raise SleighIllegalValueException(f"command={command!r} is not a list of words")
    return list(command)


def checked_number(name: str, number: int) -> int:
    """Return how many workers a supervisor has, as the option with this name says.

    Raises:
        SleighIllegalValueException: it has none.
    """
    if number < 1:
        raise SleighIllegalValueException(f"{name}={number} is less than 1")
    return number


def slots_for(workers: int, each: int) -> Sequence[tuple[str, int]]:
    """Divide workers among supervisors.

    Args:
        workers: in all.
        each: how many a supervisor has; the last one may have fewer.

    Returns:
        The id of each supervisor, and how many workers it starts.
    """
    firsts = range(0, workers, each)
    return [(str(id), min(each, workers - first)) for id, first in enumerate(firsts)]
