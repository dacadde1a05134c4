"""Watches, inboxes and outboxes on asyncio."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from nws.aio import NetWorkSpace, NwsServer
from nws.client import NwsConnectException, NwsOperationException
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST


def workspace(server: Server) -> NetWorkSpace:
    """Return the workspace of these tests."""
    return NetWorkSpace("streams", HOST, server.port)


async def until_waiting(ws: NetWorkSpace, name: str) -> None:
    """Wait until the server knows that somebody waits, on whatever connection."""
    while True:
        listing = await ws.listVars(format="dict")
        assert isinstance(listing, dict)
        if listing[name].fetchers:
            return
        await asyncio.sleep(0)


def test_a_watch_sees_each_value_and_leaves_it(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            watch = await ws.watch("x")
            await ws.store_many("x", [1, 2, 3])
            seen = []
            async for value in watch:
                seen.append(value)
                if len(seen) == 3:
                    break
            assert seen == [1, 2, 3]
            waiting = asyncio.create_task(anext(watch))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            await ws.store("x", 4)
            assert await anext(watch) == 4, "to cancel a wait leaves the watch"
            watch.close()
            assert await ws.fetch_many("x", 9) == [1, 2, 3, 4]

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_an_inbox_fetches_what_comes(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            inbox = await ws.inbox("x")
            assert await inbox.take(0) == []
            assert await inbox.take(0.01) == []
            await ws.store_many("x", [1, 2])
            assert await inbox.take() == [1, 2]
            await ws.store_many("x", [3, 4])
            assert [await anext(inbox), await anext(inbox)] == [3, 4]
            waiting = asyncio.create_task(inbox.take())
            await until_waiting(ws, "x")
            await ws.deleteVar("x")
            with pytest.raises(NwsOperationException, match="was deleted"):
                await waiting

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_what_an_inbox_did_not_take_goes_back(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            inbox = await ws.inbox("x")
            await ws.store("x", 1)
            inbox.close()
            assert await ws.fetch("x", timeout=PATIENCE) == 1

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_an_outbox_tells_of_refusals_once(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            outbox = await ws.outbox()
            await outbox.store([("x", 1), ("x", 2)])
            await outbox.store([("bad\tname", 3)])
            with pytest.raises(NwsOperationException, match="control"):
                await outbox.store([("x", 4)])
            await outbox.store([("x", 5)])
            await outbox.confirm()
            await outbox.confirm()
            assert await ws.fetch_many("x", 9) == [1, 2, 5]

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_two_processes_share_a_session(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            await ws.store("x", 1)
            lease = await ws.lease("x")
            async with NwsServer(HOST, server.port, session=ws.server.session) as joined:
                space = await joined.openWs("streams")
                await space.settle([lease])
            with pytest.raises(NwsOperationException):
                await NwsServer(HOST, server.port, session="nonsense").open()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_nobody_listens() -> None:
    for host, port in ((HOST, 1), ("unix:/no/such/socket", 0), ("x" * 70, 1), (HOST, 99999)):
        with pytest.raises(NwsConnectException, match="is it running"):
            asyncio.run(NetWorkSpace("x", host, port).open())
