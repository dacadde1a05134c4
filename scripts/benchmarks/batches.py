"""One client, small values by the hundred: stored in one go, fetched in one go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from nws.client import NetWorkSpace
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server, redis_client, redis_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "one client, 100 values of 10 bytes at a time; figures per value"

_AIM: Final = Aim(1.0)
_COUNT: Final = 50
_VALUES: Final = [b"value %04d" % number for number in range(100)]

_PIPELINE: Final = "redis-py pipeline of RPUSH, of LPOP"
_SINGLE_COMMAND: Final = "redis-py RPUSH of 100, LPOP of 100"
"""Quicker, but only where all values are for one list, as they are here."""


def run(rounds: int) -> Iterator[Comparison]:
    """Store and fetch a hundred values."""
    calls: dict[str, Call] = {}
    with ExitStack() as stack:
        start = stack.enter_context
        space = start(NetWorkSpace(SPACE, HOST, start(our_server()), useUse=True))
        calls["ours"] = partial(_ours, space)
        redis_port = start(redis_server())
        if redis_port is not None:
            redis = redis_client(redis_port)
            calls[_PIPELINE] = partial(_pipeline, redis)
            calls[_SINGLE_COMMAND] = partial(_single_command, redis)
        contenders = {
            name: repeated(call, _COUNT, operations=len(_VALUES)) for name, call in calls.items()
        }
        samples = interleave(contenders, rounds)
    ours = samples.pop("ours")
    for other, seconds in samples.items():
        aim = _AIM if other == _PIPELINE else None
        yield Comparison("store_many, fetch_many", other, ours, seconds, aim)


def _ours(space: NetWorkSpace) -> None:
    space.store_many("x", _VALUES)
    space.fetch_many("x", len(_VALUES))


def _pipeline(redis: Any) -> None:
    pipeline = redis.pipeline(transaction=False)
    for value in _VALUES:
        pipeline.rpush("x", value)
    pipeline.execute()
    for _ in _VALUES:
        pipeline.lpop("x")
    pipeline.execute()


def _single_command(redis: Any) -> None:
    redis.rpush("x", *_VALUES)
    redis.lpop("x", len(_VALUES))
