"""One client, one small value at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, NamedTuple

from nws.client import NetWorkSpace
from nws.values import BINARY
from nws.wire import BLANK_ID, Dialect, ReplyEncoder, encode_request
from scripts.benchmarks.peers import ORDER, SPACE, connect, receive
from scripts.benchmarks.processes import HOST, our_server, peer, redis_client, redis_server
from scripts.benchmarks.rounds import Aim, Comparison, Round, interleave, timed

ROW: Final = "singles"
ABOUT: Final = "one client, a value of 10 bytes"

_AIM: Final = Aim(1.2)
_VALUE: Final = b"ten bytes!"
_COUNT: Final = 1000
_ENCODER: Final = ReplyEncoder(Dialect(metadata_out=True, extensions=True))
_FOUND: Final = len(_ENCODER.value(BINARY, BLANK_ID, 0, len(_VALUE), b"")) + len(_VALUE)


class _Work(NamedTuple):
    """One operation, as each of the contenders calls it."""

    ours: str
    redis: str
    request: int
    """Size of our request, for the bare socket."""
    reply: int


def _request(operation: bytes, *value: bytes) -> int:
    return len(encode_request([operation, SPACE.encode(), b"x", *value]))


_WORKS: Final = (
    _Work("store", "RPUSH", _request(b"store", BINARY, _VALUE), len(_ENCODER.short_ok)),
    _Work("find", "LINDEX", _request(b"find"), _FOUND),
    _Work("fetch", "BLPOP", _request(b"fetch"), _FOUND),
)


def run(rounds: int) -> Iterator[Comparison]:
    """Store, find and fetch; the order of a round keeps the variable from growing."""
    with ExitStack() as stack:
        space = stack.enter_context(
            NetWorkSpace(SPACE, HOST, stack.enter_context(our_server()), useUse=True)
        )
        echo = stack.enter_context(connect(stack.enter_context(peer("echo"))))
        redis_port = stack.enter_context(redis_server())
        contenders: dict[str, Round] = {}
        for work in _WORKS:
            contenders[work.ours] = partial(timed, _COUNT, partial(_ours, space, work))
            if redis_port is not None:
                redis = redis_client(redis_port)
                contenders[work.redis] = partial(timed, _COUNT, partial(_redis, redis, work))
            bare = partial(_bare, echo, work)
            contenders["bare " + work.ours] = partial(timed, _COUNT, bare)
        samples = interleave(contenders, 2 * rounds)
    for work in _WORKS:
        ours = samples[work.ours]
        if work.redis in samples:
            yield Comparison(
                ROW, work.ours, f"redis-py {work.redis}", ours, samples[work.redis], _AIM
            )
        yield Comparison(ROW, work.ours, "bare socket", ours, samples["bare " + work.ours])


def _ours(space: NetWorkSpace, work: _Work) -> None:
    if work.ours == "store":
        _repeat(partial(space.store, "x", _VALUE))
    else:
        _repeat(partial(getattr(space, work.ours), "x"))


def _redis(redis: Any, work: _Work) -> None:
    if work.redis == "RPUSH":
        _repeat(partial(redis.rpush, "x", _VALUE))
    elif work.redis == "LINDEX":
        _repeat(partial(redis.lindex, "x", 0))
    else:
        _repeat(partial(redis.blpop, "x"))


def _repeat(call: Callable[[], object]) -> None:
    for _ in range(_COUNT):
        call()


def _bare(echo: Any, work: _Work) -> None:
    echo.sendall(ORDER.pack(_COUNT, work.request, work.reply))
    request = bytes(work.request)
    for _ in range(_COUNT):
        echo.sendall(request)
        receive(echo, work.reply)
