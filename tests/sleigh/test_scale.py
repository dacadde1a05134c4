"""The number of a sleigh's workers is changed while it works."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.errors import (
    SleighIllegalValueException,
    SleighOccupiedException,
    SleighStoppedException,
)
from nws.sleigh import LaunchOptions, Sleigh
from nws.sleigh.supervisor.worker_report import worker_reports
from tests.sleigh.functions import arrive, echo, worker
from tests.support.processes import Aside, children, until, until_file, until_gone
from tests.support.server import PATIENCE, Server
from tests.support.sleighs import all_workers, supervisor_of
from tests.support.spaces import variable
from tests.support.workers import Workers


def ranks(sleigh: Sleigh) -> list[int]:
    found: list[int] = sleigh.eachWorker("SleighRank")
    return found


@pytest.fixture
def one(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with Sleigh(**on_server, workerCount=1, initializer="known = 7") as sleigh:
        yield sleigh


def test_there_and_back(one: Sleigh) -> None:
    assert ranks(one) == [0]
    one.scale(3)
    assert one.size == 3
    assert ranks(one) == [0, 1, 2]
    assert one.eachWorker("known, SleighWorkerCount") == 3 * [(7, 3)]
    assert one.status() == (3, 1)
    one.scale(1)
    assert (one.size, one.status()) == (1, (1, 1))
    assert ranks(one) == [0]
    until(lambda: [each["state"] for each in one.workerInfo()][1:] == ["left"] * 2, "they left")
    one.scale(2)
    assert ranks(one) == [0, 1]
    assert one.eachElem(echo, range(5)) == [(number,) for number in range(5)]


def test_one_that_is_busy_finishes_what_it_runs(one: Sleigh, tmp_path: Path) -> None:
    one.scale(2)
    call = Aside(partial(one.eachElem, arrive, range(2), [tmp_path]))
    pids = {int(until_file(tmp_path / str(element))) for element in range(2)}
    one.scale(1)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    until(lambda: len(all_workers(os.getpid())) == 1, "the end of one")
    assert set(one.eachWorker(worker)) < pids


def test_an_each_worker_keeps_its_workers(one: Sleigh, tmp_path: Path) -> None:
    one.scale(2)
    futures = [one.submit(arrive, element, tmp_path) for element in range(2)]
    for element in range(2):
        until_file(tmp_path / str(element))
    call = Aside(partial(ranks, one))
    until(lambda: variable(one.nws, "task").values == 2, "the parts")
    with pytest.raises(SleighOccupiedException, match="an eachWorker is under way"):
        one.scale(1)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    assert [future.result(PATIENCE) for future in futures] == [0, 1]
    pending = one.eachWorker(echo, blocking=False)
    del pending  # nobody waits for it any more
    one.scale(1)
    assert ranks(one) == [0]


class WatchedTurn:
    """A lock that tells whether somebody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.wanted = threading.Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.wanted.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class ScalesWhileItIsPickled:
    """A function. While an `eachWorker` with it begins, another thread wants fewer workers."""

    def __init__(self, sleigh: Sleigh, turn: WatchedTurn) -> None:
        self.sleigh, self.turn = sleigh, turn
        self.scaling: Aside[None] | None = None

    def __call__(self) -> None: ...

    def __reduce__(self) -> tuple[Any, ...]:
        scaling = self.scaling = Aside(partial(self.sleigh.scale, 1))
        until(lambda: self.turn.wanted.is_set() or not scaling.is_alive(), "the other thread")
        return partial, (echo,)


def test_one_is_to_leave_at_the_moment_when_an_each_worker_begins(one: Sleigh) -> None:
    one.scale(2)
    turn = one._liveness.turn = WatchedTurn()  # type: ignore[assignment]
    function = ScalesWhileItIsPickled(one, turn)
    assert one.eachWorker(function) == [(), ()]
    assert function.scaling is not None
    with pytest.raises(SleighOccupiedException):
        function.scaling.result()


