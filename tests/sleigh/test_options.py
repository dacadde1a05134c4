"""The options that travel with a call: any number that makes sense, and nothing else is sent."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException
from nws.sleigh.master.options import (
    CallOptions,
    checked_factor,
    checked_lease_time,
    checked_name,
    checked_options,
    checked_path,
    checked_permutation,
    checked_wait,
)
from nws.sleigh.shared.messages import Call, Task, task_from_wire, task_to_wire
from tests.sleigh.conftest import Script
from tests.sleigh.functions import echo
from tests.support.deadly import note_and_wait, times_ten
from tests.support.processes import Aside

pytestmark = pytest.mark.usefixtures("programs_on_server")


class Number(int):
    """A number that more is known of."""


class Level(IntEnum):
    HIGH = 3


LONG = [
    None,
    math.inf,
    np.inf,
    Decimal("Infinity"),
    sys.maxsize,
    sys.float_info.max,
    4.7e9,
    9e9,
    1e11,
    10**400,
    Fraction(10**400),
    Decimal("1e400"),
    np.uint64(2**64 - 1),
]
"""Timeouts that never come."""

TIMES = [
    (2, 2.0),
    (0.5, 0.5),
    (1e-300, 1e-9),
    (Decimal("1e-400"), 1e-9),
    (Fraction(1, 10**400), 1e-9),
    (4e9, 4e9),
    (Decimal(2), 2.0),
    (Fraction(1, 4), 0.25),
    (Number(2), 2.0),
    (Level.HIGH, 3.0),
    (np.int8(2), 2.0),
    (np.float32(0.5), 0.5),
    (np.longdouble(2), 2.0),
]

NO_TIMES = [
    0,
    -1,
    -0.0,
    -math.inf,
    -(10**400),
    math.nan,
    Decimal("NaN"),
    Decimal("sNaN"),
    np.float64("nan"),
    Decimal(0),
    Fraction(-1, 2),
    True,
    "2",
    b"2",
    2j,
    timedelta(seconds=2),
    np.timedelta64(2, "s"),
    np.timedelta64(2, "ns"),  # float() makes 2.0 of it
    [2],
    np.array(2.0),
    np.array([2.0]),
    {},
    object(),
    len,
]

NO_WHOLE_NUMBERS = [1.0, 1.5, "1", Decimal(1), math.inf, math.nan, [1], object, np.float64(1)]


@pytest.mark.parametrize("timeout", LONG, ids=repr)
def test_timeouts_that_never_come(timeout: Any) -> None:
    assert checked_options(timeout, 0).timeout == 0.0


@pytest.mark.parametrize(("timeout", "seconds"), TIMES, ids=repr)
def test_timeouts(timeout: Any, seconds: float) -> None:
    checked = checked_options(timeout, 0).timeout
    assert checked == seconds
    assert type(checked) is float


@pytest.mark.parametrize("timeout", NO_TIMES, ids=lambda timeout: type(timeout).__name__)
def test_what_is_no_timeout(timeout: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match=r"timeout=.* is not"):
        checked_options(timeout, 0)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        *((given, seconds) for given, seconds in TIMES if 1 <= seconds < 1e9),
        *((each, 1e9) for each in LONG if each),
    ],
    ids=repr,
)
def test_lease_times(given: Any, seconds: float) -> None:
    checked = checked_lease_time(given)
    assert checked == seconds
    assert type(checked) is float


@pytest.mark.parametrize("given", [None, 0.5, *NO_TIMES], ids=lambda given: type(given).__name__)
def test_what_is_no_lease_time(given: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match=r"lease_time=.* is (not|less)"):
        checked_lease_time(given)


class Lasting(Sleigh):
    lease_time: ClassVar[Any] = math.inf


class Hasty(Sleigh):
    lease_time: ClassVar[Any] = 0


def test_the_lease_time_of_a_sleigh(on_server: dict[str, Any]) -> None:
    with Lasting(**on_server, workerCount=1, workingDir=Path("/")) as sleigh:
        assert Aside(partial(sleigh.eachElem, times_ten, [1])).result() == [10]
    with pytest.raises(SleighIllegalValueException, match="less than a second"):
        Hasty(**on_server)


class Text(str):
    """A text that more is known of."""


@pytest.mark.parametrize(
    "given", ["/a", Path("/a"), Text("/a")], ids=lambda given: type(given).__name__
)
def test_paths(given: Any) -> None:
    checked = checked_path("workingDir", given)
    assert checked == "/a"
    assert type(checked) is str


def test_no_path() -> None:
    assert checked_path("workingDir", None) is None
    for given in (b"/a", 5, ["/a"]):
        with pytest.raises(SleighIllegalValueException, match=r"workingDir=.* is not a path"):
            checked_path("workingDir", given)


@pytest.mark.parametrize("name", ["retries", "seed"])
@pytest.mark.parametrize("given", NO_WHOLE_NUMBERS, ids=repr)
def test_what_is_no_whole_number(name: str, given: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match=f"{name}=.* is not a whole number"):
        checked_options(**{"timeout": None, "retries": 0, name: given})


@pytest.mark.parametrize("number", [0, 3, Number(3), Level.HIGH, np.uint8(3), True, 2**31])
def test_whole_numbers_become_plain(number: Any) -> None:
    options = checked_options(None, number, number)
    assert options == CallOptions(0.0, number, number)
    assert [type(each) for each in options] == [float, int, int, str]
    assert checked_options(None, 0, -5).seed == -5


@pytest.mark.parametrize("number", [0, 2**31, 2**62, 10**400], ids=["0", "31", "62", "more"])
@pytest.mark.parametrize("timeout", [1e-300, 4e9, 4.7e9, 9e9, math.inf])
def test_what_is_checked_is_read_by_workers(timeout: Any, number: int) -> None:
    options = checked_options(timeout, number, number)
    call = Call(1, "function 0", 2, False, *options)
    assert task_from_wire(task_to_wire(Task(call, 0, [1]))) is not None


def test_load_factors() -> None:
    assert checked_factor(Fraction(1, 2)) == 0.5
    assert int(1000 * checked_factor(math.inf)) > 10**12
    assert checked_factor(-math.inf) < 0
    for factor in ("3", np.timedelta64(3, "s")):
        with pytest.raises(
            SleighIllegalValueException, match=r"loadFactor=.* is not a real number"
        ):
            checked_factor(factor)


def test_permutations() -> None:
    permutation = checked_permutation((Number(n) for n in (1, 0, -2)), 2)
    assert permutation == [1, 0, -2]
    assert [type(place) for place in permutation or ()] == [int, int, int]
    for given in (1, ["a"], [1.0]):
        with pytest.raises(SleighIllegalValueException, match="argPermute="):
            checked_permutation(given, 3)
    for place in (3, -4, 10**5000, -(10**5000)):
        with pytest.raises(
            SleighIllegalValueException, match=r"argPermute: item 1 is no place of .* 3 arguments"
        ):
            checked_permutation([0, place], 3)


def test_times_to_wait_for_workers() -> None:
    assert checked_wait(Fraction(1, 2)) == 0.5
    assert checked_wait(10**400) == math.inf
    for timeout in (math.nan, "2", None, np.timedelta64(1, "s")):
        with pytest.raises(SleighIllegalValueException, match=r"timeout=.* is not a real number"):
            checked_wait(timeout)


# In calls


@pytest.mark.nightly(but_each=4)
@pytest.mark.parametrize("timeout", [*LONG, 60, Decimal(60), Number(60), np.float32(60)], ids=repr)
def test_calls_with_a_timeout(sleigh: Sleigh, timeout: Any) -> None:
    assert Aside(partial(sleigh.eachElem, times_ten, [1, 2], timeout=timeout)).result() == [10, 20]
    assert Aside(partial(sleigh.eachWorker, times_ten, 1, timeout=timeout)).result() == [10, 10]


def test_calls_with_numbers_of_other_kinds(sleigh: Sleigh) -> None:
    call = partial(sleigh.eachElem, echo, range(2), ["fixed"])
    options: dict[str, Any] = {
        "retries": Number(1),
        "seed": Number(7),
        "chunkSize": Number(1),
        "loadFactor": math.inf,
        "argPermute": (Number(1), np.int64(0)),
    }
    assert Aside(partial(call, **options)).result() == [("fixed", 0), ("fixed", 1)]


@pytest.mark.parametrize("timeout", [Decimal("0.1"), Fraction(1, 10), np.float32(0.1)], ids=repr)
def test_timeouts_that_come(sleigh: Sleigh, timeout: Any, tmp_path: Any) -> None:
    call = partial(sleigh.eachElem, note_and_wait, [0], [tmp_path], timeout=timeout)
    (failed,) = Aside(call).result()
    assert isinstance(failed.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "call",
    [
        lambda sleigh: sleigh.eachElem(abs, itertools.count(), timeout="2"),
        lambda sleigh: sleigh.eachElem(abs, itertools.count(), seed=1.5),
        lambda sleigh: sleigh.eachElem(abs, itertools.count(), chunkSize=1.5),
        lambda sleigh: sleigh.eachElem(abs, [1], argPermute=[1]),
        lambda sleigh: sleigh.status(timeout=math.nan),
        lambda sleigh: sleigh.eachWorker(abs, 1, timeout=math.nan),
        lambda sleigh: sleigh.imap(abs, itertools.count(), timeout=-1),
        lambda sleigh: sleigh.imap(abs, itertools.count(), seed="x"),
        lambda sleigh: sleigh.imap(abs, itertools.count(), loadFactor="x"),
        lambda sleigh: sleigh.starmap(abs, itertools.repeat([1]), retries=None),
    ],
)
def test_what_is_refused_is_refused_at_once(sleigh: Sleigh, call: Callable[[Sleigh], Any]) -> None:
    with pytest.raises(SleighIllegalValueException):
        Aside(partial(call, sleigh)).result()
    assert sleigh.eachElem(times_ten, [1]) == [10]


OF_MAIN = """
from nws.sleigh import Sleigh

class Seconds(int):
    pass

class Kind(str):
    pass

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        options = dict(timeout=Seconds(60), seed=Seconds(1), chunkSize=Seconds(1))
        print(sleigh.eachElem(abs, [-1, -2], type=Kind("invoke"), **options))
"""


def test_numbers_of_a_class_of_the_main_program(script: Script) -> None:
    assert script(OF_MAIN).stdout == "[1, 2]\n"


@pytest.mark.parametrize("name", ["", "fit", "Anprobe 7%s — größer", 64 * "x"])
def test_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", [65 * "x", "a\nb", " a", "a ", "\u202e", "\ud800", None, 5, b"fit"]
)
def test_no_names(name: object) -> None:
    with pytest.raises(SleighIllegalValueException, match="name="):
        checked_name(name)
