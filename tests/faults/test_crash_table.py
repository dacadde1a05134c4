"""Every way to die, at every moment, in every kind of call: what is lost is done again.

What happens once costs nothing but time. What happens each time an element is tried is an error of
that element, which says how its workers ended; the others are not touched by it.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import pytest

from nws.sleigh import Sleigh, SleighTaskException, SleighWorkerLostException
from tests.support.deadly import (
    ENDING,
    PICKLING,
    RAISING,
    RUNNING,
    STOPPING,
    UNPICKLING,
    Deadly,
    handle,
    handle_by_rank,
    hold,
    hold_by_rank,
    times_ten,
)
from tests.support.processes import Aside, children, until, until_file, until_gone
from tests.support.sleighs import LongLeased, newcomer, parent, until_replaced, workers
from tests.support.spaces import variable

ELEMENTS: Final = 5
GUILTY: Final = 1
"""The element or rank that dies."""

MOMENTS: Final = (UNPICKLING, RUNNING, PICKLING)

T = TypeVar("T")


class Impatient(Sleigh):
    """A worker that is stopped is given up soon; but none that has to wait for a processor."""

    lease_time: ClassVar[float] = 1.0


@pytest.fixture(scope="module")
def patient(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Two workers, which die often."""
    before = children(os.getpid())
    with LongLeased(**on_server, workerCount=2) as sleigh:
        yield sleigh
    assert children(os.getpid()) == before, "no process is left"


