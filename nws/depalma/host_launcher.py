"""The hosts that a master starts: each by a command that it starts again when that has ended."""

from __future__ import annotations

import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from nws.depalma.config import LOCAL, SSH, HostConfig
from nws.errors import SleighScriptException
from nws.session.endpoint import UNIX
from nws.sleigh.launch.commands import LaunchOptions, sshcmd
from nws.sleigh.launch.processes import Command, Processes

__all__ = ["HostLauncher", "command_for", "command_on"]

_GRACE_SECONDS: Final = 5.0
"""For hosts to end by themselves, with their jobs."""


class HostLauncher:
    """Starts hosts of a cluster, and looks after them. It is used by one thread at a time."""

    def __init__(self, cluster: str, server: str, is_alive: Callable[[str], bool]) -> None:
        """Make one.

        Args:
            cluster: its name.
            server: ``HOST:PORT`` or ``unix:/PATH``.
            is_alive: whether a host of this name has joined and is not lost.
        """
        self._cluster = cluster
        self._server = server
        self._is_alive = is_alive
        self._hosts: dict[str, tuple[HostConfig, Processes]] = {}
        self._problems: dict[str, str] = {}

    def start(self, host: HostConfig) -> None:
        """Start a host, instead of the one of this name."""
        self.stop([host.name])
        self._hosts[host.name] = (host, Processes())
        self._try(host.name, self._start_first)

    def stop(self, names: Iterable[str]) -> None:
        """End hosts that were started here; kill those that have not ended in 5 seconds."""
        deadline = time.monotonic() + _GRACE_SECONDS
        for name in names:
            _, processes = self._hosts.pop(name, (None, None))
            self._problems.pop(name, None)
            if processes is not None:
                processes.stop(max(0.0, deadline - time.monotonic()))

    def look_after(self) -> dict[str, str]:
        """Start those again that have ended, after a pause if they end again and again.

        Returns:
            What is wrong, by the names of hosts that end again and again, or cannot be started.
        """
        for name in self._hosts:
            self._try(name, self._restart)
        return self._problems

    def retry(self, name: str) -> None:
        """Start a host at once, if it has ended and is waited with."""
        if name in self._hosts:
            self._hosts[name][1].reset_backoff()

    def close(self) -> None:
        """End all of them."""
        self.stop(list(self._hosts))

    def _try(self, name: str, step: Callable[[HostConfig, Processes], str]) -> None:
        try:
            problem = step(*self._hosts[name])
        except SleighScriptException as error:
            problem = f"its command cannot be started: {error.__cause__}"
        if problem:
            self._problems[name] = problem
        elif self._is_alive(name):
            self._problems.pop(name, None)

    def _start_first(self, host: HostConfig, processes: Processes) -> str:
        command = command_for(host, self._cluster, self._server)
        place = f"host {host.name} (by `{shlex.join(command)}`)"
        processes.start(host.name, place, partial(Command, command))
        return ""

    def _restart(self, host: HostConfig, processes: Processes) -> str:
        if self._is_alive(host.name):
            processes.note_progress()
        return processes.restart_ended(self)

    def is_there(self, supervisor: str) -> bool:
        """Tell `Processes` whether a host lives, perhaps without the command that led to it."""
        return self._is_alive(supervisor)

    def last_start(self, supervisor: str) -> float:
        """Tell `Processes` that the end of a host never counts as that of one killed by a task."""
        return 0.0


def command_for(host: HostConfig, cluster: str, server: str) -> list[str]:
    """Return the command that starts a host, from this machine.

    A Unix socket of ours is led to another machine through ssh: so the server need not listen
    there, and nobody on the way can read along.
    """
    reached = host.server or server
    ssh_options: list[str] = []
    if host.launch == SSH and not host.server and server.startswith(UNIX):
        reached = f"{UNIX}/tmp/nws-depalma-{secrets.token_hex(8)}.sock"
        forward = f"{reached.removeprefix(UNIX)}:{server.removeprefix(UNIX)}"
        ssh_options = ["-o", "ExitOnForwardFailure=yes", "-R", forward]
    words = ["depalma", "run", "--server", reached, "--cluster", cluster, "--name", host.name]
    for option in ("slots", "priority", "max_load", "min_memory"):
        if value := getattr(host, option):
            words += [f"--{option.replace('_', '-')}", str(value)]
    for group in host.groups:
        words += ["--group", group]
    return command_on(host, words, ssh_options)


def command_on(
    host: HostConfig, words: Sequence[str], ssh_options: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs `nws` with these words on a host, from this machine."""
    words = [host.python or sys.executable, "-m", "nws", *words]
    if host.launch == LOCAL:
        return words
    if host.launch == SSH:
        *ssh, target = sshcmd(host.name, LaunchOptions("", 0, "", 0, "", "", host.user))
        return [*ssh, *ssh_options, target, shlex.join(words)]
    return [*(word.replace("{name}", host.name) for word in host.launch), *words]
