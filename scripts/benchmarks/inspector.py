"""The inspector of a server with very much in it: how long its pages take, and what watching costs
the space.

The browsers that watch are connections which follow a page and read what comes, all in one process
of their own. A real browser would also draw it, which is not the server's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from itertools import islice, repeat
from time import perf_counter
from typing import Final

from nws.client import NetWorkSpace
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server_with_inspector, peer
from scripts.benchmarks.rounds import Aim, Comparison, Round, interleave

ABOUT: Final = "pages beside a limit, and store while ten browsers watch beside the same unwatched"

_VARIABLE_COUNT: Final = 100_000
_VALUE_COUNT: Final = 1_000_000
_VALUES_PER_REQUEST: Final = 2000
_STORE_COUNT: Final = 30_000
"""Some two seconds: pages move once in a second."""

_PAUSE_SECONDS: Final = 6.0
"""After this pause the inspector has nothing left in its caches."""

_BROWSER_COUNT: Final = 10
_PAGE_LIMIT_SECONDS: Final = 0.3
_PAGE_AIM: Final = Aim(1, is_cost=True)
_WATCHED_AIM: Final = Aim(1.25, is_cost=True)
"""The rate may fall by a fifth."""

_PAGES: Final = {
    "all workspaces": "/workspaces",
    "100,000 variables": f"/workspace?name={SPACE}",
    "100,000 variables by size": f"/workspace?name={SPACE}&sort=bytes",
    "a search in 100,000 variables": f"/workspace?name={SPACE}&search=99",
    "the first of 1,000,000 values": f"/variable?ws={SPACE}&name=full",
    "the last of 1,000,000 values": f"/variable?ws={SPACE}&name=full&page=50000",
    "one of 1,000,000 values": f"/value?ws={SPACE}&name=full&index=777777",
    "clients": "/clients",
    "server": "/server",
}


def run(rounds: int) -> Iterator[Comparison]:
    """Measure a server that was filled."""
    with ExitStack() as stack:
        port, web_port = stack.enter_context(our_server_with_inspector())
        space = stack.enter_context(NetWorkSpace(SPACE, HOST, port, useUse=True))
        _fill(space)
        pages = {label: page(web_port, address) for label, address in _PAGES.items()}
        first, *_ = pages
        pages[first] = partial(_rested, pages[first])
        for label, seconds in interleave(pages, rounds).items():
            yield Comparison(label, "the limit", seconds, [_PAGE_LIMIT_SECONDS] * rounds, _PAGE_AIM)
        store = partial(_store, space)
        works: dict[bool, Round] = {True: partial(_watched, web_port, store), False: store}
        samples = interleave(works, rounds)
        yield Comparison(
            f"store, {_BROWSER_COUNT} browsers",
            "unwatched",
            samples[True],
            samples[False],
            _WATCHED_AIM,
        )


def _fill(space: NetWorkSpace) -> None:
    names = (f"variable {number}" for number in range(_VARIABLE_COUNT))
    while some := list(islice(names, _VALUES_PER_REQUEST)):
        space.settle([], [(name, "a value") for name in some])
    space.store_many("full", repeat("a value", _VALUE_COUNT))


def page(web_port: int, address: str) -> Round:
    """Return what gets a page and returns the seconds that this takes."""

    def fetch() -> float:
        connection = HTTPConnection(HOST, web_port, timeout=60)
        start = perf_counter()
        connection.request("GET", address)
        answer = connection.getresponse()
        answer.read()
        seconds = perf_counter() - start
        connection.close()
        if answer.status != 200:
            raise ValueError(f"{address} is answered with {answer.status}")
        return seconds

    return fetch


def _rested(page: Round) -> float:
    time.sleep(_PAUSE_SECONDS)
    return page()


def _store(space: NetWorkSpace) -> float:
    start = perf_counter()
    for _ in range(_STORE_COUNT):
        space.store("stored", "a value")
    seconds = (perf_counter() - start) / _STORE_COUNT
    space.deleteVar("stored")
    return seconds


def _watched(web_port: int, work: Callable[[], float]) -> float:
    with peer("watch", str(web_port), str(_BROWSER_COUNT)):
        return work()


def followed(count: int) -> list[str]:
    """Return the addresses of live pages for ``count`` browsers, as different as possible."""
    pages = list(_PAGES.values())
    chosen = [pages[number % len(pages)] for number in range(count)]
    return [
        f"/events?of={page.strip('/')}&{query}"
        for page, _, query in (address.partition("?") for address in chosen)
    ]
