"""Elements and results of many megabytes: the server takes them, nobody dies of it, and what is
under way stays within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nws.sleigh import Sleigh

MEGABYTE = 1024 * 1024


def deaths(sleigh: Sleigh) -> int:
    """Return how many workers have died."""
    return sum(info["deaths"] for info in sleigh.workerInfo())


@pytest.mark.parametrize(
    ("megabytes", "options"),
    [
        (17, {}),
        (3, {"loadFactor": 2}),
        (3, {"chunkSize": 3}),
        pytest.param(17, {"loadFactor": 2}, marks=pytest.mark.nightly),
        pytest.param(17, {"chunkSize": 3}, marks=pytest.mark.nightly),
    ],
)
def test_heavy_elements(sleigh: Sleigh, megabytes: int, options: dict[str, Any]) -> None:
    """Several of them are more than the server has in memory for one request."""
    heavy = bytes(megabytes * MEGABYTE)
    assert sleigh.eachElem(len, [[heavy] * 5], **options) == [len(heavy)] * 5
    assert list(sleigh.imap(len, [heavy] * 5)) == [len(heavy)] * 5


@pytest.mark.parametrize("megabytes", [2, pytest.param(9, marks=pytest.mark.nightly)])
def test_heavy_results_of_workers_that_take_many_tasks(sleigh: Sleigh, megabytes: int) -> None:
    sleigh.eachElem(abs, range(1000), chunkSize=1)  # as they do from now on
    seen: dict[int, int] = {}

    def accumulate(values: list[bytes], tags: list[int]) -> None:
        seen.update(zip(tags, map(len, values), strict=True))

    before = deaths(sleigh)
    sleigh.eachElem(
        lambda number: bytes(megabytes * MEGABYTE + number),
        range(40),
        chunkSize=1,
        accumulator=accumulate,
    )
    assert seen == {number: megabytes * MEGABYTE + number for number in range(40)}
    assert deaths(sleigh) == before


def test_the_number_of_heavy_tasks_is_bounded(sleigh: Sleigh) -> None:
    read = arrived = most = 0

    def source() -> Iterator[bytes]:
        nonlocal read, most
        for _ in range(200):
            read += 1
            most = max(most, read - arrived)
            yield bytes(300_000)

    def accumulate(values: list[int], tags: list[int]) -> None:
        nonlocal arrived
        arrived += len(values)

    sleigh.eachElem(len, source(), loadFactor=1, accumulator=accumulate)
    assert arrived == read == 200
    assert most <= 8, "two tasks of one element each, and four times as many from a wrong guess"


def test_an_array_that_a_function_uses_again(sleigh: Sleigh) -> None:
    """What it returned is what it was then."""

    def fill(number: int, array: Any) -> Any:
        array[:] = number
        return array

    results = sleigh.eachElem(fill, range(20), [np.zeros(20_000)], chunkSize=5)
    assert [result[0] for result in results] == list(range(20))
    with Sleigh(serial=True) as serial:
        results = serial.eachElem(fill, range(20), [np.zeros(20_000)])
    assert [result[0] for result in results] == list(range(20))
