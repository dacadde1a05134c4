"""The pytest plugin: fixtures for tests of programs that use workspaces and sleighs.

pytest imports this in every run, so it imports what it needs late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nws.client import NetWorkSpace
    from nws.session.endpoint import Endpoint
    from nws.sleigh import Sleigh

__all__ = ["nws_server", "nws_space", "pytest_addoption", "sleigh"]

_OPTION = "--nws-serial"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--nws-serial``."""
    parser.getgroup("nws").addoption(
        _OPTION,
        action="store_true",
        help="let the fixture `sleigh` run tasks in this process, for a debugger",
    )


@pytest.fixture
def nws_space() -> Iterator[NetWorkSpace]:
    """An empty workspace ``test`` on a server in memory, for one test."""
    from nws.testing.memory_server import MemoryServer

    with MemoryServer() as server, server.connect() as client:
        yield client.openWs("test")


@pytest.fixture(scope="session")
def nws_server() -> Iterator[Endpoint]:
    """Where a real server is, a process that all tests share: its ``host`` and ``port``. Only this
    user can reach it."""
    from nws.session.endpoint import Endpoint
    from nws.sleigh.launch.private_server import PrivateServer

    server = PrivateServer()
    server.wait_until_ready()
    yield Endpoint(server.host, server.port)
    server.stop()


@pytest.fixture(scope="session")
def sleigh(request: pytest.FixtureRequest, nws_server: Endpoint) -> Iterator[Sleigh]:
    """Two workers that all tests share; with ``--nws-serial`` none, and tasks run here."""
    from nws.sleigh import Sleigh

    serial = bool(request.config.getoption(_OPTION))
    host, port = nws_server.host, nws_server.port
    with Sleigh(workerCount=2, nwsHost=host, nwsPort=port, serial=serial) as sleigh:
        yield sleigh
