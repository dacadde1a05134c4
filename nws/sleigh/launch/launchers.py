"""Ways to start workers: here, by a command for each machine, or by a person.

A launcher is made with the sleigh's options, may begin at once, and goes on when the workspace is
there. `LAUNCHERS` has those with a name; a function is a way to make commands, see ``commands.py``.
"""

from __future__ import annotations

import operator
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from textwrap import shorten
from typing import Any, Final, NamedTuple, Protocol

from nws.client import NetWorkSpace, NwsServer
from nws.errors import SleighIllegalValueException
from nws.session.endpoint import Endpoint, server_address
from nws.sleigh.launch.by_hand import wait_for_a_person
from nws.sleigh.launch.commands import LaunchOptions, sshforwardcmd
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.launch.open_files import check_open_files
from nws.sleigh.launch.processes import Command, LocalSupervisor, Process, Processes, started
from nws.sleigh.launch.script import variables_for
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.surroundings import Surroundings
from nws.wire.login import FORWARDED

__all__ = [
    "DEFAULT_NODES",
    "LAUNCHERS",
    "Launcher",
    "LocalLauncher",
    "WorkerOptions",
    "launcher_for",
]

Launch = Callable[[str, LaunchOptions], Sequence[str]]
ScriptExec = Callable[[str, Sequence[str], LaunchOptions], Sequence[str]]


DEFAULT_NODES: Final = ("localhost", "localhost", "localhost")
"""The default of ``nodeList`` in the guide."""

_FILES_PER_WORKER: Final = 4
"""In a supervisor: two pipes, a connection, a file for the traceback."""

_FILES_BESIDES: Final = 16
"""In a supervisor, or in a master."""

_MAX_SHOWN_CHARS: Final = 120
"""Of a command, in messages. Behind that there are only the variables of the script."""

_LOCAL: Final = "0"
"""Id of the only supervisor on this machine."""


class WorkerOptions(NamedTuple):
    """The options of a sleigh about its workers; see `nws.sleigh.Sleigh` for each."""

    launch: str | Launch
    workerCount: int
    nodeList: Sequence[str]
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


class Launcher(Protocol):
    """A way to start workers.

    Attributes:
        expected: how many workers there will be; 0 if nobody knows.
        surroundings: whose changes are told to the workers.
    """

    expected: int
    surroundings: Surroundings

    def __init__(self, options: WorkerOptions, processes: Processes) -> None:
        """Begin with what can be done before the workspace is there.

        Raises:
            SleighIllegalValueException: the options do not fit.
        """

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        """Start workers that join this workspace, in ``processes`` that are restarted."""


class LocalLauncher:
    """Workers on this machine."""

    def __init__(self, options: WorkerOptions, processes: Processes) -> None:
        if not _is_list(options.nodeList) or tuple(options.nodeList) != DEFAULT_NODES:
            raise SleighIllegalValueException(
                f"nodeList={options.nodeList!r} is for workers on other machines, which need a "
                "command that leads there, such as launch=sshcmd; here, workerCount says how many"
            )
        self.expected = _checked_count(options.workerCount)
        _check_folder(options.workingDir)
        check_open_files(
            f"workerCount={self.expected}", _FILES_PER_WORKER * self.expected + _FILES_BESIDES
        )
        self._options = options
        self._processes = processes
        self.surroundings = Surroundings(variables=True, folder=not options.workingDir)
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
            neighbours=self.expected,
            life_line=True,
            authkey=_authkey(),
        )
        self._supervisor.send_settings(self._settings)

    def _new_supervisor(self) -> LocalSupervisor:
        return LocalSupervisor(self.surroundings.environment)

    def _start_again(self) -> Process:
        supervisor = self._new_supervisor()
        supervisor.send_settings(self._settings)
        return supervisor


def _check_folder(folder: str | None) -> None:
    if folder and not os.path.isdir(folder):
        raise SleighIllegalValueException(
            f"workingDir={folder!r}: there is no such folder on this machine"
        )


def _is_list(machines: Any) -> bool:
    is_sequence = isinstance(machines, Sequence) and not isinstance(machines, str)
    return is_sequence and all(isinstance(machine, str) for machine in machines)