@pytest.fixture(scope="module")
def impatient(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Two workers, which are stopped often."""
    with Impatient(**on_server, workerCount=2) as sleigh:
        yield sleigh


@pytest.fixture
def sleigh(way: str, patient: Sleigh, impatient: Sleigh) -> Iterator[Sleigh]:
    """The one that suits the way to die. It must be of use afterwards."""
    sleigh = impatient if way in STOPPING or way == "SIGSTOP" else patient
    yield sleigh
    assert ending(partial(sleigh.eachElem, times_ten, range(4))) == [0, 10, 20, 30]
    assert ending(partial(sleigh.eachWorker, times_ten, 1)) == [10, 10]


def ending(call: Callable[[], T]) -> T:
    """Return the result of a call, which must not hang."""
    return Aside(call).result()


# Kinds of calls. Each takes a function of an element and what goes with it, the same by rank, and
# what goes with the elements.

Call = Callable[..., "list[Any]"]


def each_elem(sleigh: Sleigh, fun: Any, _: Any, things: Sequence[Any], **options: Any) -> list[Any]:
    results: list[Any] = sleigh.eachElem(fun, [range(ELEMENTS), things], **options)
    return results


def each_worker(
    sleigh: Sleigh, _: Any, by_rank: Any, things: Sequence[Any], **options: Any
) -> list[Any]:
    results: list[Any] = sleigh.eachWorker(by_rank, things[GUILTY], **options)
    return results


def imap(sleigh: Sleigh, fun: Any, _: Any, things: Sequence[Any], **options: Any) -> list[Any]:
    return list(sleigh.imap(fun, range(ELEMENTS), things, **options))


def pending(sleigh: Sleigh, fun: Any, _: Any, things: Sequence[Any], **options: Any) -> list[Any]:
    pending = sleigh.eachElem(fun, [range(ELEMENTS), things], blocking=False, **options)
    assert 0 <= pending.check() <= ELEMENTS
    results: list[Any] = pending.wait()
    assert pending.check() == 0
    return results


CALLS: Final[dict[str, Call]] = {
    "eachElem": each_elem,
    "eachWorker": each_worker,
    "imap": imap,
    "pending": pending,
}


def _table() -> Iterator[Any]:
    """Each way at each moment: in one kind of call in turn, and by night in all of them."""
    kinds = tuple(CALLS)
    for row, moment in enumerate(MOMENTS):
        for column, way in enumerate((*RAISING, *ENDING, *STOPPING)):
            for number, kind in enumerate(kinds):
                by_night = (row + column) % len(kinds) != number
                marks = [pytest.mark.nightly] * by_night + [pytest.mark.slow] * (way in STOPPING)
                yield pytest.param(moment, way, kind, marks=marks)


def _signals() -> Iterator[Any]:
    """Each kind of call with one signal in turn, and by night with all of them."""
    signals = ("SIGKILL", "SIGSTOP", "SIGSEGV")
    for row, kind in enumerate(CALLS):
        for column, way in enumerate(signals):
            by_night = row % len(signals) != column
            marks = [pytest.mark.nightly] * by_night + [pytest.mark.slow] * (way == "SIGSTOP")
            yield pytest.param(way, kind, marks=marks)


every_signal = pytest.mark.parametrize(("way", "kind"), list(_signals()))
every_case = pytest.mark.parametrize(("moment", "way", "kind"), list(_table()))


def expected(kind: str) -> list[int]:
    return list(range(0, 10 * (2 if kind == "eachWorker" else ELEMENTS), 10))


# Inside a task


def met_by(sleigh: Sleigh, kind: str, deadly: Deadly, **options: Any) -> list[Any]:
    """Let the guilty element meet something deadly; return the numbers that were sent back."""
    things = [deadly if element == GUILTY else None for element in range(ELEMENTS)]
    if kind == "eachWorker":
        deadly.rank = GUILTY
    call = partial(CALLS[kind], sleigh, handle, handle_by_rank, things, **options)
    return [result[0] if isinstance(result, tuple) else result for result in ending(call)]


@every_case
def test_once(sleigh: Sleigh, tmp_path: Path, moment: str, way: str, kind: str) -> None:
    deadly = Deadly(moment, way, tmp_path, times=1)
    retries = 1 if way in RAISING else 0
    assert met_by(sleigh, kind, deadly, retries=retries) == expected(kind)
    assert len(list(tmp_path.glob("first harm *"))) == 1


@every_case
def test_each_time(sleigh: Sleigh, tmp_path: Path, moment: str, way: str, kind: str) -> None:
    results = met_by(sleigh, kind, Deadly(moment, way, tmp_path, times=1000))
    failed = results[GUILTY]
    assert isinstance(failed, SleighTaskException)
    assert results == [*expected(kind)[:GUILTY], failed, *expected(kind)[GUILTY + 1 :]]
    harmed = len(list(tmp_path.glob("first harm *")))
    # A lease of a second may end before the death is noted, on a busy machine.
    assert harmed == (1 if way in RAISING else 3) or (harmed > 3 and way in STOPPING)
    check_what_it_says(str(failed), way, at_most=harmed)
    assert isinstance(failed.__cause__, SleighWorkerLostException) == (way not in RAISING)


def check_what_it_says(text: str, way: str, at_most: int = 3) -> None:
    assert f"element {GUILTY} failed" in text
    assert way in text
    if way not in RAISING:
        tries = re.search(r"each of the (\d) workers that ran it ended .*\((\d) times\)", text)
        assert tries is not None
        assert 3 <= int(tries[1]) == int(tries[2]) <= at_most
    if way == "SIGSEGV":
        assert "Segmentation fault" in text
        assert "in _read_nowhere" in text, "the place in Python"


# From outside, while the worker has nothing to do


@every_signal
def test_idle_before_the_call(sleigh: Sleigh, tmp_path: Path, way: str, kind: str) -> None:
    idle = workers(sleigh)
    for pid in idle:
        os.kill(pid, signal.Signals[way])
    (tmp_path / "go on").touch()
    call = partial(CALLS[kind], sleigh, hold, hold_by_rank, [tmp_path] * ELEMENTS)
    assert ending(call) == expected(kind)
    until_gone(idle)


@every_signal
def test_idle_during_the_call(sleigh: Sleigh, tmp_path: Path, way: str, kind: str) -> None:
    """One worker is at element 0, the other one has done its part."""
    call = Aside(partial(CALLS[kind], sleigh, hold, hold_by_rank, [tmp_path] * ELEMENTS))
    busy = int(until_file(tmp_path / "at 0"))
    others = {int(until_file(tmp_path / f"at {number // 10}")) for number in expected(kind)[1:]}
    (idle,) = others - {busy}
    until(lambda: is_waiting(sleigh, kind), "the other worker waits")
    os.kill(idle, signal.Signals[way])
    until_replaced(sleigh, idle)
    (tmp_path / "go on").touch()
    assert call.result() == expected(kind)
    assert int(until_file(tmp_path / "at 1")) == idle, "what it had done was not done again"


def is_waiting(sleigh: Sleigh, kind: str) -> bool:
    if kind == "eachWorker":
        return variable(sleigh.nws, "barrier").finders == 1
    return variable(sleigh.nws, "task").fetchers == 1 and variable(sleigh.nws, "task").values == 0


# From outside, while the worker joins


@every_signal
def test_joining(sleigh: Sleigh, tmp_path: Path, way: str, kind: str) -> None:
    """A worker is struck as soon as it has been forked."""
    former = workers(sleigh)
    supervisor = parent(former[0])
    os.kill(former[GUILTY], signal.SIGKILL)
    (tmp_path / "go on").touch()
    call = Aside(partial(CALLS[kind], sleigh, hold, hold_by_rank, [tmp_path] * ELEMENTS))
    joining = newcomer(supervisor, former)
    os.kill(joining, signal.Signals[way])
    assert call.result() == expected(kind)
    until_gone([joining])
