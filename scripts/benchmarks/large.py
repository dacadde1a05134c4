"""One client, one large value: stored, then found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from nws.client import SINGLE, NetWorkSpace
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server, redis_client, redis_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "one client, one large value of type bytes"

_AIM: Final = Aim(1.5)
_MEGABYTE: Final = 1_000_000


def run(rounds: int) -> Iterator[Comparison]:
    """Store and find 10 MB, and then, in fewer rounds, 100 MB."""
    with ExitStack() as stack:
        start = stack.enter_context
        space = start(NetWorkSpace(SPACE, HOST, start(our_server()), useUse=True))
        space.declare("x", SINGLE)  # replaces its value, as SET does
        redis_port = start(redis_server())
        for megabytes, times in ((10, rounds), (100, max(3, rounds // 2))):
            yield from _compare(space, redis_port, megabytes, times)


def _compare(
    space: NetWorkSpace, redis_port: int | None, megabytes: int, rounds: int
) -> Iterator[Comparison]:
    value = os.urandom(megabytes * _MEGABYTE)
    calls: dict[str, Call] = {
        "store": partial(space.store, "x", value),
        "find": partial(space.find, "x"),
    }
    if redis_port is None:
        return
    redis = redis_client(redis_port)
    calls["SET"] = partial(redis.set, "x", value)
    calls["GET"] = partial(redis.get, "x")
    samples = interleave({name: repeated(call, 1) for name, call in calls.items()}, rounds)
    redis.close()
    ours = list(map(sum, zip(samples["store"], samples["find"], strict=True)))
    theirs = list(map(sum, zip(samples["SET"], samples["GET"], strict=True)))
    size = f"{megabytes} MB"
    yield Comparison(f"{size}: store, then find", "redis-py SET, GET", ours, theirs, _AIM)
    yield Comparison(f"{size}: store", "redis-py SET", samples["store"], samples["SET"])
    yield Comparison(f"{size}: find", "redis-py GET", samples["find"], samples["GET"])
