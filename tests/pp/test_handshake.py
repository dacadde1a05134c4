"""The proof of the secret, message by message, without any process."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from nws.pp import handshake
from nws.pp.handshake import RefusedError, Streams, introduce, receive, send, welcome


async def pair() -> tuple[Streams, Streams]:
    """Return both ends of a connection."""
    one, other = socket.socketpair()
    return await asyncio.open_connection(sock=one), await asyncio.open_connection(sock=other)


def both(server: Any, node: Any) -> list[Any]:
    """Let both sides talk; return what became of each."""

    async def talk() -> list[Any]:
        ours, theirs = await pair()
        try:
            return [*await asyncio.gather(server(ours), node(theirs), return_exceptions=True)]
        finally:
            for _, writer in (ours, theirs):
                writer.close()
                await writer.wait_closed()

    return asyncio.run(talk())


async def introduced(streams: Streams, secret: str) -> str:
    await introduce(streams, secret)
    send(streams[1], join="us")
    return "in"


def test_both_know_the_secret() -> None:
    assert both(lambda ours: introduced(ours, "x"), lambda theirs: welcome(theirs, "x")) == [
        "in",
        {"join": "us"},
    ]


def test_the_server_does_not() -> None:
    server, node = both(lambda ours: introduced(ours, "y"), lambda theirs: welcome(theirs, "x"))
    assert isinstance(server, RefusedError)
    assert str(server) == "it refuses us: wrong secret"
    assert isinstance(node, RefusedError)


def test_the_node_does_not() -> None:
    async def pretend(theirs: Streams) -> None:
        reader, writer = theirs
        send(writer, **{"nws-pp": handshake._VERSION, "nonce": "n"})
        said = await receive(reader)
        send(writer, proof=said["proof"])  # that of the server is none of the node

    server, _ = both(lambda ours: introduced(ours, "x"), pretend)
    assert isinstance(server, RefusedError)
    assert "the node does not know the secret" in str(server)


def test_another_version() -> None:
    async def pretend(theirs: Streams) -> None:
        send(theirs[1], **{"nws-pp": "0.9", "nws": "0.0.1", "nonce": "n"})

    server, _ = both(lambda ours: introduced(ours, "x"), pretend)
    assert isinstance(server, RefusedError)
    assert "nws 0.0.1 there" in str(server)
    assert "install the same version" in str(server)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400\r\n", b"[]\n", b"{}\n", b"x" * 100_000])
def test_something_else(said: bytes) -> None:
    async def pretend(theirs: Streams) -> None:
        theirs[1].write(said)
        theirs[1].write_eof()

    server, _ = both(lambda ours: introduced(ours, "x"), pretend)
    assert isinstance(server, RefusedError if said else ConnectionError)


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS", 0.01)

    async def say_nothing(_: Streams) -> None:
        pass

    server, _ = both(lambda ours: introduced(ours, "x"), say_nothing)
    assert isinstance(server, TimeoutError)


def test_what_was_heard_cannot_be_used_again() -> None:
    heard: list[bytes] = []

    async def record(theirs: Streams) -> dict[str, Any]:
        write = theirs[1].write
        theirs[1].write = lambda data: (heard.append(bytes(data)), write(data))[1]  # type: ignore[method-assign,func-returns-value]
        return await welcome(theirs, "x")

    both(lambda ours: introduced(ours, "x"), record)

    async def replay(theirs: Streams) -> None:
        for line in heard:
            theirs[1].write(line)

    server, _ = both(lambda ours: introduced(ours, "x"), replay)
    assert isinstance(server, RefusedError)
    assert "x" not in {*json.loads(heard[0]).values()}
