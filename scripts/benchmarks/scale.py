"""What an operation costs on a server that holds much, beside one that holds a tenth, or just one.

Three servers, one for each amount, take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from nws.client import NetWorkSpace
from nws.session.endpoint import Endpoint
from nws.session.transport import Transport
from nws.wire.dialect import BLANK_ID
from nws.wire.requests import encode_request
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server
from scripts.benchmarks.rounds import Aim, Call, Comparison, interleave, repeated

ABOUT: Final = "one client, store and fetch, while the server holds much; the ratio is of the costs"

_AIM: Final = Aim(1.3, is_cost=True)
_COUNT: Final = 500
_SPACE: Final = SPACE.encode()
_VALUE: Final = b"ten bytes!"
_VALUES_PER_REQUEST: Final = 2000
"""The limit is 2499."""

_Fill: TypeAlias = Callable[[NetWorkSpace, int, ExitStack], dict[str, Call]]
"""Fill a server; return what else to time, besides the operations on another variable."""


class _Load(NamedTuple):
    """Something of which a server can hold much."""

    name: str
    amount: int
    fill: _Fill


def run(rounds: int) -> Iterator[Comparison]:
    """Measure one load after the other."""
    for load in _LOADS:
        yield from _measure(load, rounds)


def _measure(load: _Load, rounds: int) -> Iterator[Comparison]:
    amounts = (load.amount, load.amount // 10, 1)
    calls: dict[tuple[str, int], Call] = {}
    with ExitStack() as stack:
        works: list[dict[str, Call]] = []
        for amount in amounts:
            port = stack.enter_context(our_server())
            space = stack.enter_context(NetWorkSpace(SPACE, HOST, port, useUse=True))
            more = load.fill(space, amount, stack)
            works.append({"": partial(_store_and_fetch, space, "other"), **more})
        for work in works[0]:
            for amount, each in zip(amounts, works, strict=True):
                calls[work, amount] = each[work]
        samples = interleave({name: repeated(call, _COUNT) for name, call in calls.items()}, rounds)
    for (work, amount), seconds in samples.items():
        if amount != load.amount:
            label = f"{load.amount:,} {load.name}{work}"
            yield Comparison(label, f"{amount:,}", samples[work, load.amount], seconds, _AIM)


def _store_and_fetch(space: NetWorkSpace, variable: str) -> None:
    space.store(variable, _VALUE)
    space.fetch(variable)


def _connect(space: NetWorkSpace, stack: ExitStack) -> Transport:
    """Open a connection on which requests can be sent field by field."""
    transport = Transport(Endpoint(space.server.serverHost, space.server.serverPort))
    stack.callback(transport.close)
    transport.run([b"use ws", _SPACE, b"", b"no"])
    return transport


def _wait(space: NetWorkSpace, amount: int, stack: ExitStack) -> dict[str, Call]:
    """Let many connections wait for a value."""
    request = encode_request([b"fetch", _SPACE, b"waited for"])
    for _ in range(amount):
        _connect(space, stack).socket.sendall(request)
    while True:
        listing = space.listVars(format="dict")
        if isinstance(listing, dict) and listing["waited for"].fetchers == amount:
            return {}


def _store_values(space: NetWorkSpace, amount: int, stack: ExitStack) -> dict[str, Call]:
    """Store many values in one variable."""
    space.store_many("full", (_VALUE for _ in range(amount)))
    connection = _connect(space, stack)
    variable_id = connection.run([b"find", _SPACE, b"full"]).variable_id
    middle = (variable_id, b"%020d" % (amount // 2)) if amount > 1 else (BLANK_ID, b"0")
    return {
        "; of these": partial(_store_and_fetch, space, "full"),
        "; find in these": partial(space.find, "full"),
        "; ifind amid these": partial(connection.run, [b"ifind", _SPACE, b"full", *middle]),
    }


def _store_variables(space: NetWorkSpace, amount: int, _: ExitStack) -> dict[str, Call]:
    """Store a value in each of many variables."""
    names = [f"variable {number}" for number in range(amount)]
    for start in range(0, amount, _VALUES_PER_REQUEST):
        space.settle([], [(name, _VALUE) for name in names[start : start + _VALUES_PER_REQUEST]])
    return {}


_LOADS: Final = (
    _Load("waiting connections", 1000, _wait),
    _Load("values", 1_000_000, _store_values),
    _Load("variables", 100_000, _store_variables),
)
