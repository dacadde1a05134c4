"""A task that is cancelled loses no value, and leaves its session in step."""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

import pytest

from nws.aio import NetWorkSpace
from nws.client import NwsConnectionDroppedException, NwsUnpicklingException
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

T = TypeVar("T")

ROUNDS = 50
TASKS = 40
TIMEOUT: Any = getattr(asyncio, "timeout", None)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own."""
    return asyncio.run(asyncio.wait_for(main, 4 * PATIENCE))


def workspace(server: Server, **options: Any) -> NetWorkSpace:
    """Return the workspace of these tests."""
    return NetWorkSpace("cancelling", HOST, server.port, **options)


async def until_waiting(ws: NetWorkSpace, count: int, name: str = "x") -> None:
    """Return once ``count`` operations wait for a variable."""
    while True:
        listing = await ws.listVars(format="dict")
        assert isinstance(listing, dict)
        if name in listing and listing[name].fetchers == count:
            return


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_no_value_is_lost_or_doubled(server: Server) -> None:
    """Each fetch is cancelled at another moment: before its value is stored, while it is under way,
    or when it has come."""
    random = Random(4711)
    got: list[int] = []

    async def fetch(ws: NetWorkSpace) -> None:
        got.append(await ws.fetch("x"))

    async def main() -> int:
        async with workspace(server) as ws, workspace(server, useUse=True) as other:
            for round_ in range(ROUNDS):
                tasks = [asyncio.create_task(fetch(ws)) for _ in range(TASKS)]
                values = range(round_ * TASKS, (round_ + 1) * TASKS)
                storing = asyncio.create_task(other.store_many("x", values))
                for task in tasks[1:]:  # one is to get a value in each round
                    for _ in range(random.randrange(3)):
                        await asyncio.sleep(0)
                    task.cancel()
                await storing
                await asyncio.gather(*tasks, return_exceptions=True)
            fetched = len(got)
            while len(got) < ROUNDS * TASKS:
                got.extend(await other.fetch_many("x", 1000, timeout=PATIENCE))
            assert await other.fetchTry("x", "no more") == "no more"
            assert (await ws.server.status())["connections"] < 3 * TASKS
            return fetched

    fetched = run(main())
    assert sorted(got) == list(range(ROUNDS * TASKS))
    assert ROUNDS <= fetched < ROUNDS * TASKS, "some were cancelled, some were not"


@pytest.mark.parametrize("call", ["fetch", "fetch_many", "fetchAny", "lease", "find"])
def test_a_wait_leaves_the_line(server: Server, call: str) -> None:
    calls: dict[str, Any] = {
        "fetch": lambda ws: ws.fetch("x"),
        "fetch_many": lambda ws: ws.fetch_many("x", 3),
        "fetchAny": lambda ws: ws.fetchAny(["y", "x"]),
        "lease": lambda ws: ws.lease_many("x", 1),
        "find": lambda ws: ws.find("x"),
    }

    async def main() -> None:
        async with workspace(server) as ws, workspace(server, useUse=True) as other:
            task = asyncio.create_task(calls[call](ws))
            if call != "find":
                await until_waiting(other, 1)
            else:
                await asyncio.sleep(0)
            await cancelled(task)
            await until_waiting(other, 0)
            await other.store("x", "value")
            assert await ws.fetch("x") == "value"
            assert (await ws.server.status())["leases"] == 0

    run(main())


def test_a_timeout_of_asyncio(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.fetch("x"), 0.01)
            await ws.store("x", 1)
            assert await ws.fetch("x") == 1

    run(main())


@pytest.mark.skipif(not TIMEOUT, reason="asyncio.timeout came with Python 3.11")
def test_a_timeout_of_a_block(server: Server) -> None:
    """It cancels the task first, and notes then that it did."""

    async def main() -> None:
        async with workspace(server) as ws:
            with pytest.raises(TimeoutError):
                async with TIMEOUT(0.01):
                    await ws.fetch("x")
            await ws.store("x", 1)
            assert await ws.fetch("x") == 1

    run(main())


def test_a_wait_that_is_cancelled_as_its_connection_comes(server: Server) -> None:
    """In that very moment `asyncio.wait_for` of Python 3.10 and 3.11 goes on as if nothing were."""

    async def main() -> None:
        async with workspace(server) as ws, workspace(server, useUse=True) as other:
            first = asyncio.create_task(ws.fetch("x"))  # by the connection that there is
            await until_waiting(other, 1)
            loop: Any = asyncio.get_running_loop()
            connect = loop.create_unix_connection

            async def connect_and_cancel(*args: Any, **options: Any) -> Any:
                connected = await connect(*args, **options)
                task.cancel()
                return connected

            loop.create_unix_connection = connect_and_cancel
            task = asyncio.create_task(ws.find("x"))
            await asyncio.wait([task], timeout=PATIENCE)
            assert task.cancelled()
            await cancelled(first)

    run(main())


def test_many_tasks_are_cancelled_together(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws, workspace(server, useUse=True) as other:
            tasks = [asyncio.create_task(ws.fetch("x")) for _ in range(50)]
            await until_waiting(other, 50)
            for task in tasks:
                task.cancel()
            await other.store_many("x", range(50))
            assert await asyncio.gather(*tasks, return_exceptions=True)
            got = [task.result() for task in tasks if not task.cancelled()]
            while len(got) < 50:
                got.append(await other.fetch("x", timeout=PATIENCE))
            assert sorted(got) == list(range(50))

    run(main())


def test_a_cancelled_store_is_whole_or_not_there(server: Server) -> None:
    """Where a part of it had been sent, another connection takes the place of that."""

    async def main() -> None:
        async with workspace(server) as ws:
            for rounds in range(3):  # it has not begun, or waits for the server
                await ws.findTry("x")
                server.process.send_signal(signal.SIGSTOP)
                task = asyncio.create_task(ws.store("x", bytes(30_000_000)))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                await cancelled(task)
                server.process.send_signal(signal.SIGCONT)
            await ws.store("y", "in step")
            assert await ws.fetch("y") == "in step"
            while value := await ws.fetchTry("x"):
                assert len(value) == 30_000_000
            assert ">cancelling\t" in str(await ws.server.listWss()), "the session is the same"

    run(main())


def test_a_value_whose_file_is_closed_while_it_comes(server: Server) -> None:
    class Closing(io.BytesIO):
        """Takes one piece."""

        def write(self, data: Any, /) -> int:
            size = super().write(data)
            self.close()
            return size

    async def main() -> None:
        async with workspace(server) as ws:
            await ws.store("x", bytes(5_000_000))
            with pytest.raises(ValueError, match="closed"):
                await ws.fetchFile("x", Closing())
            assert len(await ws.fetch("x")) == 5_000_000

    run(main())


def test_a_block_with_a_lease_that_is_cancelled(server: Server) -> None:
    """That is no attempt at the value."""

    async def work(ws: NetWorkSpace, begun: asyncio.Event) -> None:
        async with ws.lease("x") as value:
            assert value == "task"
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        async with workspace(server) as ws:
            await ws.store("x", "task")
            begun = asyncio.Event()
            task = asyncio.create_task(work(ws, begun))
            await begun.wait()
            await cancelled(task)
            lease = await ws.lease("x", timeout=PATIENCE)
            assert (lease.value, lease.attempt) == ("task", 1)

    run(main())


def test_closing_ends_waits_and_acknowledges(server: Server) -> None:
    async def main() -> None:
        async with workspace(server, useUse=True) as other:
            async with workspace(server) as ws:
                await other.store("x", 1)
                waiting = asyncio.create_task(ws.fetch("y"))
                await until_waiting(other, 1, "y")
                assert await ws.fetch("x") == 1
            with pytest.raises(NwsConnectionDroppedException, match="closed"):
                await waiting
            with pytest.raises(NwsConnectionDroppedException, match="closed"):
                await ws.fetch("y")
            async with workspace(server) as again:
                assert await again.fetchTry("x", "gone") == "gone"

    run(main())


def test_what_was_not_opened(server: Server) -> None:
    with pytest.raises(NwsConnectionDroppedException, match="not opened"):
        run(workspace(server).fetch("x"))


class Unreadable:
    """Its pickle cannot be read."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("I am unreadable")


def test_a_value_that_cannot_be_read_stays(server: Server) -> None:
    async def main() -> None:
        async with workspace(server) as ws:
            await ws.store("x", Unreadable())
            for _ in range(2):
                with pytest.raises(NwsUnpicklingException, match="stays in its place"):
                    await ws.fetch("x")

    run(main())
