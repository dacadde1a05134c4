"""How many elements took how long, in cells that do not grow."""

from __future__ import annotations

import pytest

from nws.sleigh.shared.durations import durations_in, durations_of
from nws.sleigh.shared.spans import Spans
from nws.sleigh.shared.status_cells import StatusCells


def durations_after(*tasks: tuple[int, int]) -> dict[float, int]:
    """Return what is counted after tasks: how many elements, and nanoseconds."""
    cells = StatusCells()
    for size, took in tasks:
        Spans(cells).add(1, 0, size, 0, took)
    return durations_in(cells)


def test_nothing_yet() -> None:
    assert durations_in(StatusCells()) == {}


def test_each_cell_is_twice_as_wide_as_the_one_before() -> None:
    tasks = [(1, 0), (1, 1), (1, 1023), (1, 1024), (1, 2047), (1, 2048)]
    assert durations_after(*tasks) == {1e-9: 1, 2e-9: 1, 1.024e-6: 1, 2.048e-6: 2, 4.096e-6: 1}


def test_elements_of_a_task_count_with_their_mean() -> None:
    assert durations_after((100, 100_000), (1, 1000)) == {1.024e-6: 101}


def test_a_task_that_was_given_back_before_it_was_begun_does_not_count() -> None:
    assert durations_after((0, 5000)) == {}


def test_the_longest_time_has_a_cell() -> None:
    assert durations_after((1, 2**63 - 1)) == {2**63 / 1e9: 1}


def test_a_new_worker_goes_on_counting() -> None:
    cells = StatusCells()
    Spans(cells).add(1, 0, 1, 0, 1000)
    cells.reset()
    Spans(cells).add(1, 0, 1, 0, 1000)
    assert durations_in(cells) == {1.024e-6: 2}


@pytest.mark.parametrize("rows", [None, 5, {}, "x", [None, [1.0], [1.0, 2.0], [1, 2], ["x", 1]]])
def test_what_is_no_report_of_durations_is_left_out(rows: object) -> None:
    assert durations_of(rows) == {}
    assert durations_of([rows, [0.5, 3]]) == {0.5: 3}
