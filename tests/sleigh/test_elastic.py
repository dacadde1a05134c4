"""How many workers there are to be: rules, without any process."""

from __future__ import annotations

from typing import Any

import pytest

from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.worker_range import WorkerRange, worker_range
from nws.sleigh.master.elastic import Load, Policy


def test_it_grows_with_what_waits() -> None:
    policy = Policy(2, 40, 100.0)
    assert policy.wanted(Load(1, 2), 2, 101.0) == 3
    assert policy.wanted(Load(100, 3), 3, 102.0) == 6
    assert policy.wanted(Load(100, 6), 30, 103.0) == 40
    assert policy.wanted(Load(100, 40), 40, 104.0) == 40


def test_it_shrinks_by_what_was_idle_all_the_time() -> None:
    policy = Policy(2, 40, 100.0)
    assert policy.wanted(Load(0, 7), 40, 110.0) == 40
    assert policy.wanted(Load(0, 0), 40, 129.0) == 40
    assert policy.wanted(Load(0, 3), 40, 130.0) == 7
    assert policy.wanted(Load(0, 0), 7, 159.0) == 7
    assert policy.wanted(Load(0, 0), 7, 160.0) == 2


def test_it_does_not_shrink_soon_after_something_has_waited() -> None:
    policy = Policy(1, 40, 100.0)
    assert policy.wanted(Load(1, 40), 40, 129.0) == 40
    assert policy.wanted(Load(0, 0), 40, 131.0) == 40
    assert policy.wanted(Load(0, 0), 40, 158.0) == 40
    assert policy.wanted(Load(0, 0), 40, 159.0) == 1


def test_more_workers_than_the_range_has_stay_as_long_as_they_work() -> None:
    """Somebody has called `scale`."""
    policy = Policy(2, 4, 100.0)
    assert policy.wanted(Load(5, 10), 10, 101.0) == 10
    assert policy.wanted(Load(0, 10), 10, 140.0) == 10
    assert policy.wanted(Load(0, 0), 10, 141.0) == 10


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (3, WorkerRange(3, 3, False)),
        ((2, 40), WorkerRange(2, 40, True)),
        ((5, 5), WorkerRange(5, 5, True)),
    ],
)
def test_a_number_or_a_range_of_workers(given: Any, found: WorkerRange) -> None:
    assert worker_range(given) == found


@pytest.mark.parametrize("given", [0, -1, "x", 2.5, (1,), (1, 2, 3), (0, 2), (3, 2), (1, "x")])
def test_no_number_of_workers(given: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match="workerCount="):
        worker_range(given)
