"""The master, the server or the supervisor is killed: the rest ends soon, or goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from nws.sleigh import SleighNwsException
from tests.support.deadly import hang, hold, hold_by_rank, times_ten
from tests.support.processes import Aside, children, let_pass, python, until, until_file, until_gone
from tests.support.sleighs import LongLeased, all_workers, parent, servers, supervisors, workers
from tests.support.spaces import variable

every_hang = pytest.mark.parametrize(
    "way", ["_hang_in_sum", pytest.param("_hang_in_python", marks=pytest.mark.nightly)]
)
"""The first keeps the interpreter, so that nothing but a kill ends it."""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = children(os.getpid())
    yield
    assert children(os.getpid()) == before


# The master

MASTER: Final = """
import sys
from pathlib import Path
from nws.sleigh import Sleigh
from tests.support.deadly import hang

if __name__ == "__main__":
    folder, way = sys.argv[1:]
    with Sleigh(workerCount=2) as sleigh:
        sleigh.eachElem(hang, range(100), [0, way, Path(folder), 1000])
"""


@every_hang
def test_the_master_is_killed(tmp_path: Path, way: str) -> None:
    with python("-c", MASTER, str(tmp_path), way, cwd=tmp_path) as master:
        until_file(tmp_path / "hangs")
        pid = master.pid
        until(lambda: len(all_workers(pid)) == 2, "the other worker has begun as well")
        ours = [*children(pid), *all_workers(pid)]
        assert len(ours) == 4, "the server, the supervisor and two workers"
        master.kill()
        until_gone(ours)
        assert master.communicate() == ("", "")


# The server


@every_hang
def test_the_server_is_killed(tmp_path: Path, way: str) -> None:
    me = os.getpid()
    with LongLeased(workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, hang, range(100), [0, way, tmp_path, 1000]))
        until_file(tmp_path / "hangs")
        until(lambda: len(all_workers(me)) == 2, "the other worker has begun as well")
        ours = [*supervisors(me), *all_workers(me)]
        assert len(ours) == 3
        (server,) = servers(me)
        os.kill(server, signal.SIGKILL)
        with pytest.raises(SleighNwsException, match=r"the sleigh's server (has ended|failed)"):
            call.result()
        until_gone(ours)
        with pytest.raises(SleighNwsException, match="server"):
            sleigh.eachElem(times_ten, [1])


# The supervisor


def test_the_supervisor_is_killed_during_a_call(on_server: dict[str, Any], tmp_path: Path) -> None:
    with LongLeased(**on_server, workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, hold, range(5), [tmp_path]))
        until_file(tmp_path / "at 0")
        former = workers(sleigh)
        os.kill(parent(former[0]), signal.SIGKILL)
        until_gone(former)
        (tmp_path / "go on").touch()
        assert call.result() == [0, 10, 20, 30, 40]
        assert sleigh.status() == (2, 1)


@pytest.mark.slow
def test_the_supervisor_is_killed_during_a_call_of_each_worker(
    on_server: dict[str, Any], tmp_path: Path
) -> None:
    """Ranks that had done their part must not take the part of the one that had not."""
    with LongLeased(**on_server, workerCount=4) as sleigh:
        call = Aside(partial(sleigh.eachWorker, hold_by_rank, tmp_path))
        until_file(tmp_path / "at 0")
        until(lambda: variable(sleigh.nws, "barrier").finders == 3, "the others have done theirs")
        former = workers(sleigh)
        os.kill(parent(former[0]), signal.SIGKILL)
        until_gone(former)
        (tmp_path / "go on").touch()
        assert call.result() == [0, 10, 20, 30]


@every_hang
def test_a_worker_that_hangs_ends_with_its_supervisor(
    on_server: dict[str, Any], tmp_path: Path, way: str
) -> None:
    with LongLeased(**on_server, workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, hang, range(5), [0, way, tmp_path, 1]))
        until_file(tmp_path / "hangs")
        former = workers(sleigh)
        os.kill(parent(former[0]), signal.SIGKILL)
        until_gone(former)
        assert call.result() == [0, 10, 20, 30, 40]


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [*range(0, 24, 8), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(4, 24, 8))],
)
def test_the_supervisor_is_killed_while_it_starts(on_server: dict[str, Any], moment: int) -> None:
    """At many moments: before it joins, in the middle of that, and between its workers' starts."""
    with LongLeased(**on_server, workerCount=2) as sleigh:
        let_pass(0.002 * moment)
        (supervisor,) = until(lambda: supervisors(os.getpid()), "the supervisor's program")
        os.kill(supervisor, signal.SIGKILL)
        call = partial(sleigh.eachElem, times_ten, range(10))
        assert Aside(call).result() == list(range(0, 100, 10))
        # One that the killed supervisor had just forked may do its part before it notices.
        assert len(set(Aside(partial(sleigh.eachWorker, os.getpid)).result())) == 2
        assert len(all_workers(os.getpid())) == 2
