"""Clients on the server's machine reach it by the Unix socket that its connection file names; by
its port where that cannot be used."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import nws.aio
from nws.client import NwsServer
from nws.connection_file import (
    ServerAddress,
    read_connection_file,
    usual_path,
    write_connection_file,
)
from nws.session.endpoint import find_endpoint
from tests.support.server import Server, running
from tests.support.spaces import HOST


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server whose connection file may be changed."""
    with running(tmp_path) as server:
        yield server


def file_of(server: Server) -> ServerAddress:
    found = read_connection_file(usual_path(server.port))
    assert found is not None
    return found


def peer_of(server: Server) -> str:
    """Return what a client is connected to."""
    with NwsServer(HOST, server.port) as client:
        assert client.status()["pid"] == server.pid
        return str(client.nwsSocket.getpeername())


@contextmanager
def listening(path: str, backlog: int) -> Iterator[None]:
    """Have something else listen on a Unix socket, that accepts nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(backlog)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(backlog + 2)]
        for each in waiting:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(path)
        try:
            yield
        finally:
            for each in waiting:
                each.close()


def test_it_is_found(own: Server) -> None:
    path = file_of(own).local
    assert peer_of(own) == path
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(Path(path).parent).st_mode) == 0o700


def test_it_goes_with_its_server(own: Server) -> None:
    path = Path(file_of(own).local)
    own.stop()
    assert not path.parent.exists()


@pytest.mark.parametrize("how", ["is gone", "is no socket", "is dead", "is full"])
def test_where_it_cannot_be_used_there_is_the_port(own: Server, tmp_path: Path, how: str) -> None:
    path = str(tmp_path / "local")
    write_connection_file(usual_path(own.port), file_of(own)._replace(local=path))
    if how == "is no socket":
        Path(path).write_text("")
    if how == "is dead":
        with socket.socket(socket.AF_UNIX) as former:
            former.bind(path)
    if how != "is full":
        assert peer_of(own) == str((HOST, own.port))
        return
    with listening(path, 1):
        assert peer_of(own) == str((HOST, own.port))


def test_another_program_in_its_place_gets_nothing(own: Server, tmp_path: Path) -> None:
    """Who can write the connection file can do all that its user can; but files outlive servers."""
    (tmp_path / "another").mkdir()
    with running(tmp_path / "another") as another:
        found = file_of(own)._replace(local=file_of(another).local)
        write_connection_file(usual_path(own.port), found)
        with pytest.raises(Exception, match="secret is wrong for unix"):
            NwsServer(HOST, own.port)


def test_asyncio_uses_it_too(own: Server) -> None:
    async def main() -> None:
        async with nws.aio.NetWorkSpace("by asyncio", HOST, own.port):
            with NwsServer(HOST, own.port) as server:
                assert "by asyncio\tlocal (" in str(server.listWss())

    asyncio.run(main())


def test_where_it_is_full_asyncio_uses_the_port(own: Server, tmp_path: Path) -> None:
    async def main() -> None:
        async with nws.aio.NetWorkSpace("by asyncio", HOST, own.port) as ws:
            await ws.store("x", 1)
            assert await ws.fetch("x") == 1

    path = str(tmp_path / "local")
    write_connection_file(usual_path(own.port), file_of(own)._replace(local=path))
    with listening(path, 1):
        asyncio.run(main())


@pytest.mark.parametrize("host", ["::1", "localhost", "127.0.0.1", "127.3.4.5"])
def test_names_of_this_machine(own: Server, host: str) -> None:
    assert find_endpoint(host, own.port).local == file_of(own).local


def test_by_the_name_of_a_machine_it_is_left_alone(
    own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may have come there with a home folder that several machines share."""
    write_connection_file(usual_path(own.port, "node7"), file_of(own))
    assert find_endpoint("node7", own.port).local == ""
