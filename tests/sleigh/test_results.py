"""What `eachElem` returns: the value for each element, in the order of the elements."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException
from tests.sleigh.conftest import Script
from tests.sleigh.functions import Scale, echo, worker
from tests.support import deadly
from tests.support.deadly import times_ten
from tests.support.processes import Aside

# The examples of the user guide, section 3.2


def test_the_guides_first_example(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(abs, range(-10, 0)) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_the_guides_lists_are_added(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(operator.add, [range(10), range(10, 0, -1)]) == [10] * 10


def test_the_guides_fixed_argument(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(operator.add, range(10), 20) == list(range(20, 30))


def test_the_guides_function_of_a_module(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(math.exp, range(10)) == [math.exp(number) for number in range(10)]


# Arguments


def test_the_order_is_that_of_the_elements_not_of_the_ends(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(times_ten, range(500)) == list(range(0, 5000, 10))


def test_fixed_arguments_come_last(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(echo, [[1, 2], ["ab", "cd"]], ["x", None]) == [
        (1, "ab", "x", None),
        (2, "cd", "x", None),
    ]


def test_a_string_is_one_argument(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(echo, ["ab", "cd"], "ef") == [("ab", "ef"), ("cd", "ef")]
    assert sleigh.eachElem(echo, "ab") == [("ab",)]


@pytest.mark.parametrize("nothing", [[], [[]], (), range(0), [[1], []]])
def test_no_elements(sleigh: Sleigh, nothing: Any) -> None:
    assert sleigh.eachElem(times_ten, nothing) == []


def test_elements_left_out(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(times_ten) == []


def test_arrays_travel_both_ways(sleigh: Sleigh) -> None:
    rows = sleigh.eachElem(np.multiply, [np.eye(3)], [np.arange(3.0)])
    np.testing.assert_array_equal(rows, np.diag(np.arange(3.0)))
    large = np.random.default_rng(1).random((300, 300))
    (result,) = sleigh.eachElem(np.transpose, [[large]])
    np.testing.assert_array_equal(result, large.T)


def test_results_of_all_kinds(sleigh: Sleigh) -> None:
    things = [None, 0, "", b"", 1.5, 2 + 3j, "ä\ud800", {1: {2}}, [()], math, int, ..., 10**1000]
    assert sleigh.eachElem(echo, [things]) == [(thing,) for thing in things]


def test_a_generator_of_elements_may_fail(sleigh: Sleigh) -> None:
    def elements() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        sleigh.eachElem(times_ten, elements())
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_arguments_that_cannot_be_pickled(sleigh: Sleigh) -> None:
    def elements() -> Iterator[int]:
        yield 1

    with pytest.raises(SleighIllegalValueException, match="element 1 cannot be pickled"):
        sleigh.eachElem(times_ten, [[1, elements()]])
    with pytest.raises(SleighIllegalValueException, match="fixedArgs cannot be pickled"):
        sleigh.eachElem(times_ten, [1, 2], elements())
    with pytest.raises(SleighIllegalValueException, match=r"^the function cannot be pickled"):
        sleigh.submit(functools.partial(echo, Lock()))
    with pytest.raises(SleighIllegalValueException, match="is not an iterable"):
        sleigh.eachElem(times_ten, 5)
    assert sleigh.eachElem(times_ten, [1]) == [10]


# Functions


def test_an_unbound_builtin_method(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(str.upper, ["a", "b"]) == ["A", "B"]


def test_a_class(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(complex, [[1, 2], [3, 4]]) == [1 + 3j, 2 + 4j]


def test_a_function_of_a_module(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(deadly.times_ten, [1, 2]) == [10, 20]


def test_a_lambda(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(lambda x, y: x - y, [[5, 6], [1, 1]]) == [4, 5]


def test_a_closure(sleigh: Sleigh) -> None:
    table = {1: "one", 2: "two"}

    def name(number: int) -> str:
        return f"{table[number]} of {len(table)}"

    assert sleigh.eachElem(name, [1, 2]) == ["one of 2", "two of 2"]


def test_a_recursive_closure(sleigh: Sleigh) -> None:
    def factorial(number: int) -> int:
        return number * factorial(number - 1) if number else 1

    assert sleigh.eachElem(factorial, range(5)) == [1, 1, 2, 6, 24]


def test_bound_methods(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(Scale(3).apply, [1, 2]) == [3, 6]
    assert sleigh.eachElem("-".join, [[["a", "b"]]]) == ["a-b"]
    assert sleigh.eachElem(Scale.double, [1, 2]) == [2, 4]
    assert sleigh.eachElem(Scale.negate, [1, 2]) == [-1, -2]


def test_an_object_that_can_be_called(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(Scale(4), [1, 2]) == [4, 8]
    assert sleigh.eachElem(functools.partial(pow, 2), [3, 4]) == [8, 16]


def test_a_local_class(sleigh: Sleigh) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

        def moved(self, by: int) -> Point:
            return Point(self.x + by)

    moved = sleigh.eachElem(Point.moved, [[Point(1), Point(2)]], 10)
    assert [point.x for point in moved] == [11, 12]
    assert all(isinstance(point, Point) for point in moved)


# Many calls


def test_each_call_has_its_own_function_and_arguments(sleigh: Sleigh) -> None:
    for factor in range(20):
        assert sleigh.eachElem(Scale(factor).apply, range(4)) == [0, factor, 2 * factor, 3 * factor]


def test_the_same_workers_do_the_next_call(lonely: Sleigh) -> None:
    assert lonely.eachElem(worker, [0]) == lonely.eachElem(worker, [0])


def test_two_thousand_tiny_tasks(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(times_ten, range(2000)) == list(range(0, 20000, 10))


@pytest.mark.nightly
def test_two_sleighs_at_once_each_with_a_server(sleigh: Sleigh, short: Path) -> None:
    with Sleigh(workerCount=1) as other:
        calls = [
            Aside(functools.partial(one.eachElem, times_ten, range(200))) for one in (sleigh, other)
        ]
        assert len(list(short.iterdir())) == 1
        assert [call.result() for call in calls] == 2 * [list(range(0, 2000, 10))]
        assert set(sleigh.eachElem(worker, range(9))).isdisjoint(other.eachElem(worker, [0]))


# Arguments that tasks change


def _add_one(element: int, array: Any) -> float:
    array += 1.0
    return float(array[0])


def _fail_until_changed(array: Any) -> float:
    array += 1.0
    if array[0] < 2:
        raise OSError("once more")
    return float(array[0])


@pytest.mark.parametrize("size", [1000, 100_000])
def test_what_a_call_changes_is_as_it_was_for_the_next(sleigh: Sleigh, size: int) -> None:
    array = np.zeros(size)
    assert [sleigh.eachElem(_add_one, [0], [array]) for _ in range(3)] == [[1.0]] * 3
    assert [sleigh.eachWorker(_add_one, 0, array) for _ in range(3)] == [[1.0, 1.0]] * 3


@pytest.mark.parametrize("size", [1000, 100_000])
def test_what_a_try_changes_is_as_it_was_for_the_next(sleigh: Sleigh, size: int) -> None:
    (failed,) = sleigh.eachElem(_fail_until_changed, [[np.zeros(size)]], retries=3)
    assert isinstance(failed.__cause__, OSError)


@pytest.mark.nightly
@pytest.mark.usefixtures("programs_on_server")
def test_nothing_is_said_when_large_arguments_are_forgotten(script: Script) -> None:
    """What is in a cycle and lends its memory to an array cannot be cleared quietly."""
    script(
        "import gc, numpy as np\n"
        "from nws.sleigh import Sleigh\n"
        "a = np.zeros(100_000)\n"
        "def fail(a): raise ValueError('x')\n"
        "with Sleigh(workerCount=1) as s:\n"
        "    for _ in range(5):\n"
        "        s.eachElem(fail, [[a]], retries=3)\n"
        "        s.eachElem(lambda a: 1, [[a, a, a]], chunkSize=3)\n"
        "        s.eachWorker(lambda a: a, a)\n"
        "        s.eachElem('import gc; gc.collect()', [1])\n"
        "        gc.collect()\n"
    )
