"""Tasks and outcomes: what cannot be pickled or read is the task's error."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import pytest

from nws.errors import NwsPicklingException
from nws.masterslave import TaskRaisedException
from nws.masterslave.tasks import Outcome, TaskRequest, pack, pack_exception
from tests.masterslave.conftest import Unreadable


class OddError(Exception):
    """Can neither be read again nor be shown."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)

    def __str__(self) -> NoReturn:
        raise ValueError("not shown")


def test_what_is_packed_is_the_same_again() -> None:
    task = TaskRequest("a_0", "a", pack((1, "x", b"y" * 100_000), "it"))
    assert task.parameters == (1, "x", b"y" * 100_000)
    assert Outcome("a_0", "a", pack([1], "it"), None).result() == [1]


def test_what_cannot_be_pickled_is_named() -> None:
    with pytest.raises(NwsPicklingException, match="the result cannot be pickled") as raised:
        pack(lambda: None, "the result")
    assert raised.value.exception is raised.value.__cause__ is not None


def test_a_result_that_cannot_be_read() -> None:
    with pytest.raises(TaskRaisedException, match="its result cannot be read here") as raised:
        Outcome("a_0", "a", pack(Unreadable(), "it"), None).result()
    assert raised.value.task_id == "a_0"
    assert isinstance(raised.value.exception, ValueError)


class Exits(Exception):
    """Ends the program that unpickles it."""

    def __reduce__(self) -> Any:
        return sys.exit, (3,)


def test_what_ends_its_reader_is_the_error_of_its_task() -> None:
    with pytest.raises(TaskRaisedException, match="cannot be read here: SystemExit: 3"):
        Outcome("a_0", "a", pack(Exits(), "it"), None).result()
    with pytest.raises(TaskRaisedException) as raised:
        Outcome("a_0", "a", pack_exception(Exits()), "text").result()
    assert isinstance(raised.value.exception, RuntimeError)


class EndsItsPickler(Exception):
    """Raises what ends a program when it is pickled."""

    def __init__(self, end: BaseException) -> None:
        self.end = end

    def __reduce__(self) -> Any:
        raise self.end


@pytest.mark.parametrize("end", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_its_pickler_cannot_be_pickled(end: BaseException) -> None:
    with pytest.raises(NwsPicklingException, match=type(end).__name__) as raised:
        pack(EndsItsPickler(end), "it")
    assert raised.value.exception is end
    with pytest.raises(TaskRaisedException, match="text") as task:
        Outcome("a_0", "a", pack_exception(EndsItsPickler(end)), "text").result()
    assert isinstance(task.value.exception, RuntimeError)


def test_an_exception_that_cannot_be_read_keeps_its_traceback() -> None:
    with pytest.raises(TaskRaisedException, match="the traceback") as raised:
        Outcome("a_0", "a", pack(Unreadable(), "it"), "the traceback").result()
    assert raised.value.traceback == "the traceback"


@pytest.mark.parametrize("error", [OddError("1", "2"), ValueError(lambda: None)])
def test_an_exception_that_cannot_travel_is_replaced_by_a_text(error: Exception) -> None:
    with pytest.raises(TaskRaisedException) as raised:
        Outcome("a_0", "a", pack_exception(error), "text").result()
    assert isinstance(raised.value.exception, RuntimeError)
    assert type(error).__name__ in str(raised.value.exception)


class BecomesNumberError(Exception):
    """What arrives of it is no exception."""

    def __reduce__(self) -> Any:
        return int, (5,)


def test_what_would_arrive_as_no_exception_is_replaced_by_its_text() -> None:
    outcome = Outcome("a_0", "a", pack_exception(BecomesNumberError("no station")), "Traceback ...")
    with pytest.raises(TaskRaisedException) as raised:
        outcome.result()
    assert isinstance(raised.value.exception, RuntimeError)
    assert "no station" in str(raised.value.exception)
