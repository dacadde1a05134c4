"""``launch="local"``: workers on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.launcher import (
    DEFAULT_NODES,
    Launch,
    WorkerOptions,
)
from nws.sleigh.launch.nodes import check_environment, is_list_of_nodes
from nws.sleigh.launch.open_files import check_local_workers
from nws.sleigh.launch.processes import LocalSupervisor, Process, Processes, started
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.surroundings import Surroundings

__all__ = ["LocalLauncher"]

_LOCAL: Final = "0"
"""Id of the only supervisor on this machine."""


class LocalLauncher:
    """Workers on this machine, below one supervisor."""

    is_local = True
    is_by_hand = False

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Prepare.

        Args:
            environment: variables that workers have from their start, beside ours.

        Raises:
            SleighIllegalValueException: it is no mapping of variables to their texts.
        """
        self._environment = {} if environment is None else environment
        check_environment("environment=", self._environment)

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _LocalLaunch(options, processes, self._environment)


class _LocalLaunch:
    def __init__(
        self, options: WorkerOptions, processes: Processes, environment: Mapping[str, str]
    ) -> None:
        if not is_list_of_nodes(options.nodeList) or tuple(options.nodeList) != DEFAULT_NODES:
            raise SleighIllegalValueException(
                f"nodeList={options.nodeList!r} is for workers on other machines, which need a "
                "command that leads there, such as launch=sshcmd; here, workerCount says how many"
            )
        self.expected = options.workers.low
        _check_folder(options.workingDir)
        self.check_room(options.workers.high)
        self._options = options
        self._processes = processes
        self.surroundings = Surroundings(variables=True, folder=not options.workingDir)
        self._environment = {**self.surroundings.environment, **environment}
        self._supervisor = started(self._new_supervisor)
        processes.add(
            _LOCAL, "what starts workers on this machine", self._supervisor, self._start_again
        )

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        options = self._options
        self._settings = Settings(
            where,
            id=_LOCAL,
            workers=self.expected,
            expected=self.expected,
            working_folder=options.working_folder,
            module_path=options.module_path,
            log_folder=options.log_folder,
            neighbours=options.workers.high,
            life_line=True,
            authkey=_authkey(),
        )
        self._supervisor.send_settings(self._settings)

    def check_room(self, count: int) -> None:
        check_local_workers(f"workerCount={count}", count)

    def split(self, count: int) -> Mapping[str, int]:
        return {_LOCAL: count}

    def start(self, id: str) -> None:
        raise AssertionError("the supervisor here always has workers")

    def _new_supervisor(self) -> LocalSupervisor:
        return LocalSupervisor(self._environment)

    def _start_again(self) -> Process:
        supervisor = self._new_supervisor()
        supervisor.send_settings(self._settings)
        return supervisor


def _check_folder(folder: str | None) -> None:
    if folder and not os.path.isdir(folder):
        raise SleighIllegalValueException(
            f"workingDir={folder!r}: there is no such folder on this machine"
        )


def _authkey() -> str:
    """Return the key of `multiprocessing` in this process, if that is imported: else nobody has
    used it yet."""
    process: Any = sys.modules.get("multiprocessing.process")
    return "" if process is None else bytes(process.current_process().authkey).hex()
