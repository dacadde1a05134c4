"""An OpenSSH server of a test's own, to which every host name leads."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import descendants, runs, until
from tests.support.server import PATIENCE

_HOST: Final = "127.0.0.1"
_PROGRAMS: Final = ("ssh", "ssh-keygen", "sshd")
_SYSTEM_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")
"""Where sshd is, though not every user has these folders in PATH."""

_PRIVILEGE_SEPARATION: Final = Path("/run/sshd")
"""The empty folder that Debian's sshd wants when root runs it; the service would make it."""

# Many clients may log in at once: by default, the server turns some of them away by chance.
_SERVER_CONFIG: Final = """\
ListenAddress {host}:{port}
HostKey "{folder}/host_key"
AuthorizedKeysFile "{folder}/client_key.pub"
AuthenticationMethods publickey
PermitRootLogin yes
PermitUserRC no
StrictModes no
UsePAM no
PidFile none
MaxStartups 1000
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
StreamLocalBindUnlink yes
"""

_CLIENT_CONFIG: Final = """\
Host *
    HostName {host}
    Port {port}
    IdentityFile "{folder}/client_key"
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
"""


@contextmanager
def held_port() -> Iterator[int]:
    """Hold a free port until the end of the block: only a server that asks for it gets it."""
    with socket.socket() as holder:
        # Servers set this too. Of the sockets that do, several may have a port, and one may listen.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((_HOST, 0))
        yield holder.getsockname()[1]


def _find(program: str) -> str | None:
    """Return the path of a program; None if it is not installed."""
    folders = (os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS)
    return shutil.which(program, path=os.pathsep.join(folders))


def missing() -> str:
    """Return why no server can run here; empty if one can."""
    absent = [program for program in _PROGRAMS if _find(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def require_sshd() -> None:
    """Skip the test if no server can run here. In CI it fails: there, nothing may be left out."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@dataclass(frozen=True)
class Ssh:
    """A running server, and how to reach it.

    Attributes:
        port: where it listens.
        pid: its process.
        command: begins a command line for `ssh`; options, any host name and a command follow.
        bin: a folder for PATH, in which `ssh` is that command.
    """

    port: int
    pid: int
    command: list[str]
    bin: Path

    def processes(self) -> set[int]:
        """Find what runs because somebody logged in, whether or not the connection is still there.

        These are the server's own helpers and all that users have started, in the background too.
        """
        return {*descendants(self.pid), *_logged_in(self.port)}

    def end(self) -> None:
        """Kill all that runs because somebody logged in, and wait until it is gone."""

        def none_is_left() -> bool:
            left = self.processes()
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        until(none_is_left, "the end of what was started over ssh")


def _logged_in(port: int) -> Iterator[int]:
    """Find the processes in whose environment the server has put the addresses of a connection."""
    mark = re.compile(rb"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ %d\0" % port)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone, or of another user
            if mark.search((folder / "environ").read_bytes()) and runs(int(folder.name)):
                yield int(folder.name)


def _make_keys(folder: Path) -> None:
    """Make a key of the server, known to the client under any host name, and one of the client."""
    for name in ("host_key", "client_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name]
        subprocess.run(command, check=True, timeout=PATIENCE)
    (folder / "known_hosts").write_text(f"* {(folder / 'host_key.pub').read_text()}")


def _write_configs(folder: Path, port: int) -> None:
    for name, text in (("sshd_config", _SERVER_CONFIG), ("ssh_config", _CLIENT_CONFIG)):
        (folder / name).write_text(text.format(folder=folder, host=_HOST, port=port))


def _write_configs_of(folder: Path, port: int, machines: Iterable[str]) -> None:
    """Write those of servers on several machines, each of which has a folder with its address."""
    (folder / "ssh_config").write_text(_CLIENT_CONFIG.format(folder=folder, host="%h", port=port))
    for address in machines:
        (folder / address).mkdir()
        config = _SERVER_CONFIG.format(folder=folder, host=address, port=port)
        (folder / address / "sshd_config").write_text(config)


def _write_wrapper(path: Path, command: list[str]) -> None:
    """Write a program that runs the command with the arguments it is given."""
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)


@contextmanager
def _process(folder: Path, prefix: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server as its configuration says, by a command that runs the one behind it; at the
    end of the block it is killed."""
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    sshd = _find("sshd") or "sshd"
    command = [*prefix, sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _until_it_listens(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until clients may connect; fail if the server has ended instead."""

    def listens() -> bool:
        ended = process.poll() is not None
        log = (folder / "log").read_text()
        assert not ended, f"sshd has ended: {log}"
        return "Server listening on" in log

    until(listens, "sshd listens")


@contextmanager
def serving(folder: Path) -> Iterator[Ssh]:
    """Run a server, as this user, until the end of the block; what it has started ends with it.

    Keys, configurations and the log go to the folder. Nothing is read of the user's own or the
    system's. As with any ssh, the user's shell runs the commands, in an environment of its own.
    """
    _make_keys(folder)
    command = [_find("ssh") or "ssh", "-F", str(folder / "ssh_config")]
    _write_wrapper(folder / "bin" / "ssh", command)
    with held_port() as port:
        _write_configs(folder, port)
        with _process(folder) as process:
            _until_it_listens(folder, process)
            ssh = Ssh(port, process.pid, command, folder / "bin")
            try:
                yield ssh
            finally:
                process.send_signal(signal.SIGSTOP)  # nobody can log in any more
                ssh.end()


@contextmanager
def serving_on(folder: Path, machines: Mapping[str, str]) -> Iterator[Path]:
    """Run a server on each of several machines, as `serving` does.

    Args:
        folder: for keys, configurations and logs.
        machines: the names of network namespaces, by their addresses.

    Yields:
        A folder for PATH, in which `ssh` leads to these addresses.
    """
    _make_keys(folder)
    command = [_find("ssh") or "ssh", "-F", str(folder / "ssh_config")]
    _write_wrapper(folder / "bin" / "ssh", command)
    port = 20_000 + os.getpid() % 10_000  # a process that came by it is one of ours
    _write_configs_of(folder, port, machines)
    with ExitStack() as stack:
        for address, name in machines.items():
            process = stack.enter_context(_process(folder / address, ["ip", "netns", "exec", name]))
            _until_it_listens(folder / address, process)
            ssh = Ssh(port, process.pid, command, folder / "bin")
            stack.callback(ssh.end)
            stack.callback(process.send_signal, signal.SIGSTOP)
        yield folder / "bin"
