"""Many calls on one sleigh leave nothing behind: not on the server, nor in the supervisor or
the master."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from nws.sleigh import Sleigh
from tests.support.deadly import times_ten
from tests.support.sleighs import supervisors


@pytest.fixture
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh


def call(sleigh: Sleigh, number: int) -> None:
    """One of each kind, some with a function of their own, some cancelled."""
    match number % 5:
        case 0:
            assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]
        case 1:
            assert sleigh.submit(lambda: number).result(20) == number
        case 2:
            sleigh.eachElem(times_ten, range(50), chunkSize=1, blocking=False).cancel()
            sleigh.submit(times_ten, 1).cancel()
        case 3:
            assert list(sleigh.imap(times_ten, range(5))) == [0, 10, 20, 30, 40]
        case 4:
            assert sleigh.eachWorker(times_ten, 1) == [10, 10]


def server_figures(sleigh: Sleigh) -> dict[str, int]:
    sleigh.eachWorker(times_ten, 1)  # what was cancelled before has been dropped when this is done
    status = sleigh.nws.server.status()
    return {name: status[name] for name in ("variables", "values", "sessions", "connections")}


def master_objects() -> int:
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.slow
@pytest.mark.parametrize("calls", [150, pytest.param(1000, marks=pytest.mark.nightly)])
def test_many_calls(sleigh: Sleigh, calls: int) -> None:
    for number in range(100):
        call(sleigh, number)
    (supervisor,) = supervisors(os.getpid())
    before = server_figures(sleigh), master_objects(), psutil.Process(supervisor).memory_info().rss
    for number in range(calls):
        call(sleigh, number)
    after = server_figures(sleigh), master_objects(), psutil.Process(supervisor).memory_info().rss
    connections = after[0].pop("connections") - before[0].pop("connections")
    assert after[0] == before[0]
    assert connections <= 2, "no more than there are threads that wait at once"
    assert after[1] - before[1] < calls / 4, "fewer objects than there were calls"
    assert after[2] - before[2] < 1024 * 1024
