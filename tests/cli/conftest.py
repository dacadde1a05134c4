"""The `nws` command in a state folder of its own; every server that it leaves is ended."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nws.cli import main
from nws.client import NetWorkSpace
from tests.support.processes import runs, until_gone
from tests.support.server import Server, environment
from tests.support.spaces import HOST


def free_port() -> int:
    """Return a port that nobody listens on; one that the system gives to no client."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


@dataclass
class Nws:
    """Runs `nws`.

    Attributes:
        folder: where it keeps its files.
        port: one that is free.
        env: further environment variables.
    """

    folder: Path
    port: int
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, status: int = 0, stdin: str | bytes = "") -> Result:
        """Run any command, in this process."""
        given = environment({"XDG_STATE_HOME": str(self.folder.parent), **self.env})
        env = {**dict.fromkeys(os.environ), **given}
        done = CliRunner(env=env).invoke(main, arguments, input=stdin, prog_name="nws")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, done.output
        return done

    def server(self, command: str, *arguments: str, status: int = 0) -> Result:
        """Run a command for the server on our port."""
        return self("server", command, "--port", str(self.port), *arguments, status=status)

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON, and return what it prints."""
        return json.loads(self(*arguments, "--json").stdout)

    @property
    def pidfile(self) -> Path:
        return self.folder / f"{self.port}.pid"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int(self.pidfile.read_text())

    @property
    def log(self) -> str:
        return (self.folder / f"{self.port}.log").read_text()

    def open(self, name: str = "test") -> NetWorkSpace:
        """Use the server."""
        return NetWorkSpace(name, HOST, self.port)

    def clean_up(self) -> None:
        for file in self.folder.glob("*.pid"):
            text = file.read_text().strip()
            if text.isdecimal() and int(text) != os.getpid() and runs(int(text)):
                os.kill(int(text), signal.SIGKILL)
                until_gone([int(text)])


@pytest.fixture
def nws(tmp_path: Path) -> Iterator[Nws]:
    """The command, and a port for a server."""
    command = Nws(tmp_path / "nws", free_port())
    yield command
    command.clean_up()


@pytest.fixture
def shared(server: Server, tmp_path: Path) -> Nws:
    """The command, for the server that tests share."""
    place = {"NWS_SERVER_HOST": HOST, "NWS_SERVER_PORT": str(server.port)}
    return Nws(tmp_path / "nws", server.port, place)


@pytest.fixture
def ws(server: Server) -> Iterator[NetWorkSpace]:
    """A workspace on that server, which ends with the test."""
    with NetWorkSpace("command line", HOST, server.port) as ws:
        yield ws


@pytest.fixture
def started(nws: Nws) -> Nws:
    """The same, with a server."""
    nws.server("start")
    return nws
