"""Workers that are killed because somebody asks their supervisor for that."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighTaskException
from tests.sleigh.functions import arrive
from tests.support.deadly import times_ten
from tests.support.processes import Aside, runs, until, until_file
from tests.support.sleighs import until_replaced, workers_that_answer


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Two workers of one supervisor."""
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh


def request(sleigh: Sleigh, *requests: Any) -> None:
    """Ask the supervisor for something."""
    (id,) = {info["id"] for info in sleigh.workerInfo()}
    for each in requests:
        sleigh.nws.store(f"kill {id}", each)


def test_its_element_is_run_again(sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(sleigh.eachElem, arrive, [0], [tmp_path]))
    note = tmp_path / "0"
    pid = int(until_file(note))
    note.unlink()
    request(sleigh, str(pid))
    until(lambda: note.exists() and int(until_file(note)) != pid, "the element is run again")
    assert not runs(pid)
    (tmp_path / "go").touch()
    assert call.result() == [0]


def test_an_element_whose_workers_are_killed_three_times_is_an_error_that_says_so(
    sleigh: Sleigh, tmp_path: Path
) -> None:
    call = Aside(partial(sleigh.eachElem, arrive, [0], [tmp_path]))
    for _ in range(3):
        note = tmp_path / "0"
        pid = until_file(note)
        note.unlink()
        request(sleigh, pid)
    (error,) = call.result()
    assert isinstance(error, SleighTaskException)
    assert "killed on request, as by `nws sleigh kill` (3 times)" in str(error)


def test_a_worker_that_is_idle_is_replaced(sleigh: Sleigh) -> None:
    former = workers_that_answer(sleigh)
    request(sleigh, str(former[0]))
    until_replaced(sleigh, former[0])
    found = workers_that_answer(sleigh)
    assert found[0] not in former
    assert found[1] == former[1]


def test_requests_that_come_early_and_often_end_no_supervisor(sleigh: Sleigh) -> None:
    for _ in range(6):
        former = workers_that_answer(sleigh)
        request(sleigh, *map(str, former))
        for pid in former:
            until_replaced(sleigh, pid)
    assert sleigh.eachElem(times_ten, range(3)) == [0, 10, 20]


def test_what_is_no_request_kills_nobody(sleigh: Sleigh) -> None:
    former = workers_that_answer(sleigh)
    request(sleigh, "0", "1", "-1", "", "x", former[0], str(former[0]).encode(), None, [], "9" * 99)
    assert workers_that_answer(sleigh) == former
