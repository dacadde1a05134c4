"""Only the element that ran when a worker died is blamed. What was with it is done again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighTaskException
from tests.support.deadly import count_runs, fail, refuse_to_send, start_a_child_and_wait, times_ten
from tests.support.processes import Aside, runs, until_file, until_gone
from tests.support.server import PATIENCE
from tests.support.sleighs import LongLeased


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with LongLeased(**on_server, workerCount=2) as sleigh:
        yield sleigh


def failed(results: list[Any]) -> list[int]:
    return [tag for tag, result in enumerate(results) if isinstance(result, SleighTaskException)]


def times_run(folder: Path, element: int) -> int:
    return len(list(folder.glob(f"first run * of {element}")))


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.nightly), 24, None])
def test_others_of_the_same_task(sleigh: Sleigh, tmp_path: Path, size: int | None) -> None:
    """Each worker dies of three elements in a row. Others of their tasks see many deaths."""
    victims = {5, 6, 7, 20}
    fixed = [victims, "SIGKILL", tmp_path]
    call = Aside(partial(sleigh.eachElem, count_runs, range(24), fixed, chunkSize=size))
    results = call.result()
    assert failed(results) == sorted(victims)
    assert all(results[tag] == 10 * tag for tag in set(range(24)) - victims)
    assert {times_run(tmp_path, victim) for victim in victims} == {3}


def test_tasks_that_wait_in_the_same_worker(sleigh: Sleigh, tmp_path: Path) -> None:
    """Workers take several short tasks at once."""
    sleigh.eachElem(times_ten, range(1000), chunkSize=1)
    fixed = [{150}, "exit status 7", tmp_path]
    call = Aside(partial(sleigh.eachElem, count_runs, range(300), fixed, chunkSize=1))
    results = call.result()
    assert failed(results) == [150]
    assert times_run(tmp_path, 150) == 3
    assert max(times_run(tmp_path, tag) for tag in range(300)) <= 4


def test_many_die_in_the_same_call(sleigh: Sleigh, tmp_path: Path) -> None:
    victims = set(range(0, 18, 3))
    fixed = [victims, "SIGKILL", tmp_path]
    call = Aside(partial(sleigh.eachElem, count_runs, range(18), fixed))
    results = call.result(3 * PATIENCE)  # 18 workers are started for it, one after the other
    assert failed(results) == sorted(victims)


def test_deaths_of_one_call_do_not_count_in_the_next(sleigh: Sleigh, tmp_path: Path) -> None:
    """The deaths of one call are not held against the elements of the next."""
    for _ in range(3):
        call = Aside(partial(sleigh.eachElem, count_runs, range(4), [{2}, "SIGKILL", tmp_path]))
        assert failed(call.result()) == [2]
    assert times_run(tmp_path, 2) == 9


@pytest.mark.parametrize("size", [1, 4])
def test_results_that_are_deadly_to_send(sleigh: Sleigh, size: int) -> None:
    """The element has ended then. Its task is not tried for ever all the same."""
    call = Aside(partial(sleigh.eachElem, refuse_to_send, range(8), [5], chunkSize=size))
    results = call.result()
    assert failed(results) == [5]
    assert "was lost" in str(results[5])


def test_results_of_an_each_worker_that_are_deadly_to_send(sleigh: Sleigh) -> None:
    text = "from tests.support.deadly import refuse_to_send as f; SleighValue = f(SleighRank, 1)"
    call = Aside(partial(sleigh.eachWorker, text))
    results = call.result()
    assert failed(results) == [1]
    assert "was lost" in str(results[1])


def test_retries(sleigh: Sleigh, tmp_path: Path) -> None:
    for retries, times, failures in ((0, 1, [2]), (1, 2, [2]), (2, 2, [])):
        folder = tmp_path / str(retries)
        folder.mkdir()
        fixed = [2, folder, times]
        call = partial(sleigh.eachElem, fail, range(6), fixed, retries=retries, chunkSize=3)
        results = Aside(call).result()
        assert failed(results) == failures
        assert len(list(folder.glob("first failure *"))) == min(times, retries + 1)


# What elements have started


def started_by(folder: Path, element: int) -> list[int]:
    """Return the worker that runs an element, and the process that it has started."""
    pids = [int(pid) for pid in until_file(folder / str(element)).split()]
    assert all(map(runs, pids))
    return pids


def test_what_it_has_started_ends_with_a_cancelled_element(sleigh: Sleigh, tmp_path: Path) -> None:
    pending = sleigh.eachElem(start_a_child_and_wait, range(2), [tmp_path], blocking=False)
    pids = started_by(tmp_path, 0) + started_by(tmp_path, 1)
    pending.cancel()
    until_gone(pids)
    assert sleigh.eachElem(times_ten, range(4)) == [0, 10, 20, 30]


@pytest.mark.slow
def test_what_it_has_started_ends_with_an_overdue_element(sleigh: Sleigh, tmp_path: Path) -> None:
    """The time is long enough to start it in, on a busy machine too."""
    fixed = [tmp_path]
    call = Aside(partial(sleigh.eachElem, start_a_child_and_wait, [0], fixed, timeout=2.0))
    pids = started_by(tmp_path, 0)
    assert failed(call.result()) == [0]
    until_gone(pids)


def test_what_it_has_started_ends_with_a_killed_worker(sleigh: Sleigh, tmp_path: Path) -> None:
    pending = sleigh.eachElem(start_a_child_and_wait, [0], [tmp_path], blocking=False)
    pids = started_by(tmp_path, 0)
    os.kill(pids[0], signal.SIGKILL)
    until_gone(pids)
    pending.cancel()
