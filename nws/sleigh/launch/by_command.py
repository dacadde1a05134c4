"""``launch="ssh"``, ``"rsh"`` or a function: a command for each machine starts workers there."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from functools import partial
from textwrap import shorten
from typing import Final

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.session.endpoint import Endpoint, server_address
from nws.sleigh.launch.commands import LaunchOptions, rshcmd, sshcmd, sshforwardcmd
from nws.sleigh.launch.launcher import (
    Launch,
    LaunchCommand,
    WorkerOptions,
)
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.launch.nodes import nodes_of
from nws.sleigh.launch.open_files import check_open_files
from nws.sleigh.launch.processes import Command, Processes
from nws.sleigh.launch.reachable import login_for_workers
from nws.sleigh.launch.script import stdin_for, variables_for
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.surroundings import Surroundings
from nws.wire.login import FORWARDED, Login

__all__ = ["CommandLauncher", "rsh", "ssh"]

_FILES_BESIDES: Final = 16
"""In a master, beside one for each command."""

_MAX_SHOWN_CHARS: Final = 120
"""Of a command, in messages. Behind that there are only the variables of the script."""


class CommandLauncher:
    """Workers on other machines, which a command for each entry of ``nodeList`` leads to."""

    is_local = is_by_hand = False

    def __init__(self, command: LaunchCommand) -> None:
        """Launch by this function, which leads to a machine; see ``commands.py``."""
        self._command = command

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _CommandLaunch(self._command, options, processes)


def ssh() -> CommandLauncher:
    """Return the launcher ``ssh``."""
    return CommandLauncher(sshcmd)


def rsh() -> CommandLauncher:
    """Return the launcher ``rsh``."""
    return CommandLauncher(rshcmd)


class _CommandLaunch:
    def __init__(
        self, command: LaunchCommand, options: WorkerOptions, processes: Processes
    ) -> None:
        nodes = nodes_of(options.nodeList)
        self._nodes = {str(number): node for number, node in enumerate(nodes)}
        self._room = sum(node.workers for node in nodes)
        self._in_groups = sum(node.workers for node in nodes if node.group)
        workers = options.workers
        self.expected = workers.low if workers.is_elastic else self._room
        self.check_room(self.expected)
        self.check_room(workers.high if workers.is_elastic else self._room)
        count = len(self._nodes)
        check_open_files(f"nodeList has {count} machines", count + _FILES_BESIDES)
        has_folder = options.workingDir or any(node.folder for node in self._nodes.values())
        self.surroundings = Surroundings(variables=False, folder=not has_folder)
        self._lead = command
        self._options = options
        self._processes = processes

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        self._where, self._server = where, workspace.server
        for id in self.split(self.expected):
            self.start(id)

    def check_room(self, count: int) -> None:
        if count > self._room:
            raise SleighIllegalValueException(
                f"{count} workers are wanted, but nodeList has room for {self._room}"
            )
        if count < self._in_groups:
            raise SleighIllegalValueException(
                f"{count} workers are wanted, but the nodes with a group have {self._in_groups}, "
                "and keep them all"
            )

    def split(self, count: int) -> Mapping[str, int]:
        numbers: dict[str, int] = {}  # `nodes_of` has those with a group first
        for id, node in self._nodes.items():
            if count > 0:
                numbers[id] = min(count, node.workers)
                count -= node.workers
        return numbers

    def start(self, id: str) -> None:
        machine = self._nodes[id].host
        command, stdin = self._command(id)
        shown = shorten(shlex.join(command), _MAX_SHOWN_CHARS, placeholder=" …")
        place = f"what starts workers on {machine} (by `{shown}`)"
        self._processes.start(id, place, partial(Command, command, stdin))

    def _command(self, id: str) -> tuple[list[str], str]:
        """Return the command, and what is written to its stdin."""
        options, where, server = self._options, self._where, self._server
        node = self._nodes[id]
        host = options.nwsHostRemote or where.host
        port = options.nwsPortRemote or where.port
        settings = Settings(
            where._replace(host=host, port=port),
            id=id,
            workers=self.split(self.expected).get(id, 1),
            expected=self.expected,
            machine=node.host,
            working_folder=node.folder or options.working_folder,
            needs_folder=bool(node.folder or options.workingDir),
            module_path=[*options.module_path, *own_entries(sys.path)],
            log_folder=options.log_folder,
            neighbours=sum(each.workers for each in self._nodes.values() if each.host == node.host),
            group=node.group,
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
            node.python,
        )
        lead = self._lead(node.host, launch_options)
        login = where.login
        if self._lead is not sshforwardcmd:
            login = login_for_workers(login, server)
        elif launch_options.forwarded:  # there no TLS is spoken
            login = Login(Login.from_text(login).secret, FORWARDED).to_text()
        elif login and "@" not in login:
            login = f"{login}@{server.address}"
        variables = variables_for(settings, node.environment)
        script = options.scriptExec(node.host, variables, launch_options)
        # Where nothing leads elsewhere, there is no shell that would take the quotes off.
        words = [*lead, *script] if lead else shlex.split(" ".join(script))
        return words, stdin_for(login, node.environment)


def _forwarded_socket(endpoint: Endpoint) -> str:
    """Return the path of the server's socket for forwarded connections; empty if it has none, or
    is on another machine."""
    login = endpoint.login
    found = server_address(endpoint) if login is not None and endpoint.is_here else None
    return found.forwarded if found and login and found.secret == login.secret else ""