def test_one_is_wanted_again_while_it_leaves(one: Sleigh, tmp_path: Path) -> None:
    one.scale(2)
    call = Aside(partial(one.eachElem, arrive, range(2), [tmp_path]))
    for element in range(2):
        until_file(tmp_path / str(element))
    one.scale(1)
    one.scale(2)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    assert ranks(one) == [0, 1]


def test_a_supervisor_that_is_replaced_has_as_many(one: Sleigh) -> None:
    one.scale(3)
    assert ranks(one) == [0, 1, 2]
    one.scale(2)
    supervisor = supervisor_of(one)
    os.kill(supervisor, signal.SIGKILL)
    until_gone([supervisor])
    assert ranks(one) == [0, 1]
    assert one.size == 2


def test_what_cannot_be(one: Sleigh, serial: Sleigh) -> None:
    for count in (0, "x", 10**6):
        with pytest.raises(SleighIllegalValueException, match="workerCount="):
            one.scale(count)  # type: ignore[arg-type]
    with pytest.raises(SleighIllegalValueException, match="serial"):
        serial.scale(2)
    one.stop()
    with pytest.raises(SleighStoppedException):
        one.scale(2)


def test_it_follows_the_work(
    on_server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.sleigh.master.elastic._LOOK_SECONDS", 0.05)
    monkeypatch.setattr("nws.sleigh.master.elastic._IDLE_SECONDS", 0.2)
    with Sleigh(**on_server, workerCount=(1, 3)) as sleigh:
        assert sleigh.size == 1
        call = Aside(partial(sleigh.eachElem, arrive, range(3), [tmp_path]))
        for element in range(3):
            until_file(tmp_path / str(element))
        assert sleigh.size == 3
        (tmp_path / "go").touch()
        assert call.result() == [0, 1, 2]
        until(lambda: sleigh.size == 1, "it has shrunk")
        until(lambda: len(all_workers(os.getpid())) == 1, "the others have left")


@pytest.mark.slow
def test_a_supervisor_without_wanted_workers_leaves(server: Server) -> None:
    with Workers(server.port, size=2) as team:
        team.pids()
        team.want(1, 5)
        until(
            lambda: (
                [(each["rank"], each["state"]) for each in worker_reports(team.nws)]
                == [(0, "left"), (1, "idle"), (5, "idle")]
            ),
            "other workers",
        )
        team.want()
        assert team.until_left() == 5


def test_workers_that_leave_before_their_first_task_are_no_crashes(server: Server) -> None:
    with Workers(server.port) as team:
        team.pids()
        for _ in range(6):
            team.want(0, 1)
            until(lambda: len(children(team.supervisor)) == 2, "another worker")
            team.want(0)
            until(lambda: len(children(team.supervisor)) == 1, "its end")


# On nodes


def here(machine: str, options: LaunchOptions) -> Sequence[str]:
    return []


@pytest.mark.slow
def test_on_nodes(on_server: dict[str, Any]) -> None:
    nodes = ["node1:2", "node2"]
    with Sleigh(**on_server, launch=here, nodeList=nodes, workerCount=(1, 3)) as sleigh:
        assert ranks(sleigh) == [0]
        sleigh.scale(3)
        assert sleigh.eachWorker("SleighRank") == [0, 1, 2]
        names = [each["name"] for each in sleigh.workerInfo()]
        assert sorted(names) == ["node1", "node1", "node2"]
        with pytest.raises(SleighIllegalValueException, match="nodeList has room for 3"):
            sleigh.scale(4)
        sleigh.scale(2)
        assert sleigh.eachElem(echo, range(3)) == [(0,), (1,), (2,)]
        until(lambda: sleigh.workerInfo()[2]["state"] == "left", "node2 is free")
        sleigh.scale(3)
        assert ranks(sleigh) == [0, 1, 2]
