"""Tasks of several calls in the hands of the same workers, which know nothing of the master."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh.shared.functions import APPLY
from nws.sleigh.shared.messages import BARRIER, CONTROL, Failure
from nws.sleigh.shared.status_cells import StatusCells
from tests.sleigh.functions import arrive, echo, random_numbers
from tests.support.deadly import count_runs, is_first, note_and_wait
from tests.support.processes import until, until_file, until_gone
from tests.support.server import Server
from tests.support.workers import Workers


@pytest.fixture
def one(server: Server) -> Iterator[Workers]:
    with Workers(server.port) as workers:
        yield workers


@pytest.fixture
def two(server: Server) -> Iterator[Workers]:
    with Workers(server.port, 2) as workers:
        yield workers


# Dropped calls


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(
    ("floor", "cancelled", "dropped"), [(0, (2,), {2}), (3, (), {1, 2}), (2, (3, 5), {1, 3})]
)
def test_tasks_of_dropped_calls_are_skipped(
    one: Workers, floor: int, cancelled: tuple[int, ...], dropped: set[int]
) -> None:
    one.submit((one.call(6, _wait_until_dropped), [max(dropped)]))
    calls = [one.call(number, echo) for number in range(1, 5)]
    one.submit(*[(call, [0]) for call in calls])
    one.submit((last := one.call(7, echo), [0]))
    one.drop(floor, *cancelled)
    assert one.values(last, 1) == [(0,)]
    outcomes = {call.number: one.values(call, 1)[0] for call in calls}
    assert {number for number, each in outcomes.items() if isinstance(each, Failure)} == dropped
    assert one.died == []


def _wait_until_dropped(call: int) -> None:
    """Keep the worker busy until its supervisor has told it that a call is dropped."""
    (cells,) = (each for each in gc.get_objects() if isinstance(each, StatusCells))
    until(lambda: cells.is_dropped(call), "the call is dropped")


def test_only_who_runs_an_element_of_a_dropped_call_is_killed(two: Workers, tmp_path: Path) -> None:
    going_on, dropped = (
        two.call(1, arrive, fixed=[tmp_path]),
        two.call(2, note_and_wait, fixed=[tmp_path]),
    )
    two.submit((going_on, ["going on"]))
    pid = int(until_file(tmp_path / "going on"))
    two.submit((dropped, ["dropped"]))
    other = int(until_file(tmp_path / "dropped"))
    two.submit((dropped, ["waiting"]))
    two.drop(0, 2)
    until_gone([other])
    (tmp_path / "go").touch()
    assert two.values(going_on, 1) == ["going on"]
    assert pid in two.pids()
    after = two.call(3, echo)
    two.submit((after, [1]), (after, [2]))
    assert two.values(after, 2) == [(1,), (2,)]
    assert not (tmp_path / "waiting").exists()
    assert [type(each) for each in two.values(dropped, 2)] == [Failure, Failure]
    assert (two.deaths(dropped), two.died) == ([], [])


@pytest.mark.nightly(but_each=5)
@pytest.mark.parametrize(
    "junk", ["junk", 3, None, (1,), (1, 2), (1, ("x",)), (-1, ()), (2**70, ())]
)
def test_junk_in_the_variables_that_control_workers(one: Workers, junk: Any) -> None:
    call = one.call(1, os.getpid, kind=APPLY)
    one.nws.store(CONTROL, junk)
    one.nws.store(BARRIER, junk)
    one.submit((call, [((), {})]))
    one.submit((one.call(2, "SleighRank", kind="eval", everyone=1), [()]))
    one.nws.store(BARRIER, 2)
    one.submit((call, [((), {})]))
    assert one.values(call, 2) == [one.pids()[0]] * 2


# Deaths


def test_the_death_of_one_call_costs_another_one_nothing(one: Workers, tmp_path: Path) -> None:
    """The worker holds tasks of three calls when it dies."""
    deadly = one.call(1, count_runs, fixed=[{0}, "SIGKILL", tmp_path])
    other, third = one.call(2, echo), one.call(3, echo)
    tasks = [(other, [n, n]) for n in range(5)]
    one.submit_at_once(0, *tasks, (deadly, [0]), (third, range(20)), *tasks, (deadly, [1]))
    assert one.values(other, 20) == [(n,) for n in [*range(5), *range(5)] for _ in range(2)]
    assert one.values(third, 20) == [(n,) for n in range(20)]
    failure, value = one.values(deadly, 2)
    assert isinstance(failure, Failure)
    assert "each of the 3 workers" in failure.text
    assert value == 10
    assert [(death.call, death.element) for death in one.deaths(deadly)] == [(1, 0)] * 3
    assert one.deaths(other) == one.deaths(third) == []
    assert set(one.died) == {1}


def test_each_calls_deaths_are_counted_apart(one: Workers, tmp_path: Path) -> None:
    """The elements have the same number, and each costs two workers their lives."""
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    calls = [
        one.call(number, count_runs, fixed=[{0}, "exit status 7", folder, 2])
        for number, folder in enumerate(folders, 1)
    ]
    one.submit(*[(call, [0]) for call in calls])
    for call in calls:
        assert one.values(call, 1) == [0]
        assert {(death.call, death.element) for death in one.deaths(call)} == {(call.number, 0)}
        assert len(one.deaths(call)) == 2


def test_timeouts_and_retries_are_those_of_each_task(one: Workers, tmp_path: Path) -> None:
    hanging = one.call(1, note_and_wait, fixed=[tmp_path], timeout=0.2)
    failing, fine = one.call(2, _fail_twice, fixed=[tmp_path], retries=2), one.call(3, _fail_twice)
    patient = one.call(4, echo)
    one.submit_at_once(
        0, (failing, ["retried"]), (fine, ["fine"]), (hanging, ["hanging"]), (patient, [4])
    )
    assert one.values(failing, 1) == ["retried"]
    assert one.values(fine, 1) == ["fine"]
    assert one.values(patient, 1) == [(4,)]
    (overdue,) = one.values(hanging, 1)
    assert overdue.text.startswith("it took longer than timeout=0.2 seconds")
    assert "in note_and_wait" in overdue.text
    assert "in _run_elements" not in overdue.text, "frames of ours are left out"


def _fail_twice(name: str, folder: Path | None = None) -> str:
    if folder is not None and (is_first(folder, 1) or is_first(folder, 2)):
        raise ValueError(name)
    return name


# Functions


class _CountsLoads:
    """A function that leaves a note each time it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        assert any(is_first(self.folder, load) for load in range(1000))

    def __call__(self, element: int, *fixed: Any) -> int:
        return element

    def loads(self) -> int:
        return len(list(self.folder.iterdir()))


