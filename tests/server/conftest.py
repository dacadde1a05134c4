"""Servers for the tests of this folder: in memory, with a spool, and in a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nws_server.hub import Limits
from nws_server.spool import Spool
from tests.support.link import MemoryServer, spool_files
from tests.support.server import Server, running

SPOOL_FROM = 100
"""Values of this many bytes go to files, on the server that spools."""


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    """A server in memory; at the end its books must be right and nothing may be left unread."""
    server = MemoryServer()
    yield server
    server.check()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool folder; at the end no value may be left in it."""
    spool = Spool(tmp_path)
    yield spool
    assert spool.used == 0
    assert list(spool_files(spool)) == []
    spool.close()


@pytest.fixture
def spooling(spool: Spool) -> Iterator[MemoryServer]:
    """A server in memory with a spool; whatever it holds is dropped at the end."""
    server = MemoryServer(spool=spool, limits=Limits(spool_threshold=SPOOL_FROM))
    yield server
    server.check()
    for link in server.links:
        link.lose()
    server.space.close()
    server.check()


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server, shared by the tests of this folder."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server
