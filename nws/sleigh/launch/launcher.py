"""The contract of a launcher: a way to start the workers of a sleigh.

A launcher is a choice of the user's and serves any number of sleighs. For each of them it begins a
launch, which does at once what can be done before the workspace is there, and goes on then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.commands import LaunchOptions
from nws.sleigh.launch.nodes import Node
from nws.sleigh.launch.processes import Processes
from nws.sleigh.launch.worker_range import WorkerRange
from nws.sleigh.shared.settings import Where
from nws.sleigh.shared.surroundings import Surroundings

__all__ = [
    "DEFAULT_NODES",
    "Launch",
    "LaunchCommand",
    "Launcher",
    "ScriptExec",
    "Submitter",
    "WorkerOptions",
]

LaunchCommand = Callable[[str, LaunchOptions], Sequence[str]]
ScriptExec = Callable[[str, Sequence[str], LaunchOptions], Sequence[str]]

DEFAULT_NODES: Final = ("localhost", "localhost", "localhost")
"""The default of ``nodeList`` in the guide."""


class WorkerOptions(NamedTuple):
    """The options of a sleigh about its workers; see `nws.sleigh.Sleigh` for each."""

    workers: WorkerRange
    nodeList: str | Sequence[str | Node]
    nwsHostRemote: str | None
    nwsPortRemote: int | None
    scriptExec: ScriptExec
    scriptDir: str
    scriptName: str
    modulePath: str | None
    workingDir: str | None
    logDir: str | None
    user: str
    verbose: bool

    @property
    def log_folder(self) -> str:
        """Where workers' log files are made; empty for none."""
        return self.logDir or (self.working_folder if self.verbose else "")

    @property
    def working_folder(self) -> str:
        """Where workers run, if that is there.

        Raises:
            SleighIllegalValueException: ours was removed, and there is no other.
        """
        try:
            return self.workingDir or os.getcwd()
        except OSError as error:
            raise SleighIllegalValueException(
                f"the working folder of this process is gone ({error}): change to another one, or "
                "name one by workingDir="
            ) from error

    @property
    def module_path(self) -> Sequence[str]:
        """What is put in front of the workers' path for modules."""
        return self.modulePath.split(os.pathsep) if self.modulePath else ()


class Launch(Protocol):
    """The workers of one sleigh.

    Attributes:
        expected: how many there will be at first; 0 if nobody knows.
        surroundings: whose changes are told to the workers.
    """

    expected: int
    surroundings: Surroundings

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        """Start workers that join this workspace, in processes that are restarted.

        Raises:
            SleighException: they cannot be started.
        """

    def check_room(self, count: int) -> None:
        """Raise SleighIllegalValueException if there is no room for ``count`` workers, or if their
        number cannot change."""

    def split(self, count: int) -> Mapping[str, int]:
        """Divide workers among supervisors; return their numbers by the ids of these."""

    def start(self, id: str) -> None:
        """Start a supervisor that has left since it had no workers.

        Raises:
            SleighScriptException: it cannot be started.
        """


class Launcher(Protocol):
    """A way to start workers: what ``launch=`` names, or is."""

    @property
    def is_local(self) -> bool:
        """Whether workers are on this machine: a private server will do, and memory is shared."""

    @property
    def is_by_hand(self) -> bool:
        """Whether a person starts them. Then the group is closed when `Launch.go` returns, and
        whoever is gone is not waited for."""

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        """Begin with what can be done before the workspace is there.

        Args:
            options: of the sleigh.
            processes: takes what is started, to restart and to end it.

        Raises:
            SleighIllegalValueException: the options do not fit.
            SleighScriptException: nothing can be started.
        """


@runtime_checkable
class Submitter(Protocol):
    """A launcher that submits a text to a system of others, which people can look at."""

    def shown_script(self, workers: int) -> str:
        """Return what is submitted for so many workers, but for names that are made up."""
