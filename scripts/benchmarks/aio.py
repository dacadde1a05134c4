"""One client on asyncio, one small value at a time, beside the blocking client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Final

import nws.aio
from nws.client import NetWorkSpace
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server
from scripts.benchmarks.rounds import Aim, Comparison, Round, interleave, repeated

ABOUT: Final = "one client on asyncio beside the blocking one, a value of 10 bytes"

_AIM: Final = Aim(0.7)
_COUNT: Final = 1000
_VALUE: Final = b"ten bytes!"
_ORDER: Final = ("store", "find", "fetch")


def run(rounds: int) -> Iterator[Comparison]:
    """Store, find, fetch in each round, which leaves the variables as they were."""
    with ExitStack() as stack:
        port = stack.enter_context(our_server())
        blocking = stack.enter_context(NetWorkSpace(SPACE, HOST, port, useUse=True))
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        space = nws.aio.NetWorkSpace(SPACE, HOST, port, useUse=True)
        loop.run_until_complete(space.open())
        stack.callback(lambda: loop.run_until_complete(space.close()))
        contenders: dict[tuple[str, str], Round] = {
            ("store", "aio"): _awaited(loop, partial(space.store, "aio", _VALUE)),
            ("store", "blocking"): repeated(partial(blocking.store, "blocking", _VALUE), _COUNT),
            ("find", "aio"): _awaited(loop, partial(space.find, "aio")),
            ("find", "blocking"): repeated(partial(blocking.find, "blocking"), _COUNT),
            ("fetch", "aio"): _awaited(loop, partial(space.fetch, "aio")),
            ("fetch", "blocking"): repeated(partial(blocking.fetch, "blocking"), _COUNT),
        }
        samples = interleave(contenders, rounds)
    for work in _ORDER:
        ours, other = samples[work, "aio"], samples[work, "blocking"]
        yield Comparison(f"{work} on asyncio", "blocking client", ours, other, _AIM)


def _awaited(loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[object]]) -> Round:
    """Return a round of calls, one after the other, in one task."""

    async def calls() -> float:
        start = perf_counter()
        for _ in range(_COUNT):
            await call()
        return (perf_counter() - start) / _COUNT

    return lambda: loop.run_until_complete(calls())
