"""Clusters with real hosts on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary, ServerProxy

import pytest

from nws.client import NetWorkSpace
from nws.depalma import master_server
from tests.support.processes import until
from tests.support.server import PATIENCE, Server, running


def configuration(
    folder: Path,
    hosts: str,
    *,
    name: str = "test",
    lost_after: float = 30.0,
    front: str = "port = 0",
    server: str = "",
) -> Path:
    """Write the configuration of a cluster."""
    path = folder / "cluster.toml"
    path.write_text(
        f'name = "{name}"\nlost_after = {lost_after}\nserver = "{server}"\n'
        'groups = ["nobody", "new"]\n'
        f"[front]\n{front}\n{hosts}\n"
    )
    return path


def host(name: str, *, slots: int = 1, more: str = "") -> str:
    """Return the table of a host."""
    return f'[[host]]\nname = "{name}"\nslots = {slots}\n{more}\n'


class User:
    """Uses a master as programs in any language do.

    Attributes:
        rpc: the XML-RPC front of the master.
    """

    def __init__(self, rpc: Any) -> None:
        self.rpc = rpc

    def run(self, command: Any, *arguments: Any, **params: Any) -> dict[str, Any]:
        """Run a job to its end, and pick it up."""
        return self.end_of(self.start(command, *arguments, **params))

    def start(self, command: Any, *arguments: Any, **params: Any) -> int:
        """Load a code and submit a job of it."""
        pid: int = self.rpc.exec_code(self.rpc.load_code(command, params), arguments)
        return pid

    def python(self, program: str, **params: Any) -> int:
        """Submit a job that runs a Python program."""
        return self.start([sys.executable, "-c", program], **params)

    def end_of(self, pid: int) -> dict[str, Any]:
        """Wait for the end of a job, and pick it up, with bytes for what it wrote."""
        assert self.rpc.finished(pid, PATIENCE)
        outcome = self.rpc.pickup(pid)
        return {
            key: value.data if isinstance(value, Binary) else value
            for key, value in outcome.items()
        }

    def described(self, pid: int) -> dict[str, Any]:
        """Return what `ps` says of a job."""
        (found,) = [job for job in self.rpc.ps() if job["pid"] == pid]
        return dict(found)

    def until_running(self, pid: int) -> dict[str, Any]:
        """Wait until a host has said that it runs a job; return what `ps` says of that."""

        def running() -> dict[str, Any]:
            described = self.described(pid)
            return described if described["state"] == "running" else {}

        return until(running, f"job {pid} runs")


class Owner(User):
    """Has the master in this process, too."""

    def __init__(self, master: master_server, rpc: Any) -> None:
        super().__init__(rpc)
        self.master = master


@contextmanager
def running_cluster(config: Path) -> Iterator[Owner]:
    """Run a master and its hosts until the end of the block."""
    with master_server(config) as master, ServerProxy(master.address) as rpc:
        master.init_server()
        yield Owner(master, rpc)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """A cluster of two hosts, shared by the tests of a module: ``small`` has one slot; ``big`` has
    two, belongs to the group ``big`` and is used first."""
    hosts = host("small") + host("big", slots=2, more='groups = ["big"]\npriority = 1')
    config = configuration(tmp_path_factory.mktemp("depalma"), hosts)
    with running_cluster(config) as user:
        yield user


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, shared by the tests of a module."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def ws(server: Server) -> Iterator[NetWorkSpace]:
    """An empty workspace."""
    with NetWorkSpace("cluster", "127.0.0.1", server.port) as ws:
        yield ws
