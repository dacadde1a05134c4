"""The proof of the secret, message by message, without any process."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from nws.sleigh.node import handshake
from nws.sleigh.node.channel import Channel, RefusedError, in_time
from nws.sleigh.node.handshake import introduce, welcome


async def pair() -> tuple[Channel, Channel]:
    """Return both ends of a connection."""
    one, other = socket.socketpair()
    return (
        Channel(*await asyncio.open_connection(sock=one)),
        Channel(*await asyncio.open_connection(sock=other)),
    )


def both(master: Any, node: Any) -> list[Any]:
    """Let both sides talk; return what became of each."""

    async def talk() -> list[Any]:
        ours, theirs = await pair()
        try:
            return [*await asyncio.gather(master(ours), node(theirs), return_exceptions=True)]
        finally:
            for _, writer in (ours, theirs):
                writer.close()
                await writer.wait_closed()

    return asyncio.run(talk())


async def introduced(channel: Channel, secret: str) -> str:
    await introduce(channel, secret)
    channel.send(join="us")
    return "in"


def test_both_know_the_secret() -> None:
    assert both(lambda ours: introduced(ours, "x"), lambda theirs: welcome(theirs, "x")) == [
        "in",
        {"join": "us"},
    ]


def test_the_master_does_not() -> None:
    master, node = both(lambda ours: introduced(ours, "y"), lambda theirs: welcome(theirs, "x"))
    assert isinstance(master, RefusedError)
    assert str(master) == "it refuses us: wrong secret"
    assert isinstance(node, RefusedError)


def test_the_node_does_not() -> None:
    async def pretend(theirs: Channel) -> None:
        theirs.send(**{"nws-node": handshake._VERSION, "nonce": "n"})
        said = await theirs.receive()
        theirs.send(proof=said["proof"])  # that of the master is none of the node

    master, _ = both(lambda ours: introduced(ours, "x"), pretend)
    assert isinstance(master, RefusedError)
    assert "the node does not know the secret" in str(master)


def test_another_version() -> None:
    """Each side says why."""
    old = {"nws-node": "0.9", "nws": "0.0.1", "nonce": "n"}

    async def pretend(theirs: Channel) -> dict[str, Any]:
        theirs.send(**old)
        return await theirs.receive()

    master, heard = both(lambda ours: introduced(ours, "x"), pretend)
    assert (heard["nws-node"], heard.get("proof")) == (handshake._VERSION, None)
    _, node = both(pretend, lambda theirs: welcome(theirs, "x"))
    for error in (master, node):
        assert isinstance(error, RefusedError)
        assert "nws 0.0.1 there" in str(error)
        assert "install the same version" in str(error)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400\r\n", b"[]\n", b"{}\n", b"x" * 100_000])
def test_something_else(said: bytes) -> None:
    async def pretend(theirs: Channel) -> None:
        theirs.writer.write(said)
        theirs.writer.write_eof()

    master, _ = both(lambda ours: introduced(ours, "x"), pretend)
    assert isinstance(master, RefusedError if said else ConnectionError)


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "ANSWER_SECONDS", 0.01)

    async def say_nothing(_: Channel) -> None:
        pass

    master, _ = both(lambda ours: introduced(ours, "x"), say_nothing)
    assert isinstance(master, TimeoutError)


def test_who_is_cancelled_as_the_answer_comes_ends() -> None:
    """Else it would go on for ever, as signs of life keep coming."""

    async def cancel() -> bool:
        answer = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(in_time(answer, 1000.0))
        await asyncio.sleep(0)
        answer.set_result("an answer")
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert asyncio.run(cancel())


def test_what_was_heard_cannot_be_used_again() -> None:
    heard: list[bytes] = []

    async def record(theirs: Channel) -> dict[str, Any]:
        write = theirs.writer.write
        theirs.writer.write = lambda data: (heard.append(bytes(data)), write(data))[1]  # type: ignore[method-assign,func-returns-value]
        return await welcome(theirs, "x")

    both(lambda ours: introduced(ours, "x"), record)

    async def replay(theirs: Channel) -> None:
        for line in heard:
            theirs.writer.write(line)

    master, _ = both(lambda ours: introduced(ours, "x"), replay)
    assert isinstance(master, RefusedError)
    assert "x" not in {*json.loads(heard[0]).values()}
