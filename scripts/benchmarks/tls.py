"""One client, by TLS and without it, on the same server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Final

from nws.client import SINGLE, NetWorkSpace, NwsServer
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_tls_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "one client, by TLS and without it, on the same server"

_AIM: Final = Aim(0.5)
_LARGE: Final = os.urandom(10_000_000)
_SMALL: Final = b"ten bytes!"
_SMALL_COUNT: Final = 500


def run(rounds: int) -> Iterator[Comparison]:
    """Store and find 10 MB, and then 10 bytes."""
    with ExitStack() as stack:
        start = stack.enter_context
        port, login = start(our_tls_server())
        spaces = {
            "TLS": start(NwsServer(HOST, port, login=login)).openWs(f"{SPACE} by TLS"),
            "plain": start(NwsServer(HOST, port, login=_secret(login))).openWs(SPACE),
        }
        for space in spaces.values():
            space.declare("x", SINGLE)
        yield from _compare(spaces, "10 MB", _LARGE, 1, rounds, _AIM)
        yield from _compare(spaces, "10 bytes", _SMALL, _SMALL_COUNT, rounds)


def _secret(login: str) -> str:
    return login.partition("@")[0]


def _compare(
    spaces: Mapping[str, NetWorkSpace],
    size: str,
    value: bytes,
    count: int,
    rounds: int,
    aim: Aim | None = None,
) -> Iterator[Comparison]:
    calls: dict[tuple[str, str], Call] = {}
    for how, space in spaces.items():
        calls["store", how] = partial(space.store, "x", value)
        calls["find", how] = partial(space.find, "x")
    samples = interleave({name: repeated(call, count) for name, call in calls.items()}, rounds)
    both = {
        how: list(map(sum, zip(samples["store", how], samples["find", how], strict=True)))
        for how in spaces
    }
    yield Comparison(f"{size}: store, then find", "plain", both["TLS"], both["plain"], aim)
    for work in ("store", "find"):
        ours, theirs = samples[work, "TLS"], samples[work, "plain"]
        yield Comparison(f"{size}: {work}", "plain", ours, theirs)
