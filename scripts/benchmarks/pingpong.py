"""Two clients that hand a small value back and forth, each waiting for the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from nws.client import NetWorkSpace
from scripts.benchmarks.peers import SPACE, ask, connect
from scripts.benchmarks.processes import HOST, our_server, peer, redis_client, redis_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "two clients, a value of 10 bytes there and back, by blocking fetch"

_REDIS: Final = "redis-py RPUSH, BLPOP"
_RELAY: Final = "bare relay"
_AIMS: Final = {_REDIS: Aim(1.3), _RELAY: Aim(0.7)}
_COUNT: Final = 1000
_VALUE: Final = b"ten bytes!"
_MESSAGE: Final = bytes(100)
"""About the size of our requests and replies."""


def run(rounds: int) -> Iterator[Comparison]:
    """Store, and fetch what the other process stores then."""
    calls: dict[str, Call] = {}
    with ExitStack() as stack:
        start = stack.enter_context
        port = start(our_server())
        start(peer("bounce-ours", str(port)))
        space = start(NetWorkSpace(SPACE, HOST, port, useUse=True))
        calls["ours"] = partial(_ours, space)
        redis_port = start(redis_server())
        if redis_port is not None:
            for tuned, name in ((False, _REDIS), (True, f"{_REDIS}, tuned")):
                start(peer("bounce-redis", str(redis_port), str(int(tuned))))
                calls[name] = partial(_redis, redis_client(redis_port, tuned=tuned), int(tuned))
        relay_port = start(peer("relay"))
        relay = start(connect(relay_port))
        start(peer("bounce-bare", str(relay_port)))
        calls[_RELAY] = partial(ask, relay, _MESSAGE)
        samples = interleave({name: repeated(call, _COUNT) for name, call in calls.items()}, rounds)
    ours = samples.pop("ours")
    for other, seconds in samples.items():
        yield Comparison("there and back", other, ours, seconds, _AIMS.get(other))


def _ours(space: NetWorkSpace) -> None:
    space.store("ping", _VALUE)
    space.fetch("pong")


def _redis(redis: Any, number: int) -> None:
    redis.rpush(f"ping {number}", _VALUE)
    redis.blpop(f"pong {number}")
