"""`imap` and ``starmap``: results in order, endless inputs, and nothing left behind."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws.sleigh import (
    Sleigh,
    SleighIllegalValueException,
    SleighResultIterator,
    SleighTaskException,
)
from tests.support.deadly import die, note_and_wait, times_ten
from tests.support.processes import until, until_file, until_gone


class Source:
    """An endless iterator that counts what was taken from it."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.taken += 1
        return self.taken - 1


def queued(sleigh: Sleigh) -> int:
    """Return how many tasks there are, leased ones too."""
    listing = sleigh.nws.listVars(format="dict")
    assert isinstance(listing, dict)
    return listing["task"].values + listing["task"].leased


def test_results_come_in_order(sleigh: Sleigh) -> None:
    assert list(sleigh.imap(times_ten, range(500))) == list(range(0, 5000, 10))


def test_several_iterables(sleigh: Sleigh) -> None:
    assert list(sleigh.imap(pow, [2, 3, 4], itertools.repeat(2))) == [4, 9, 16]


def test_argument_lists(sleigh: Sleigh) -> None:
    assert list(sleigh.starmap(pow, iter([[2, 5], (3, 2)]))) == [32, 9]


def test_nothing(sleigh: Sleigh) -> None:
    assert list(sleigh.imap(times_ten, [])) == []
    assert sleigh.eachElem(times_ten, [1]) == [10], "the sleigh is free"


def test_no_limit(sleigh: Sleigh) -> None:
    iterator = sleigh.imap(times_ten, range(3000), loadFactor=0)
    assert iterator.submitted == 3000
    assert sum(iterator) == 10 * sum(range(3000))


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(("factor", "size"), [(10, None), (1, None), (3, 1), (2, 7)])
def test_an_endless_input_is_taken_within_bounds(
    sleigh: Sleigh, factor: int, size: int | None
) -> None:
    source = Source()
    iterator = sleigh.imap(times_ten, source, loadFactor=factor, chunkSize=size)
    bound = factor * 2 * (size or 1)
    for number in range(300):
        assert next(iterator) == 10 * number
        assert source.taken - iterator.returned <= bound
        assert iterator.submitted == source.taken
        assert iterator.returned == number + 1
        assert iterator.buffered <= bound
    iterator.stop()
    assert source.taken - 300 <= bound


def test_a_stop_leaves_nothing(sleigh: Sleigh) -> None:
    iterator = sleigh.imap(times_ten, itertools.count())
    next(iterator)
    iterator.stop()
    assert iterator.stopped
    assert list(iterator) == []
    assert sleigh.eachElem(times_ten, range(20)) == list(range(0, 200, 10))
    # A worker may still be dropping what it had taken.
    until(lambda: queued(sleigh) == 0, "an empty queue")


def test_a_stop_ends_what_runs(sleigh: Sleigh, tmp_path: Path) -> None:
    iterator = sleigh.imap(note_and_wait, range(4), itertools.repeat(tmp_path))
    running = int(until_file(tmp_path / "0"))
    iterator.stop()
    until_gone([running])
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_a_loop_that_is_left_early(sleigh: Sleigh) -> None:
    for result in sleigh.imap(times_ten, itertools.count()):
        if result == 200:
            break
    assert sleigh.eachElem(times_ten, range(20)) == list(range(0, 200, 10))


def test_a_shutdown_submits_no_more(sleigh: Sleigh) -> None:
    source = Source()
    iterator = sleigh.imap(times_ten, source)
    first = [next(iterator) for _ in range(3)]
    iterator.shutdown()
    taken = source.taken
    rest = list(iterator)
    assert source.taken == taken == iterator.submitted == iterator.returned
    assert first + rest == [10 * number for number in range(taken)]
    assert iterator.stopped
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_failures_are_among_the_results(sleigh: Sleigh) -> None:
    one, failed, four = sleigh.imap(lambda number: 4 // number, [4, 0, 1])
    assert (one, four) == (1, 4)
    assert isinstance(failed, SleighTaskException)
    assert isinstance(failed.__cause__, ZeroDivisionError)


def test_a_death_is_among_the_results(sleigh: Sleigh) -> None:
    results = list(sleigh.imap(lambda number: number == 1 and die("SIGKILL"), range(3)))
    assert (results[0], results[2]) == (False, False)
    assert "SIGKILL (3 times)" in str(results[1])


def test_an_input_that_fails(sleigh: Sleigh) -> None:
    def source() -> Iterator[int]:
        yield from range(40)
        raise LookupError("the input ends here")

    iterator = sleigh.imap(times_ten, source())
    assert [next(iterator) for _ in range(40)] == list(range(0, 400, 10)), "as `map` has it"
    with pytest.raises(LookupError, match="ends here"):
        next(iterator)
    assert list(iterator) == []
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_an_argument_that_cannot_be_pickled(sleigh: Sleigh) -> None:
    iterator = sleigh.imap(abs, [1, -2, threading.Lock(), 4])
    assert [next(iterator), next(iterator)] == [1, 2]
    with pytest.raises(SleighIllegalValueException, match="element 2 cannot be pickled"):
        next(iterator)
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_an_interrupted_input_costs_no_result(sleigh: Sleigh) -> None:
    def source() -> Iterator[int]:
        yield from range(100)
        raise KeyboardInterrupt

    seen: list[int] = []
    iterator = sleigh.imap(times_ten, source())
    with pytest.raises(KeyboardInterrupt):
        seen.extend(iterator)
    assert seen == list(range(0, 10 * len(seen), 10))
    seen.extend(iterator)
    assert seen == list(range(0, 10 * len(seen), 10)), "what had arrived"


def test_an_array_that_is_used_again(sleigh: Sleigh) -> None:
    """What was taken from the input is what it was then."""
    array = np.zeros(20_000)

    def source() -> Iterator[Any]:
        for number in range(20):
            array[:] = number
            yield array

    assert list(sleigh.imap(lambda given: given[0], source())) == list(range(20))


def test_an_expression_and_its_type(sleigh: Sleigh) -> None:
    iterator = sleigh.imap("SleighArguments[0] + 1", range(3), type="eval")
    assert isinstance(iterator, SleighResultIterator)
    assert iter(iterator) is iterator
    assert list(iterator) == [1, 2, 3]
