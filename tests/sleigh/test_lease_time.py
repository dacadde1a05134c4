"""Workers that are alive but say nothing: after the lease time their element is another one's."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nws.sleigh import Sleigh
from tests.sleigh.functions import stop_the_first_time
from tests.support.deadly import is_first, note, times_ten
from tests.support.processes import Aside, state, until, until_file, until_gone
from tests.support.sleighs import supervisor_of, workers_that_answer
from tests.support.spaces import variable


class Impatient(Sleigh):
    """Its workers must be heard of often."""

    lease_time: ClassVar[float] = 2.0


@pytest.fixture
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with Impatient(**on_server, workerCount=3) as sleigh:
        yield sleigh


def until_stopped(pid: int) -> None:
    until(lambda: state(pid) == "T", f"{pid} is stopped")


# Workers


@pytest.mark.slow
def test_a_stopped_worker_loses_its_element_and_its_place(sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(sleigh.eachElem, stop_the_first_time, range(8), [tmp_path]))
    stopped = int(until_file(tmp_path / "stopped"))
    results = call.result()
    assert [number for number, _ in results] == list(range(0, 80, 10))
    assert stopped not in [pid for _, pid in results], "all was done by others"
    until_gone([stopped])
    assert stopped not in workers_that_answer(sleigh)
    assert not (tmp_path / "continued").exists()


WAYS = ["sleeping", "keeping the interpreter's lock", "stopped at first"]


def take_longer_than_the_lease(way: str, folder: Path) -> bool:
    """Return whether this is the first run."""
    first = is_first(folder, way)
    if way == "stopped at first":
        note(folder, "stopped")
        os.kill(os.getpid(), signal.SIGSTOP)
    if way == "keeping the interpreter's lock":
        ctypes.PyDLL(None).usleep(int(1.25e6 * Impatient.lease_time))
    else:
        time.sleep(1.25 * Impatient.lease_time)
    return first


@pytest.mark.slow
def test_a_worker_that_is_busy_keeps_its_element(sleigh: Sleigh, tmp_path: Path) -> None:
    """Also in C code, and after it was stopped for a shorter time."""
    pids = workers_that_answer(sleigh)
    call = Aside(partial(sleigh.eachElem, take_longer_than_the_lease, WAYS, [tmp_path]))
    stopped = int(until_file(tmp_path / "stopped"))
    until_stopped(stopped)
    os.kill(stopped, signal.SIGCONT)
    assert call.result() == [True, True, True]
    assert workers_that_answer(sleigh) == pids


# Supervisors: when one is stopped, so is in effect its machine


def wait_the_first_time(element: int, folder: Path) -> int:
    """Wait for a file where this is run for the first time. Return who has done it."""
    if is_first(folder, element):
        note(folder, "begun")
        until_file(folder / "go on")
        note(folder, "done")
    return os.getpid()


@pytest.mark.slow
@pytest.mark.nightly  # one that stays stopped is replaced below
def test_a_stopped_supervisor_costs_a_worker_its_element(sleigh: Sleigh, tmp_path: Path) -> None:
    pids = workers_that_answer(sleigh)
    supervisor = supervisor_of(sleigh)
    call = Aside(partial(sleigh.eachElem, wait_the_first_time, [0], [tmp_path]))
    slow = int(until_file(tmp_path / "begun"))
    os.kill(supervisor, signal.SIGSTOP)
    try:
        assert call.result()[0] in set(pids) - {slow}, "another one has done it"
        (tmp_path / "go on").write_text("!")
        until_file(tmp_path / "done")
        until(lambda: variable(sleigh.nws, "task").fetchers == 3, "all wait for tasks")
        assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]
    finally:
        os.kill(supervisor, signal.SIGCONT)
    until(lambda: variable(sleigh.nws, "gone 0").values == 0, "the supervisor is there again")
    assert workers_that_answer(sleigh) == pids


@pytest.mark.slow
@pytest.mark.parametrize(
    "all_of_them",
    [
        pytest.param(False, marks=pytest.mark.nightly, id="alone"),
        pytest.param(True, id="with its workers"),
    ],
)
def test_a_supervisor_that_stays_stopped_is_replaced(
    sleigh: Sleigh,
    tmp_path: Path,
    all_of_them: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call goes on, with other workers; and so do later ones."""
    monkeypatch.setattr(sleigh._liveness, "_lost_after", 3.0)
    pids = workers_that_answer(sleigh)
    supervisor = supervisor_of(sleigh)
    call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(3), [tmp_path]))
    until(lambda: len(list(tmp_path.glob("first *"))) == 3, "all have begun")
    for pid in [supervisor, *(pids if all_of_them else ())]:
        os.kill(pid, signal.SIGSTOP)
    until_gone([supervisor, *pids])
    monkeypatch.undo()  # so that the other one has its time
    results = call.result()
    assert not set(results) & set(pids), "all was done by others"
    assert len(workers_that_answer(sleigh)) == 3
    assert "did not answer for long and was killed" in caplog.text
