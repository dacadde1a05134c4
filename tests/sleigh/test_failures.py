"""Tasks that fail: each is a SleighTaskException in its place, which says why."""

from __future__ import annotations

import logging
import platform
import sys
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException, SleighTaskException
from tests.sleigh.functions import (
    Exits,
    NoException,
    NotPickled,
    NotUnpickled,
    Unreadable,
    call,
    echo,
    fail,
    fail_with_a_cause,
    make,
    make_a_lock,
    worker,
)
from tests.support.deadly import times_ten


@pytest.fixture(autouse=True)
def the_workers_live_on(sleigh: Sleigh) -> Iterator[None]:
    """No failure costs a worker its life."""
    before = sleigh.eachWorker(worker)
    yield
    assert sleigh.eachElem(times_ten, [1, 2]) == [10, 20]
    assert sleigh.eachWorker(worker) == before


def failure(result: Any) -> SleighTaskException:
    """Return the exception object that stands for a failed element."""
    assert isinstance(result, SleighTaskException)
    return result


def test_one_failure_among_results(sleigh: Sleigh) -> None:
    first, failed, last = sleigh.eachElem(lambda number: 6 // number, [1, 0, 2])
    assert (first, last) == (6, 3)
    assert "element 1 failed" in str(failure(failed))
    assert isinstance(failed.__cause__, ZeroDivisionError)


def test_the_text_is_the_remote_traceback(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem(fail, [ValueError], "a reason")
    text = str(failure(failed))
    assert "Traceback (most recent call last)" in text
    assert "functions.py" in text
    assert "in fail" in text
    assert "raise kind(*arguments)" in text
    assert text.rstrip().endswith("ValueError: a reason")
    assert "worker.py" not in text, "the way to the user's function is not the user's concern"


def test_the_text_has_the_cause_of_the_cause(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem(fail_with_a_cause, [0])
    assert "KeyError: 'the origin'" in str(failure(failed))
    assert isinstance(failed.__cause__, RuntimeError)


def test_an_exception_of_a_class_that_workers_cannot_import(sleigh: Sleigh) -> None:
    class Mine(Exception):
        pass

    (failed,) = sleigh.eachElem(fail, [Mine], "a reason")
    assert isinstance(failure(failed).__cause__, Mine)
    assert failed.__cause__.args == ("a reason",)


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        (NotPickled, (), "NotPickled"),
        (NotUnpickled, (3, "times"), "NotUnpickled: times 3"),
        (NoException, ("a reason",), "NoException: a reason"),
    ],
)
def test_an_exception_that_does_not_arrive(
    sleigh: Sleigh, kind: type[Exception], arguments: tuple[Any, ...], says: str
) -> None:
    (failed,) = sleigh.eachElem(fail, [kind], list(arguments))
    assert says in str(failure(failed))
    assert failed.__cause__ is None, "any other exception would mislead"


def test_an_exception_whose_text_fails(sleigh: Sleigh) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    (failed,) = sleigh.eachElem(fail, [Mute])
    assert "Mute" in str(failure(failed))


def test_an_exception_whose_arguments_are_none(sleigh: Sleigh) -> None:
    class Odd(AttributeError):
        args = None  # type: ignore[assignment]

    (failed,) = sleigh.eachElem(fail, [Odd])
    assert "Odd" in str(failure(failed))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_the_end_of_a_task_is_not_the_end_of_the_worker(
    sleigh: Sleigh, kind: type[BaseException]
) -> None:
    failed, result = sleigh.eachElem(
        lambda kind: fail(kind, 3) if kind is not None else "well", [kind, None]
    )
    assert isinstance(failure(failed).__cause__, kind)
    assert failed.__cause__.args == (3,)
    assert result == "well"


def test_too_few_arguments(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem(times_ten, [[1], [2]])
    assert "takes 1 positional argument but 2 were given" in str(failure(failed))
    assert isinstance(failed.__cause__, TypeError)


def test_endless_recursion(sleigh: Sleigh) -> None:
    def deeper(number: int) -> int:
        return deeper(number + 1)

    (failed,) = sleigh.eachElem(deeper, [0])
    assert isinstance(failure(failed).__cause__, RecursionError)


# What cannot be sent


def test_a_result_that_cannot_be_pickled(sleigh: Sleigh) -> None:
    failed, result = sleigh.eachElem(lambda fun: fun(0), [make_a_lock, times_ten])
    assert "the result cannot be pickled" in str(failure(failed))
    assert "lock" in str(failed)
    assert result == 0


def test_a_result_that_the_master_cannot_read(sleigh: Sleigh) -> None:
    failed, result = sleigh.eachElem(make, [Unreadable, int])
    assert "the result of element 0 cannot be read by the master" in str(failure(failed))
    assert isinstance(failed.__cause__, ValueError)
    assert result == 0


def test_arguments_that_the_worker_cannot_read(sleigh: Sleigh) -> None:
    results = sleigh.eachElem(echo, [1, Unreadable(), 3])
    assert (results[0], results[2]) == ((1,), (3,))
    assert "ValueError: this is private" in str(failure(results[1]))
    assert "the arguments cannot be read by the worker" in str(results[1])


CALLS = {
    "eachElem": lambda sleigh, fun, **fixed: sleigh.eachElem(fun, range(100), **fixed),
    "pending": lambda sleigh, fun, **fixed: sleigh.eachElem(
        fun, range(100), blocking=False, **fixed
    ).wait(),
    "imap": lambda sleigh, fun, **_: next(sleigh.imap(fun, range(100))),
    "submit": lambda sleigh, fun, **_: sleigh.submit(fun, 1).result(),
    "eachWorker": lambda sleigh, fun, **_: sleigh.eachWorker(fun, 1),
}


@pytest.mark.parametrize("kind", ["eachElem", "pending"])
def test_fixed_arguments_that_the_worker_cannot_read(sleigh: Sleigh, kind: str) -> None:
    """It is the call's failure, and said once."""
    with pytest.raises(
        SleighTaskException, match="fixedArgs cannot be read by the worker"
    ) as caught:
        CALLS[kind](sleigh, echo, fixedArgs=Unreadable())
    assert "ValueError: this is private" in str(caught.value)


@pytest.mark.parametrize("kind", CALLS)
def test_a_function_of_a_module_that_only_the_master_has(
    sleigh: Sleigh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "only_here.py").write_text("def work(number):\n    return number\n")
    monkeypatch.syspath_prepend(tmp_path)  # after the workers were told theirs
    monkeypatch.delitem(sys.modules, "only_here", raising=False)
    from only_here import work  # type: ignore[import-not-found]

    with pytest.raises(SleighTaskException, match="No module named 'only_here'") as caught:
        CALLS[kind](sleigh, work)
    where = f"on {platform.node()} with Python {platform.python_version()} ({sys.executable}): "
    assert where in str(caught.value)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def imports(_: int) -> None:
    import there_is_no_such_module  # type: ignore[import-not-found]  # noqa: F401


def test_a_module_that_is_imported_in_the_function(sleigh: Sleigh) -> None:
    """That may not concern all elements."""
    for result in sleigh.eachElem(imports, [1, 2]):
        assert f"it cannot do what it needs on {platform.node()} " in str(failure(result))
        assert f"({sys.executable}): install it there" in str(result)


@pytest.mark.parametrize("lines", [1, 10_000])
def test_an_exception_with_a_very_long_text(sleigh: Sleigh, lines: int) -> None:
    """What is shown has bounds; the exception arrives as it is."""

    def fail_at_length(size: int) -> None:
        raise ValueError(lines * f"{'x' * (size // lines)}\n")

    (failed,) = sleigh.eachElem(fail_at_length, [2_000_000])
    text = str(failure(failed))
    assert len(text) < 200_000
    assert "in fail_at_length" in text
    assert "characters are left out" in text
    assert len(str(failed.__cause__)) >= 2_000_000


def test_failures_are_not_logged(sleigh: Sleigh, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        sleigh.eachElem(fail, [ValueError])
    assert caplog.records == []


ENDS = [SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError, BaseException]


@pytest.mark.parametrize("moment", ["sent", "read"])
@pytest.mark.parametrize("error", ENDS)
def test_a_result_that_would_end_a_program(
    sleigh: Sleigh, moment: str, error: type[BaseException]
) -> None:
    given = [[echo, fail, call], [Exits] * 3, [moment] * 3, [error] * 3]
    first, raised, value = sleigh.eachElem(call, given, chunkSize=3)
    assert first == (Exits, moment, error)
    assert "Exits" in str(failure(raised))
    assert isinstance(failure(value).__cause__, error)
    last = sleigh.submit(call, Exits, moment, error).exception()
    assert isinstance(failure(last).__cause__, error)
    (own,) = sleigh.imap(call, [Exits], [moment], [error])
    assert isinstance(failure(own).__cause__, error)
    assert isinstance(failure(sleigh.eachWorker(call, Exits, moment, error)[0]), Exception)


class _Unprintable(Exception):
    """Its traceback cannot be written."""

    @property
    def __notes__(self) -> Any:
        raise ZeroDivisionError


def _raise_unprintable(_: int) -> None:
    raise _Unprintable


def test_an_exception_that_cannot_be_printed(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem(_raise_unprintable, [1])
    assert isinstance(failed, SleighTaskException)
    assert "_Unprintable" in str(failed)


def test_which_variable_cannot_be_pickled(sleigh: Sleigh) -> None:
    guard = threading.RLock()

    def guarded(element: int) -> int:
        with guard:
            return element

    with pytest.raises(SleighIllegalValueException, match=r"'guard' of .*guarded holds a RLock"):
        sleigh.eachElem(guarded, [1])
