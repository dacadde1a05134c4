"""The numbers that a worker and its supervisor share."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.sleigh.shared.messages import NO_ELEMENT, control_from_wire
from nws.sleigh.shared.status_cells import (
    IDLE,
    INITIALIZING,
    LOADING,
    MAX_CANCELLED,
    RUNNING,
    WAITING,
    StatusCells,
)

NUMBERS = st.integers(1, 50)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_they_are_shared_with_a_fork() -> None:
    cells = StatusCells()
    pid = os.fork()
    if pid == 0:
        cells.begin_task(7, 8, 100, 5)
        cells.keep(101, 104)
        cells.begin_element(102)
        os._exit(0)
    os.waitpid(pid, 0)
    assert (cells.call, cells.lease, cells.first, cells.size) == (7, 8, 100, 5)
    assert (cells.begin, cells.end, cells.element) == (101, 104, 102)
    assert (cells.state, cells.is_busy) == (RUNNING, True)
    assert cells.since > 0


def test_a_new_worker_begins_with_no_element() -> None:
    cells = StatusCells()
    assert (cells.state, cells.element, cells.call) == (IDLE, NO_ELEMENT, 0)
    cells.begin_task(7, 8, 100, 5)
    cells.begin_element(3)
    cells.barrier = 7
    cells.tasks_done, cells.elements_done = 2, 9
    cells.drop(0, [5])
    cells.reset()
    assert (cells.state, cells.element, cells.call, cells.since) == (IDLE, NO_ELEMENT, 0, 0)
    assert (cells.barrier, cells.tasks_done, cells.elements_done) == (7, 2, 9)
    assert cells.is_dropped(5)


@given(NUMBERS, st.lists(NUMBERS))
def test_dropped_calls(floor: int, cancelled: list[int]) -> None:
    cells = StatusCells()
    assert not any(map(cells.is_dropped, range(1, 60)))
    cells.drop(floor, cancelled)
    for call in range(1, 60):
        assert cells.is_dropped(call) == (call < floor or call in cancelled)


def test_a_call_that_was_cancelled_may_come_under_the_floor() -> None:
    cells = StatusCells()
    cells.drop(1, [3, 5])
    assert cells.is_dropped(3)
    cells.drop(4, [5])
    assert [call for call in range(1, 9) if cells.is_dropped(call)] == [1, 2, 3, 5]


def test_the_newest_cancelled_calls_are_known() -> None:
    cells = StatusCells()
    cells.drop(0, range(1, 2 * MAX_CANCELLED + 1))
    known = [call for call in range(1, 3 * MAX_CANCELLED) if cells.is_dropped(call)]
    assert known == list(range(MAX_CANCELLED + 1, 2 * MAX_CANCELLED + 1))


@pytest.mark.parametrize("state", [IDLE, LOADING, RUNNING, WAITING, INITIALIZING])
def test_what_runs_for_a_dropped_call(state: int) -> None:
    cells = StatusCells()
    cells.begin_task(7, 8, 0, 1)
    cells.begin_element(0, state)
    assert not cells.runs_dropped
    cells.drop(0, [7])
    assert cells.runs_dropped == (state in (LOADING, RUNNING, INITIALIZING))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ((3, (), ()), (3, (), ())),
        ((0, (5, 7), ()), (0, (5, 7), ())),
        ((0, (), (("a", (1, 2)), ("b", ()))), (0, (), (("a", (1, 2)), ("b", ())))),
        ((3, [5], ()), None),
        ((3, ()), None),
        ((True, (), ()), None),
        ((3, (2**63,), ()), None),
        ((-1, (), ()), None),
        ((0, (), (("a", [1]),)), None),
        ((0, (), ((1, (1,)),)), None),
        ((0, (), (("a", (-1,)),)), None),
        ((0, (), (("a", (True,)),)), None),
        ("ab", None),
        (None, None),
    ],
)
def test_what_the_master_says_of_dropped_calls(value: object, read: object) -> None:
    assert control_from_wire(value) == read
