"""Nothing waits behind a long element: not what came in the same task, nor what was taken ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.worker.handback import Handback
from tests.support.deadly import count_runs, die
from tests.support.processes import until

Wait = Callable[[int, Path, int, int], int]


def wait_for_all(element: int, folder: Path, patient: int, count: int) -> int:
    """Leave a file; one element waits until all others have left theirs."""
    (folder / str(element)).touch()
    if element == patient:
        until(lambda: len(list(folder.iterdir())) >= count, "the other elements", within=20)
    return element


@pytest.mark.parametrize("patient", [0, 5, 8])
def test_the_rest_of_a_task_goes_to_others(sleigh: Sleigh, tmp_path: Path, patient: int) -> None:
    arguments = [tmp_path, patient, 10]
    assert sleigh.eachElem(wait_for_all, range(10), arguments, chunkSize=10) == list(range(10))


def test_tasks_that_were_taken_ahead_go_to_others(sleigh: Sleigh, tmp_path: Path) -> None:
    """Short tasks are taken many at a time, before anybody knows that one of them is long."""
    arguments = [tmp_path, 700, 1000]
    assert sleigh.eachElem(wait_for_all, range(1000), arguments, chunkSize=1) == list(range(1000))


def test_results_of_the_same_task_do_not_wait(sleigh: Sleigh, tmp_path: Path) -> None:
    arrived: list[int] = []

    def accumulate(values: list[int], tags: list[int]) -> None:
        arrived.extend(values)
        if len(arrived) == 9:
            (tmp_path / "nine have arrived").touch()

    sleigh.eachElem(
        wait_for_all, range(10), [tmp_path, 9, 11], chunkSize=10, accumulator=accumulate
    )
    assert sorted(arrived) == list(range(10))
    assert arrived[-1] == 9


def test_a_task_that_was_cut_and_whose_worker_dies(sleigh: Sleigh, tmp_path: Path) -> None:
    """What was given away, and what was sent, is not done again."""

    def wait_and_die(element: int, folder: Path) -> int:
        if element == 3:
            until(lambda: len(list(folder.glob("* of *"))) >= 9, "the other elements", within=20)
            # Others may be that quick before this worker knows that it has given anything away.
            (handback,) = (each for each in threading.enumerate() if isinstance(each, Handback))
            until(lambda: not handback.has_waiting(), "the end of the cut")
            die("SIGKILL")
        return count_runs(element, (), "", folder)

    results = sleigh.eachElem(wait_and_die, range(10), tmp_path, chunkSize=10)
    assert [n for n in range(10) if results[n] == 10 * n] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert isinstance(results[3], SleighTaskException)
    runs = [path.name for path in tmp_path.iterdir()]
    assert sorted(runs) == sorted(f"first run 0 of {n}" for n in range(10) if n != 3)
