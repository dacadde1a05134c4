"""The login of a client on an event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nws.aio import NwsServer
from nws.connection_file import ServerAddress, usual_path, write_connection_file
from nws.errors import NwsConnectException
from nws.session import trust
from tests.support.frames import framed_dict
from tests.support.impostors import impostor
from tests.support.server import running
from tests.support.spaces import HOST

ITS_SECRET = "what-only-its-owner-knows"


async def pid_of(port: int, login: str = "") -> int:
    async with NwsServer(HOST, port, login=login) as server:
        return (await server.status())["pid"]


def test_who_knows_the_secret_comes_in(tmp_path: Path) -> None:
    with running(tmp_path, "--original", "never", env={"NWS_SECRET": ITS_SECRET}) as server:
        assert asyncio.run(pid_of(server.port)) == server.pid, "by the connection file"
        with pytest.raises(NwsConnectException, match="it refuses us: its secret is wrong"):
            asyncio.run(pid_of(server.port, "another secret"))
        assert asyncio.run(pid_of(server.port)) == server.pid, "what was wrong is not remembered"
        assert asyncio.run(pid_of(server.port, ITS_SECRET)) == server.pid


def test_a_squatter_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    options = (b"MetadataFromServer", b"NwsExtensions", b"NwsSession")
    offers = b"P000" + framed_dict(dict.fromkeys(options, b""))
    accepted = b"A000" + framed_dict({b"NwsSession": b"token"})
    with impostor(offers, accepted) as port:
        write_connection_file(usual_path(port), ServerAddress(ITS_SECRET, (f"{HOST}:{port}",), 1))
        with pytest.raises(NwsConnectException, match="it offers no login"):
            asyncio.run(pid_of(port))
    monkeypatch.setattr(trust, "own_user", lambda: 12345)
    monkeypatch.setattr(trust, "_ROOT", 12345)
    whose = "and it has proved nothing"
    with impostor(offers, accepted) as port, pytest.raises(NwsConnectException, match=whose):
        asyncio.run(pid_of(port))
