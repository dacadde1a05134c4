"""Promise 4: who blocked first is served first, and who died while waiting is stepped over."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from nws.client import DICT, NetWorkSpace
from tests.support.processes import Aside, python, until
from tests.support.server import running

WAITERS: Final = 200
VICTIMS: Final = (0, 1, 77, 150, 199)
PROGRAM: Final = (
    "import sys; from nws.client import NetWorkSpace;"
    "NetWorkSpace('line', serverPort=int(sys.argv[1]), useUse=True).fetch('x')"
)


def fetchers(ws: NetWorkSpace) -> int:
    listing = ws.listVars(format=DICT)
    assert isinstance(listing, dict)
    return listing["x"].fetchers if "x" in listing else 0


def has_fetchers(ws: NetWorkSpace, count: int) -> bool:
    return fetchers(ws) == count


@pytest.mark.slow
def test_two_hundred_are_served_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path))
        ws = stack.enter_context(NetWorkSpace("line", serverPort=server.port))
        waiting: list[Aside[int]] = []
        victims = []
        for number in range(WAITERS):
            if number in VICTIMS:
                victim = python("-c", PROGRAM, str(server.port), cwd=tmp_path)
                victims.append(stack.enter_context(victim))
            else:
                waiting.append(Aside(lambda: ws.fetch("x")))
            until(partial(has_fetchers, ws, number + 1), f"number {number} in the line")
        for process in victims:
            process.kill()
            process.communicate()
        until(lambda: fetchers(ws) == len(waiting), "the end of the victims' waits")
        for value in range(len(waiting)):
            ws.store("x", value)
        assert [one.result() for one in waiting] == list(range(len(waiting)))
        assert ws.fetchTry("x", "nothing") == "nothing"


def test_a_find_never_blocks_a_fetch(tmp_path: Path) -> None:
    with (
        running(tmp_path) as server,
        NetWorkSpace("line", serverPort=server.port) as ws,
    ):
        finders = [Aside(lambda: ws.find("x")) for _ in range(5)]
        fetcher = Aside(lambda: ws.fetch("x"))
        until(lambda: fetchers(ws) == 1 and "\t0\t1\t5\t" in str(ws.listVars()), "all in line")
        ws.store("x", "one for all")
        assert {one.result() for one in [*finders, fetcher]} == {"one for all"}
        assert ws.fetchTry("x", "nothing") == "nothing"
