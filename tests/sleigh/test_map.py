"""`map`: as the builtin one, in parallel."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException, SleighTaskException


@pytest.mark.parametrize(
    ("fun", "iterables"),
    [
        (abs, [range(-3, 0)]),
        (pow, [[2, 3, 4], (1, 2)]),
        (sum, [[(1, 2), (3, 4)]]),
        (str.upper, ["abc"]),
        (len, [{"a": 1, "bc": 2}]),
        (abs, [[]]),
        (operator.add, [[1, 2], [3, 4, 5]]),
    ],
)
def test_it_gives_what_the_builtin_gives(
    sleigh: Sleigh, fun: Callable[..., Any], iterables: list[Iterable[Any]]
) -> None:
    assert sleigh.map(fun, *iterables) == list(map(fun, *iterables))


def test_iterators(sleigh: Sleigh) -> None:
    assert sleigh.map(pow, iter([2, 3]), itertools.islice(itertools.count(2), 5)) == [4, 27]


def test_the_first_failure_is_raised(sleigh: Sleigh) -> None:
    with pytest.raises(SleighTaskException, match="element 1 failed") as caught:
        sleigh.map(operator.truediv, [1, 2], [1, 0])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_failures_are_returned_on_request(sleigh: Sleigh) -> None:
    first, second = sleigh.map(operator.truediv, [1, 2], [1, 0], errors="return")
    assert first == 1
    assert isinstance(second.__cause__, ZeroDivisionError)


def test_a_text_is_an_expression(sleigh: Sleigh) -> None:
    assert sleigh.map("SleighArguments[0] + 1", [1, 2], type="eval") == [2, 3]


def test_options(sleigh: Sleigh) -> None:
    seen: list[tuple[int, int | None]] = []
    values = sleigh.map(
        abs,
        range(4),
        chunkSize=2,
        timeout=60,
        retries=1,
        seed=7,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert values == [0, 1, 2, 3]
    assert seen[-1] == (4, 4)


def test_bad_input(sleigh: Sleigh) -> None:
    with pytest.raises(SleighIllegalValueException, match="errors='ignore'"):
        sleigh.map(abs, [1], errors="ignore")
    with pytest.raises(TypeError, match="not iterable"):
        sleigh.map(abs, 5)  # type: ignore[arg-type]
    assert sleigh.map(abs, [-1]) == [1], "the sleigh is free"