def test_what_a_function_carries_is_loaded_for_each_call(one: Workers, tmp_path: Path) -> None:
    fun = _CountsLoads(tmp_path)
    calls = [one.call(number, fun) for number in range(1, 11)]
    one.submit(*[(call, [call.number]) for call in calls])
    assert [one.values(call, 1) for call in calls] == [[n] for n in range(1, 11)]
    assert fun.loads() == 10


def test_fixed_arguments_are_loaded_for_each_call(one: Workers) -> None:
    """One call may change them; the next one gets them as they were sent."""
    calls = [one.call(number, _append, fixed=[[]], keywords={"more": []}) for number in range(1, 4)]
    for call in calls:
        one.submit((call, [0]))
        assert one.values(call, 1) == [(1, 1)]


def _append(element: int, items: list[int], *, more: list[int]) -> tuple[int, int]:
    items.append(element)
    more.append(element)
    return len(items), len(more)


def test_random_numbers_of_many_calls(one: Workers) -> None:
    """They depend on the seed and the element alone, whichever calls come between them."""
    seeded = [
        one.call(number, random_numbers, seed=seed) for number, seed in [(1, 7), (2, 8), (4, 7)]
    ]
    unseeded = one.call(3, random_numbers)
    one.submit((seeded[0], [0]), (seeded[1], [0]), (unseeded, [0]), (seeded[2], [0]))
    first, second, again = (one.values(call, 1)[0] for call in seeded)
    (free,) = one.values(unseeded, 1)
    assert first == again
    assert not set(first) & set(second)
    assert free[2] is None
    assert not set(free) & set(first)


def test_keywords_and_pairs_of_arguments(one: Workers) -> None:
    fixed, keywords = [3], {"key": 4}
    invoked = one.call(1, _arguments, fixed=fixed, keywords=keywords)
    applied = one.call(2, _arguments, kind=APPLY, fixed=fixed, keywords=keywords)
    one.submit((invoked, [(1, 2)]), (applied, [((1,), {}), ((1, 2), {"key": 5, "more": 6})]))
    assert one.values(invoked, 1) == [((1, 2, 3), {"key": 4})]
    assert one.values(applied, 2) == [
        ((1, 3), {"key": 4}),
        ((1, 2, 3), {"key": 5, "more": 6}),
    ]


def _arguments(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs
