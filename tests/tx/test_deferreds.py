"""The client for Twisted: Deferreds that can be cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

import nws.tx
from tests.support.loops import ReactorThread, running_loop
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

COUNT = 200


@pytest.fixture(scope="module")
def reactor() -> Iterator[ReactorThread]:
    """A reactor in a thread."""
    with running_loop("twisted") as loop:
        assert isinstance(loop, ReactorThread)
        yield loop


def workspace(reactor: ReactorThread, server: Server, **options: Any) -> nws.tx.NetWorkSpace:
    """Return the workspace of these tests."""
    return nws.tx.NetWorkSpace("deferreds", HOST, server.port, reactor=reactor.reactor, **options)


def test_callbacks(reactor: ReactorThread, server: Server) -> None:
    def opened(ws: nws.tx.NetWorkSpace) -> Deferred[Any]:
        done = ws.store("x", 42)
        done.addCallback(lambda _: ws.fetch("x"))
        return done.addCallback(lambda value: ws.close().addCallback(lambda _: value))

    call = lambda: workspace(reactor, server).open().addCallback(opened)  # noqa: E731
    assert reactor.result(call) == 42


def test_no_value_is_lost_or_doubled(reactor: ReactorThread, server: Server) -> None:
    random = Random(4711)

    async def main() -> list[Any]:
        got: list[Any] = []
        async with workspace(reactor, server) as ws:
            for number in range(COUNT):
                fetching = ws.fetch("x")
                fetching.addCallbacks(got.append, lambda failure: failure.trap(CancelledError))
                storing = ws.store("x", number)
                pause: Deferred[None] = Deferred()
                reactor.reactor.callLater(random.random() * 0.001, pause.callback, None)
                await pause
                fetching.cancel()
                await storing
                await fetching
            while len(got) < COUNT:
                got.append(await ws.fetch("x", timeout=PATIENCE))
            assert await ws.fetchTry("x", "no more") == "no more"
        return got

    assert sorted(reactor.result(main)) == list(range(COUNT))


def test_a_wait_that_is_cancelled_while_its_connection_is_opened(
    reactor: ReactorThread, server: Server
) -> None:
    """It fails as any other one does, not by an error of endpoints."""

    async def main() -> None:
        async with workspace(reactor, server) as ws:
            waits = [ws.fetch("x"), ws.fetch("x")]  # the first has the connection that there is
            for wait in waits:
                wait.cancel()
                with pytest.raises(CancelledError):
                    await wait
            opening = workspace(reactor, server, useUse=True).open()
            opening.cancel()
            with pytest.raises(CancelledError):
                await opening
            await ws.store("x", 1)
            assert await ws.fetch("x") == 1

    reactor.result(main)


def test_in_a_coroutine(reactor: ReactorThread, server: Server) -> None:
    async def main() -> None:
        async with workspace(reactor, server) as ws:
            await ws.store_many("x", [1, 2, 3])
            assert [value async for value in ws.ifetchTry("x")] == [1, 2, 3]
            await ws.store("x", "task")
            async with await ws.lease("x") as value:
                assert value == "task"
            inbox = await ws.inbox("x")
            outbox = await ws.outbox()
            watch = await ws.watch("seen")
            await outbox.store([("x", 1), ("seen", 2)])
            assert (await inbox.take(), await watch.next()) == ([1], 2)
            await outbox.confirm()
            for stream in (inbox, outbox, watch):
                stream.close()
            space = await ws.server.useWs("another")
            assert space.currentWs() == "another"

    reactor.result(main)


def test_nothing_is_left_to_be_called(reactor: ReactorThread, server: Server) -> None:
    """So tests by trial find the reactor clean."""

    async def main() -> None:
        async with workspace(reactor, server) as ws:
            await ws.store("x", 1)
            await ws.fetch("x")

    reactor.result(main)
    assert reactor.reactor.getDelayedCalls() == []
