"""What is kept of a worker's output for people who look at the workspace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh
from nws.sleigh.supervisor.kept_output import KeptOutput
from tests.sleigh.functions import fail
from tests.support.processes import until


@pytest.fixture
def ws(on_server: dict[str, Any]) -> Any:
    with NetWorkSpace("kept output", on_server["nwsHost"], on_server["nwsPort"]) as ws:
        yield ws


def texts(ws: NetWorkSpace, rank: int = 0) -> list[str]:
    blocks = ws.ifindTry(f"output {rank}")
    return [line[4] for block in blocks for line in json.loads(block)]


def size(ws: NetWorkSpace) -> int:
    return sum(map(len, ws.ifindTry("output 0")))


def write(kept: KeptOutput, ws: NetWorkSpace, *lines: str) -> None:
    kept.note([(1.0, 1, 0, "stdout", line) for line in lines])
    ws.settle([], kept.news())
    kept.published()


def test_of_no_lines_nothing_is_stored(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 1)
    assert kept.news() == []
    assert "output 0" not in ws.listVars(format="dict")


def test_the_oldest_lines_go(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 1)
    for number in range(300):
        write(kept, ws, f"{number} " + "x" * 500)
    assert 60_000 < size(ws) <= 65536
    found = [int(text.split()[0]) for text in texts(ws)]
    assert found == list(range(found[0], 300))


def test_many_lines_at_once(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 1)
    write(kept, ws, *(f"{number} " + "x" * 90 for number in range(5000)))
    assert 32_000 < size(ws) <= 65536
    assert texts(ws)[-1].startswith("4999 ")


def test_each_of_many_workers_has_a_share(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 256)
    for number in range(300):
        write(kept, ws, f"{number} " + "x" * 500)
    assert size(ws) <= 4096
    assert texts(ws)[-1].startswith("299 ")


def test_a_line_that_is_longer_than_the_share_is_kept_alone(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 2000)
    write(kept, ws, "short", "y" * 10_000)
    assert texts(ws) == ["y" * 4000]
    write(kept, ws, "short")
    assert texts(ws) == ["short"]


def test_a_refused_block_is_stored_with_the_next_lines(ws: NetWorkSpace) -> None:
    kept = KeptOutput(ws, 0, 1)
    kept.note([(1.0, 1, 0, "stdout", "first")])
    kept.news()  # and the server has no room
    write(kept, ws, "second")
    assert texts(ws) == ["first", "second"]


def test_another_supervisor_goes_on(ws: NetWorkSpace) -> None:
    write(KeptOutput(ws, 0, 1), ws, "first")
    kept = KeptOutput(ws, 0, 1)
    write(kept, ws, "second")
    assert texts(ws) == ["first", "second"]
    for number in range(300):
        write(kept, ws, f"{number} " + "x" * 500)
    assert size(ws) <= 65536


class Unreadable:
    """A value that nobody can read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return fail, (ValueError, "private")


def test_what_others_have_stored_there_goes(ws: NetWorkSpace) -> None:
    ws.store("output 0", Unreadable())
    write(KeptOutput(ws, 0, 1), ws, "ours")
    assert texts(ws) == ["ours"]


def chat(element: int) -> None:
    for number in range(100):
        print(f"{element}: {number}")


def test_of_a_worker(sleigh: Sleigh) -> None:
    sleigh.eachElem(chat, range(4))
    ranks = range(sleigh.status()[0])

    def lines() -> list[str]:
        listing = sleigh.nws.listVars(format="dict")
        return [
            text
            for rank in ranks
            if f"output {rank}" in listing
            for text in texts(sleigh.nws, rank)
        ]

    wanted = {f"{element}: {number}" for element in range(4) for number in range(100)}
    until(lambda: wanted <= set(lines()), "all lines")
