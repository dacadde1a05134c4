"""One client, one small value at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from nws.client import NetWorkSpace
from nws.descriptors import BINARY
from nws.wire.dialect import BLANK_ID, Dialect
from nws.wire.replies import ReplyEncoder
from nws.wire.requests import encode_request
from scripts.benchmarks.peers import SPACE, ask, connect, request
from scripts.benchmarks.processes import HOST, our_server, peer, redis_client, redis_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "one client, a value of 10 bytes"

_AIM: Final = Aim(1.2)
_COUNT: Final = 1000
_VALUE: Final = b"ten bytes!"
_TUNED: Final = ", tuned"
_ORDER: Final = ("store", "find", "fetch")

# What goes over the wire, for the bare socket.
_ENCODER: Final = ReplyEncoder(Dialect(metadata_out=True, extensions=True))
_STORED: Final = len(_ENCODER.short_ok)
_FOUND: Final = len(_ENCODER.value(BINARY, BLANK_ID, 0, 10, b"")) + len(_VALUE)


def run(rounds: int) -> Iterator[Comparison]:
    """Store, find, fetch in each round, which leaves the variable as it was."""
    with ExitStack() as stack:
        start = stack.enter_context
        space = start(NetWorkSpace(SPACE, HOST, start(our_server()), useUse=True))
        echo = start(connect(start(peer("echo"))))
        bare: dict[str, Call] = {
            "store": partial(ask, echo, _request(_STORED, b"store", BINARY, _VALUE)),
            "find": partial(ask, echo, _request(_FOUND, b"find")),
            "fetch": partial(ask, echo, _request(_FOUND, b"fetch")),
        }
        ours: dict[str, Call] = {
            "store": partial(space.store, "x", _VALUE),
            "find": partial(space.find, "x"),
            "fetch": partial(space.fetch, "x"),
        }
        calls: dict[tuple[str, str], Call] = {(work, "ours"): call for work, call in ours.items()}
        redis_port = start(redis_server())
        if redis_port is not None:
            for tuned, name in ((False, ""), (True, _TUNED)):
                redis = redis_client(redis_port, tuned=tuned)
                calls["store", f"redis-py RPUSH{name}"] = partial(redis.rpush, "x", _VALUE)
                calls["find", f"redis-py LINDEX{name}"] = partial(redis.lindex, "x", 0)
                calls["fetch", f"redis-py BLPOP{name}"] = partial(redis.blpop, "x")
        for work, call in bare.items():
            calls[work, "bare socket"] = call
        samples = interleave({name: repeated(call, _COUNT) for name, call in calls.items()}, rounds)
    for (work, other), seconds in sorted(
        samples.items(), key=lambda item: _ORDER.index(item[0][0])
    ):
        if other != "ours":
            aim = _AIM if other.startswith("redis-py") and not other.endswith(_TUNED) else None
            yield Comparison(work, other, samples[work, "ours"], seconds, aim)


def _request(reply_size: int, operation: bytes, *value: bytes) -> bytes:
    fields = [operation, SPACE.encode(), b"x", *value]
    return request(len(encode_request(fields)), reply_size)