def _authkey() -> str:
    """Return the key of `multiprocessing` in this process, if that is imported: else nobody has
    used it yet."""
    process: Any = sys.modules.get("multiprocessing.process")
    return "" if process is None else bytes(process.current_process().authkey).hex()


def _checked_count(count: Any) -> int:
    try:
        whole = operator.index(count)
    except TypeError:
        raise SleighIllegalValueException(f"workerCount={count!r} is not a whole number") from None
    if whole < 1:
        raise SleighIllegalValueException(f"workerCount={whole}: a sleigh needs workers")
    return whole


class CommandLauncher:
    """A worker for each entry of a list of machines, started by a command."""

    def __init__(self, options: WorkerOptions, processes: Processes) -> None:
        machines = options.nodeList
        if not _is_list(machines) or not machines:
            raise SleighIllegalValueException(
                f"nodeList={machines!r}: a sleigh needs a list of the names of machines"
            )
        self.expected = len(machines)
        check_open_files(f"nodeList has {self.expected} machines", self.expected + _FILES_BESIDES)
        self.surroundings = Surroundings(variables=False, folder=not options.workingDir)
        self._options = options
        self._processes = processes

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        for number, machine in enumerate(self._options.nodeList):
            id = str(number)
            command, login = self._command(id, machine, where, workspace.server)
            shown = shorten(shlex.join(command), _MAX_SHOWN_CHARS, placeholder=" …")
            place = f"what starts workers on {machine} (by `{shown}`)"
            self._processes.start(id, place, partial(Command, command, f"{login}\n"))

    def _command(
        self, id: str, machine: str, where: Where, server: NwsServer
    ) -> tuple[list[str], str]:
        """Return the command, and what lets the worker in."""
        options = self._options
        launch = options.launch
        assert callable(launch)
        host = options.nwsHostRemote or where.host
        port = options.nwsPortRemote or where.port
        settings = Settings(
            where._replace(host=host, port=port),
            id=id,
            expected=self.expected,
            machine=machine,
            working_folder=options.working_folder,
            needs_folder=bool(options.workingDir),
            module_path=[*options.module_path, *own_entries(sys.path)],
            log_folder=options.log_folder,
            neighbours=options.nodeList.count(machine),
        )
        launch_options = LaunchOptions(
            where.host,
            where.port,
            host,
            port,
            options.scriptDir,
            options.scriptName,
            options.user,
            _forwarded_socket(server.endpoint),
        )
        lead = launch(machine, launch_options)
        login = where.login
        if launch is sshforwardcmd and login and "@" not in login:
            address = FORWARDED if launch_options.forwarded else server.address
            login = f"{login}@{address}"
        script = options.scriptExec(machine, variables_for(settings), launch_options)
        # Where nothing leads elsewhere, there is no shell that would take the quotes off.
        return ([*lead, *script] if lead else shlex.split(" ".join(script))), login


def _forwarded_socket(endpoint: Endpoint) -> str:
    """Return the path of the server's socket for forwarded connections; empty if it has none, or
    is on another machine."""
    login = endpoint.login
    found = server_address(endpoint) if login is not None and endpoint.is_here else None
    return found.forwarded if found and login and found.secret == login.secret else ""


class WebLauncher:
    """Workers that a person starts; see ``by_hand.py``."""

    expected = 0

    def __init__(self, options: WorkerOptions, processes: Processes) -> None:
        self.surroundings = Surroundings(variables=False, folder=False)
        self._options = options

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        options = self._options
        host = options.nwsHostRemote or where.host
        port = options.nwsPortRemote or where.port
        wait_for_a_person(workspace, where._replace(host=host, port=port))


LAUNCHERS: Final[dict[str, type[Launcher]]] = {"local": LocalLauncher, "web": WebLauncher}


def launcher_for(launch: Any) -> type[Launcher]:
    """Return the launcher that the user's ``launch`` stands for.

    Raises:
        SleighIllegalValueException: there is none.
    """
    if callable(launch):
        return CommandLauncher
    if not isinstance(launch, str) or launch not in LAUNCHERS:
        raise SleighIllegalValueException(
            f"launch={launch!r} is neither a function nor one of {', '.join(LAUNCHERS)}"
        )
    return LAUNCHERS[launch]
