"""What tasks are made of the forms in which arguments may be given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nws.sleigh import SleighIllegalValueException
from nws.sleigh.master.arguments import fixed_arguments, task_arguments


def generated() -> Iterator[int]:
    yield from (1, 2, 3)


class ByIndex:
    """Iterable in the oldest way only; Python does not count it among the iterables."""

    def __getitem__(self, index: int) -> int:
        return [1, 2][index]


BY_INDEX = ByIndex()

FORMS = {
    "a list of lists": ([[1, 2], [3, 4]], [(1, 3), (2, 4)]),
    "a list of one list": ([[1, 2]], [(1,), (2,)]),
    "a list of ranges": ([range(2), range(2, 0, -1)], [(0, 2), (1, 1)]),
    "a list of different iterables": ([(1, 2), {"a": 0, "b": 0}], [(1, "a"), (2, "b")]),
    "a bare list": ([1, 2], [(1,), (2,)]),
    "a bare range": (range(3), [(0,), (1,), (2,)]),
    "a bare tuple": ((1, 2), [(1,), (2,)]),
    "a tuple of tuples, which is no list": (((1, 2), (3, 4)), [((1, 2),), ((3, 4),)]),
    "a bare dict": ({"a": 1, "b": 2}, [("a",), ("b",)]),
    "a generator": (generated(), [(1,), (2,), (3,)]),
    "a list of generators": ([generated(), generated()], [(1, 1), (2, 2), (3, 3)]),
    "a list of strings": (["ab", "cd"], [("ab",), ("cd",)]),
    "a list of bytes": ([b"ab", b"cd"], [(b"ab",), (b"cd",)]),
    "a list of a list of strings": ([["ab", "cd"]], [("ab",), ("cd",)]),
    "a string": ("ab", [("ab",)]),
    "bytes": (b"ab", [(b"ab",)]),
    "a list of None": ([None, None], [(None,), (None,)]),
    "what Python does not call an iterable": ([BY_INDEX], [(BY_INDEX,)]),
    "the first is the shortest": ([[1], [2, 3]], [(1, 2)]),
    "the last is the shortest": ([[1, 2], [3]], [(1, 3)]),
    "one without end": ([itertools.count(), ["ab"]], [(0, "ab")]),
    "one that is empty": ([[1, 2], []], []),
    "an empty list": ([], []),
    "a list of an empty list": ([[]], []),
    "an empty tuple": ((), []),
    "an empty range": (range(0), []),
}


@pytest.mark.parametrize("form", FORMS)
def test_element_arguments(form: str) -> None:
    given, expected = FORMS[form]
    assert list(task_arguments(given)) == expected


def test_arrays() -> None:
    assert list(task_arguments(np.arange(3))) == [(0,), (1,), (2,)]
    assert list(task_arguments([np.arange(2), np.ones(9)])) == [(0, 1.0), (1, 1.0)]
    (row,), _ = task_arguments(np.eye(2))
    np.testing.assert_array_equal(row, [1.0, 0.0])
    assert list(task_arguments(np.empty(0))) == []


@pytest.mark.parametrize("given", [5, None, 1.5, [range(3), 5], [range(3), "ab"], [[1], b"ab"]])
def test_what_does_not_vary_is_refused(given: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match="is not an iterable of arguments"):
        task_arguments(given)


def test_elements_are_taken_one_by_one() -> None:
    tasks = task_arguments(itertools.count())
    assert [next(tasks), next(tasks)] == [(0,), (1,)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2], [1, 2]),
        ((1, 2), [1, 2]),
        ([], []),
        ((), []),
        (5, [5]),
        (None, [None]),
        ("ab", ["ab"]),
        ({"a": 1}, [{"a": 1}]),
        (range(2), [range(2)]),
        ([[1, 2]], [[1, 2]]),
    ],
)
def test_fixed_arguments(given: Any, expected: list[Any]) -> None:
    assert fixed_arguments(given) == expected


def test_an_array_is_one_fixed_argument() -> None:
    array = np.arange(3)
    assert fixed_arguments(array)[0] is array
