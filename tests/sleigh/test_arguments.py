"""What tasks are made of the forms in which arguments may be given."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections import ChainMap, OrderedDict, UserDict, UserString, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from email import message_from_string
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from nws.sleigh import SleighIllegalValueException
from nws.sleigh.master.arguments import columns_of, count_of, elements_of, fixed_arguments


def arguments_of(given: Any) -> Iterator[tuple[Any, ...]]:
    return elements_of(columns_of(given))


def generated() -> Iterator[int]:
    yield from (1, 2, 3)


class ByIndex:
    """Iterable in the oldest way only; Python does not count it among the iterables."""

    def __getitem__(self, index: int) -> int:
        return [1, 2][index]


BY_INDEX = ByIndex()


class Point(NamedTuple):
    x: int
    y: int


class DataFrame:
    """As pandas has them: iterating gives the names of columns."""

    def __iter__(self) -> Iterator[str]:
        return iter(["x", "y"])


class Shade(Enum):
    """A class that is iterable."""

    DARK = 1
    LIGHT = 2


class GeoDataFrame(DataFrame):
    pass


class Proxy:
    """As a manager of multiprocessing has them for dicts: Python does not count it among these."""

    def __iter__(self) -> Iterator[str]:
        return iter(["x", "y"])

    def keys(self) -> list[str]:
        return ["x", "y"]


class SqlRow(Sequence[int]):
    """As SQLAlchemy has them: they have names, but are no tuples."""

    _fields = ("x", "y")

    def __getitem__(self, index: Any) -> Any:
        return (1, 2)[index]

    def __len__(self) -> int:
        return 2


class Series(Proxy):
    """As pandas has them: with keys, but a column all the same."""

    ndim = 1

    def __len__(self) -> int:
        return 2


def database_row() -> sqlite3.Row:
    with closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        row: sqlite3.Row = database.execute("select 1 as x, 2 as y").fetchone()
        return row


VALUES = [
    {"a": 1, "b": 2},
    {},
    OrderedDict(a=1),
    UserDict(a=1),
    ChainMap({"a": 1}),
    MappingProxyType({"a": 1}),
    {1, 2},
    frozenset((1, 2)),
    "ab",
    np.str_("ab"),
    UserString("ab"),
    b"ab",
    bytearray(b"ab"),
    memoryview(b"ab"),
    Point(1, 2),
    time.gmtime(0),
    os.stat("/"),
    database_row(),
    message_from_string("To: a\nSubject: b\n\n"),
    Proxy(),
    SqlRow(),
    DataFrame(),
    GeoDataFrame(),
    np.array(3),
    np.float64(3),
    None,
    5,
    dict,
    Shade,
    BY_INDEX,
]
"""What is never a column of arguments."""

COLUMNS = [
    [1, 2],
    (1, 2),
    range(2),
    deque([1, 2]),
    np.arange(2),
    np.array(["a", "b"]),
    {"a": 1, "b": 2}.keys(),
    {"a": 1, "b": 2}.items(),
    Series(),
]
"""Columns of arguments."""

FORMS = {
    "a list of lists": ([[1, 2], [3, 4]], [(1, 3), (2, 4)]),
    "a list of one list": ([[1, 2]], [(1,), (2,)]),
    "a list of ranges": ([range(2), range(2, 0, -1)], [(0, 2), (1, 1)]),
    "a list of different iterables": ([(1, 2), {"a": 0, "b": 0}.keys()], [(1, "a"), (2, "b")]),
    "a bare list": ([1, 2], [(1,), (2,)]),
    "a bare range": (range(3), [(0,), (1,), (2,)]),
    "a bare tuple": ((1, 2), [(1,), (2,)]),
    "a tuple of tuples, which is no list": (((1, 2), (3, 4)), [((1, 2),), ((3, 4),)]),
    "the keys of a dict": ({"a": 1, "b": 2}.keys(), [("a",), ("b",)]),
    "a list of different values": ([1, "ab", {"a": 1}], [(1,), ("ab",), ({"a": 1},)]),
    "a list of lists of dicts": ([[{"a": 1}], [{"b": 2}]], [({"a": 1}, {"b": 2})]),
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
    assert list(arguments_of(given)) == expected


def test_arrays() -> None:
    assert list(arguments_of(np.arange(3))) == [(0,), (1,), (2,)]
    assert list(arguments_of([np.arange(2), np.ones(9)])) == [(0, 1.0), (1, 1.0)]
    (row,), _ = arguments_of(np.eye(2))
    np.testing.assert_array_equal(row, [1.0, 0.0])
    assert list(arguments_of(np.empty(0))) == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_never_columns(value: Any) -> None:
    for given in ([value], [value] * 60):
        assert count_of(columns_of(given)) == len(given)
        elements = list(arguments_of(given))
        assert [len(element) for element in elements] == [1] * len(given)
        assert all(element is value for (element,) in elements)
    with pytest.raises(SleighIllegalValueException, match="mixes columns and values"):
        arguments_of([[1, 2], value])


def is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable)


@pytest.mark.parametrize("value", list(filter(is_iterable, VALUES)))
def test_a_value_by_itself_is_one_element(value: Any) -> None:
    assert count_of(columns_of(value)) == 1
    ((element,),) = arguments_of(value)
    assert element is value


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: type(column).__name__)
def test_columns(column: Any) -> None:
    assert list(arguments_of(column)) == [(item,) for item in column]
    assert list(arguments_of([column, column])) == [(item, item) for item in column]
    assert count_of(columns_of(column)) == count_of(columns_of([column, column])) == 2


@pytest.mark.parametrize("given", [5, None, 1.5])
def test_what_is_no_iterable_is_refused(given: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match="is not an iterable of arguments"):
        arguments_of(given)


@pytest.mark.parametrize(
    ("given", "columns", "elements"),
    [
        ([[1, 2], {"a": 1}], "fun(1, 'a')", "fun([1, 2])"),
        ([{"a": 1}, [1, 2]], "fun('a', 1)", "fun({'a': 1})"),
        ([range(3), 5], "fun(0, 5)", "fun(range(0, 3))"),
        ([1, (2, 3)], "fun(1, 2)", "fun(1)"),
        ([[1], b"ab"], "fun(1, 97)", "fun([1])"),
        ([[], "ab"], "fun(None, 'a')", "fun([])"),
        ([generated(), "ab"], "fun(..., 'a')", "fun(<generator"),
        ([[1], Point(3, 4)], "fun(1, Point(x=3, y=4))", "fun([1])"),
        ([["x" * 1000], "ab"], "xxx...xxx", "fun(['xxx"),
    ],
)
def test_a_mixture_shows_the_first_call(given: Any, columns: str, elements: str) -> None:
    with pytest.raises(SleighIllegalValueException) as caught:
        arguments_of(given)
    assert columns in str(caught.value)
    assert f"the first call is {elements}" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_nothing_is_taken_from_what_is_refused() -> None:
    taken = generated()
    with pytest.raises(SleighIllegalValueException):
        arguments_of([taken, 5])
    assert list(taken) == [1, 2, 3]


def test_elements_are_taken_one_by_one() -> None:
    tasks = arguments_of(itertools.count())
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
