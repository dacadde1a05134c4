"""Servers that vanish or talk nonsense, to the client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nws.aio import NetWorkSpace
from nws.client import NwsConnectException, NwsConnectionDroppedException
from nws.wire.dialect import EXTENSIONS, METADATA_FROM_SERVER, SESSION, Dialect
from nws.wire.handshake import ServerHandshake
from nws.wire.replies import ReplyEncoder
from tests.support.impostors import impostor
from tests.support.server import PATIENCE
from tests.support.spaces import HOST

ENCODER = ReplyEncoder(Dialect(metadata_out=True, extensions=True))
OFFERS = {METADATA_FROM_SERVER: b"", EXTENSIONS: b"", SESSION: b""}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def begin_session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Shake hands, and open a workspace."""
    handshake = ServerHandshake(OFFERS, token=lambda: b"token")
    while handshake.dialect is None:
        writer.write(handshake.feed(await reader.read(1000)))
    await reader.read(1000)
    writer.write(ENCODER.short_ok)


def run(serve: Serve, act: Callable[[NetWorkSpace], Awaitable[None]]) -> None:
    """Let a client of a server act."""

    async def main() -> None:
        server = await asyncio.start_server(serve, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        async with server, NetWorkSpace("x", HOST, port) as ws:
            await act(ws)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_one_that_vanishes_while_much_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await begin_session(reader, writer)
        await reader.read(1000)
        writer.transport.abort()

    async def act(ws: NetWorkSpace) -> None:
        with pytest.raises(NwsConnectionDroppedException, match="store of 'x' in workspace 'x'"):
            await ws.store("x", bytes(100_000_000))

    run(serve, act)
    assert caplog.text == ""


def test_one_that_vanishes_while_tasks_wait() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await begin_session(reader, writer)
        await reader.read(1000)
        writer.close()

    async def act(ws: NetWorkSpace) -> None:
        with pytest.raises(NwsConnectionDroppedException, match=r"fetch of 'y' .* lost the server"):
            await ws.fetch("y")

    run(serve, act)


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"2223", b"P000garbage"])
def test_what_is_no_server_of_ours(text: bytes) -> None:
    with impostor(text) as port, pytest.raises(NwsConnectException, match="cannot use the server"):
        asyncio.run(NetWorkSpace("x", HOST, port).open())
