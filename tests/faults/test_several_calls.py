"""Several calls under way when a worker dies, is killed by one of them, or when one is cancelled:
each call gets its own results, and what happens to one costs the others nothing."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from nws.sleigh import Sleigh, SleighFuture, SleighTaskException
from tests.support.deadly import count_runs, hold_each, times_ten
from tests.support.processes import Aside, children, until, until_file
from tests.support.sleighs import until_replaced

BOUND: Final = 15.0
"""Seconds within which each case has to end."""

RUNNING, WAITING, WITHDRAWN, STOPPED = "running", "waiting", "withdrawn", "stopped"
STATES: Final = (RUNNING, WAITING, WITHDRAWN, STOPPED)
"""Of a call when a worker dies. Withdrawn: cancelled as it waited; stopped: as it ran."""


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    before = children(os.getpid())
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh
    assert children(os.getpid()) == before, "no process is left"


class Submitted:
    """A call of the kind that is under test, of one element that waits for the test."""

    def __init__(self, sleigh: Sleigh, element: int, folder: Path) -> None:
        self.element = element
        self._future: Future[Any] = sleigh.submit(hold_each, element, folder)

    def cancel(self) -> None:
        assert self._future.cancel()

    def check(self, *, cancelled: bool) -> None:
        if cancelled:
            assert self._future.cancelled()
        else:
            assert self._future.result(BOUND) == 10 * self.element


class Mapped:
    """The same as a call of the guide."""

    def __init__(self, sleigh: Sleigh, element: int, folder: Path) -> None:
        self.element = element
        self._pending = sleigh.eachElem(hold_each, [[element], [folder]], blocking=False)

    def cancel(self) -> None:
        self._pending.cancel()

    def check(self, *, cancelled: bool) -> None:
        if not cancelled:
            result = Aside(self._pending.wait).result(BOUND)
            assert result == [10 * self.element]


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(STATES, STATES)))
@pytest.mark.parametrize("kinds", [(Mapped, Submitted), (Submitted, Submitted)])
def test_a_worker_dies(
    sleigh: Sleigh, tmp_path: Path, kinds: tuple[Any, Any], first: str, second: str
) -> None:
    """Both workers are busy: with those of the two calls that run, else with further ones."""
    states = dict(zip((1, 2), (first, second), strict=True))
    calls = {}
    for number in (number for number, state in states.items() if state in (RUNNING, STOPPED)):
        calls[number] = kinds[number - 1](sleigh, number, tmp_path)
        until_file(tmp_path / f"at {number}")
    others = [Submitted(sleigh, number, tmp_path) for number in range(3, 5 - len(calls))]
    for other in others:
        until_file(tmp_path / f"at {other.element}")
    for number in states:
        if number not in calls:
            calls[number] = kinds[number - 1](sleigh, number, tmp_path)
    cancelled = {number for number, state in states.items() if state in (WITHDRAWN, STOPPED)}
    for number in cancelled:
        calls[number].cancel()
    victim = int(until_file(tmp_path / f"at {others[0].element if others else 1}"))
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was killed because its call was cancelled
    until_replaced(sleigh, victim)
    (tmp_path / "go on").touch()
    for number, call in calls.items():
        call.check(cancelled=number in cancelled)
    for other in others:
        other.check(cancelled=False)
    for number, state in states.items():
        if state != WITHDRAWN:  # such a one may run if the worker is not told in time
            assert (tmp_path / f"at {number}").exists()
    assert Aside(partial(sleigh.eachElem, times_ten, range(4))).result(BOUND) == [0, 10, 20, 30]


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("way", ["SIGKILL", "SIGSEGV"])
def test_what_kills_each_worker_costs_only_its_own_call(
    sleigh: Sleigh, tmp_path: Path, way: str
) -> None:
    victims = {1, 4}
    deadly = sleigh.eachElem(
        count_runs, range(6), [victims, way, tmp_path], chunkSize=1, blocking=False
    )
    killer = sleigh.submit(count_runs, 100, {100}, way, tmp_path)
    harmless = [sleigh.submit(times_ten, number) for number in range(300)]
    assert [future.result(BOUND) for future in harmless] == list(range(0, 3000, 10))
    results = Aside(deadly.wait).result(BOUND)
    assert results is not None
    for element, result in enumerate(results):
        if element in victims:
            assert isinstance(result, SleighTaskException)
            assert "each of the 3 workers" in str(result)
        else:
            assert result == 10 * element
    error = killer.exception(BOUND)
    assert isinstance(error, SleighTaskException)
    assert "each of the 3 workers" in str(error)


def test_two_calls_of_different_sizes_get_their_own_results(sleigh: Sleigh) -> None:
    """Also where their elements have the same numbers."""
    pending = sleigh.eachElem(times_ten, range(5000), chunkSize=7, blocking=False)
    futures = [sleigh.submit(pow, number, 2) for number in range(500)]
    assert [future.result(BOUND) for future in futures] == [n * n for n in range(500)]
    assert Aside(pending.wait).result(BOUND) == list(range(0, 50_000, 10))


@pytest.mark.slow
@pytest.mark.parametrize("count", [200, pytest.param(1250, marks=pytest.mark.nightly)])
def test_futures_from_eight_threads_while_workers_are_killed(sleigh: Sleigh, count: int) -> None:
    """So many from each thread."""
    done = threading.Event()
    calls_back: Counter[int] = Counter()

    def count_back(number: int, _: object) -> None:
        calls_back.update([number])

    def submit_some(thread: int) -> list[SleighFuture]:
        futures = []
        for number in range(count * thread, count * (thread + 1)):
            future = sleigh.submit(times_ten, number)
            future.add_done_callback(partial(count_back, number))
            futures.append(future)
        return futures

    def running() -> list[int]:
        return [info["pid"] for info in sleigh.workerInfo() if info["pid"]]

    def is_replaced(victim: int, former: int) -> bool:
        return done.is_set() or (len(calls_back) > former and victim not in running())

    def kill_some() -> int:
        """Kill one after the other as long as there is work that gets done: those that are killed
        before they have done anything would make the supervisor give up."""
        chance = random.Random(5)
        kills = 0
        while pids := until(lambda: done.is_set() or running(), "a worker"):
            if pids is True:
                break
            victim, former = chance.choice(pids), len(calls_back)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was just replaced
            kills += 1
            until(partial(is_replaced, victim, former), "another worker")
        return kills

    killer = Aside(kill_some)
    threads = [Aside(partial(submit_some, thread)) for thread in range(8)]
    futures = [future for thread in threads for future in thread.result(60)]
    wait(futures, 60)
    done.set()
    assert killer.result(60) > 0
    for number, future in enumerate(futures):
        error = future.exception(0)
        if error is None:
            assert future.result(0) == 10 * number
        else:  # three kills have met the same call
            assert isinstance(error, SleighTaskException)
            assert "each of the 3 workers" in str(error)
    until(lambda: len(calls_back) == 8 * count, "all callbacks")
    assert set(calls_back.values()) == {1}
    assert sum(future.exception(0) is not None for future in futures) < 10
