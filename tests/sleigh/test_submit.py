"""`Sleigh.submit`: single calls with futures, beside the calls of the guide and in any number."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, Future, as_completed, wait
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import (
    Line,
    Sleigh,
    SleighIllegalValueException,
    SleighNwsException,
    SleighStoppedException,
    SleighTaskException,
)
from nws.sleigh.master.submission import SleighFuture
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import Aside, until, until_file
from tests.support.sleighs import servers
from tests.support.spaces import variable

SOON = 60.0
"""Seconds within which everything here has to be done."""


def test_a_result(sleigh: Sleigh) -> None:
    future = sleigh.submit(deadly.times_ten, 4)
    assert isinstance(future, Future)
    assert future.result(SOON) == 40
    assert future.done()


def test_keyword_arguments(sleigh: Sleigh) -> None:
    def describe(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs

    assert sleigh.submit(describe, 1, 2, fun=3, self=4).result(SOON) == (
        (1, 2),
        {"fun": 3, "self": 4},
    )
    assert sleigh.submit(describe).result(SOON) == ((), {})
    assert sleigh.submit(describe, x=1).result(SOON) == ((), {"x": 1})


def test_a_lambda_as_it_is_when_it_is_submitted(sleigh: Sleigh) -> None:
    futures = [sleigh.submit(partial(lambda factor: 10 * factor, factor)) for factor in range(20)]
    assert [future.result(SOON) for future in futures] == list(range(0, 200, 10))


def test_what_a_function_carries_is_as_it_was_sent(alone: Sleigh) -> None:
    """Also for the next call of the same function on the same worker."""
    seen: list[int] = []

    def remember(number: int) -> int:
        seen.append(number)
        return len(seen)

    assert [alone.submit(remember, 1).result(SOON) for _ in range(3)] == [1, 1, 1]
    assert [alone.eachElem(remember, [1]) for _ in range(3)] == [[1], [1], [1]]


def test_a_failure_is_the_exception(sleigh: Sleigh) -> None:
    future = sleigh.submit(functions.fail, ValueError, "no such station")
    error = future.exception(SOON)
    assert isinstance(error, SleighTaskException)
    assert isinstance(error.__cause__, ValueError)
    assert "no such station" in str(error)
    assert "in fail" in str(error), "the remote traceback"


def test_an_exception_that_is_returned_is_a_result(sleigh: Sleigh) -> None:
    result = sleigh.submit(functions.make, ValueError).result(SOON)
    assert isinstance(result, ValueError)


def test_what_cannot_be_pickled_is_refused_at_once(sleigh: Sleigh) -> None:
    lock = threading.Lock()
    with pytest.raises(SleighIllegalValueException, match="arguments cannot be pickled"):
        sleigh.submit(functions.echo, lock)
    with pytest.raises(SleighIllegalValueException, match="function"):
        sleigh.submit(lambda: lock)
    with pytest.raises(SleighIllegalValueException, match="not an expression"):
        sleigh.submit("1 + 1")  # type: ignore[arg-type]
    with pytest.raises(SleighIllegalValueException, match="neither a function"):
        sleigh.submit(7)  # type: ignore[arg-type]
    assert sleigh.submit(deadly.times_ten, 1).result(SOON) == 10


def test_a_result_that_cannot_be_read_is_a_failure(sleigh: Sleigh) -> None:
    error = sleigh.submit(functions.Unreadable).exception(SOON)
    assert isinstance(error, SleighTaskException)
    assert "cannot be read by the master" in str(error)


@pytest.mark.nightly  # and workers are killed in tests/faults/test_several_calls.py
def test_many_from_many_threads(sleigh: Sleigh) -> None:
    def submit_some(thread: int) -> list[int]:
        futures = [sleigh.submit(deadly.times_ten, 1000 * thread + n) for n in range(200)]
        return [future.result(SOON) for future in futures]

    threads = [Aside(partial(submit_some, thread)) for thread in range(8)]
    for thread, aside in enumerate(threads):
        assert aside.result(SOON) == [10 * (1000 * thread + n) for n in range(200)]


def test_beside_every_call_of_the_guide(sleigh: Sleigh) -> None:
    before = [sleigh.submit(deadly.times_ten, n) for n in range(50)]
    assert sleigh.eachElem(deadly.times_ten, range(200)) == list(range(0, 2000, 10))
    pending = sleigh.eachElem(deadly.times_ten, range(200), blocking=False)
    during = [sleigh.submit(deadly.times_ten, n) for n in range(50)]
    iterated = pending.wait()
    assert iterated == list(range(0, 2000, 10))
    results = sleigh.imap(deadly.times_ten, range(100))
    assert next(results) == 0
    between = sleigh.submit(deadly.times_ten, 7)
    assert list(results) == list(range(10, 1000, 10))
    assert len(set(sleigh.eachWorker(functions.worker))) == 2
    assert between.result(SOON) == 70
    assert [future.result(SOON) for future in (*before, *during)] == [
        *range(0, 500, 10),
        *range(0, 500, 10),
    ]


def test_it_occupies_nothing(sleigh: Sleigh, tmp_path: Path) -> None:
    future = sleigh.submit(functions.arrive, 3, tmp_path)
    until_file(tmp_path / "3")
    assert sleigh.eachElem(deadly.times_ten, range(20)) == list(range(0, 200, 10))
    assert not future.done()
    (tmp_path / "go").touch()
    assert future.result(SOON) == 3


def test_callbacks_run_one_at_a_time_on_one_thread(sleigh: Sleigh, tmp_path: Path) -> None:
    threads: list[threading.Thread] = []
    inside = threading.Lock()
    all_done = threading.Event()

    def note(future: Future[int]) -> None:
        assert inside.acquire(blocking=False), "another callback runs"
        threads.append(threading.current_thread())
        inside.release()
        if len(threads) == 100:
            all_done.set()

    held = [sleigh.submit(functions.arrive, n, tmp_path) for n in range(2)]
    futures = [*held, *(sleigh.submit(functions.worker, n) for n in range(98))]
    for future in futures:  # none is done, for both workers are held up
        future.add_done_callback(note)
    (tmp_path / "go").touch()
    assert all_done.wait(SOON)
    (thread,) = set(threads)
    assert thread is not threading.current_thread()


def test_a_callback_that_raises_harms_nothing(
    sleigh: Sleigh, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ValueError("in a callback")

    first = sleigh.submit(deadly.times_ten, 1)
    first.add_done_callback(fail)
    assert sleigh.submit(deadly.times_ten, 2).result(SOON) == 20
    assert first.result(SOON) == 10


def test_a_callback_may_submit(sleigh: Sleigh) -> None:
    second: Future[Any] = Future()

    def go_on(first: Future[int]) -> None:
        following = sleigh.submit(deadly.times_ten, first.result())
        following.add_done_callback(lambda _: second.set_result(following.result()))

    sleigh.submit(deadly.times_ten, 3).add_done_callback(go_on)
    assert second.result(SOON) == 300


def test_a_callback_may_use_the_sleigh(sleigh: Sleigh) -> None:
    mapped: Future[Any] = Future()
    blocker = sleigh.submit(deadly.times_ten, 3)

    def go_on(_: object) -> None:
        try:
            mapped.set_result(sleigh.eachElem(deadly.times_ten, range(50)))
        except BaseException as error:
            mapped.set_exception(error)

    blocker.add_done_callback(go_on)
    assert mapped.result(SOON) == list(range(0, 500, 10))


def test_as_completed(sleigh: Sleigh) -> None:
    futures: dict[Future[Any], int] = {sleigh.submit(deadly.times_ten, n): n for n in range(30)}
    assert {futures[future] for future in as_completed(futures, SOON)} == set(range(30))


# What a worker writes


def test_lines_come_before_the_result(on_server: dict[str, Any]) -> None:
    heard: list[Line] = []
    with Sleigh(**on_server, workerCount=2, output=heard.extend) as sleigh:
        futures = [sleigh.submit(functions.say, f"line {n}") for n in range(50)]
        for n, future in enumerate(futures):
            future.result(SOON)
            said = [line for line in list(heard) if line.text == f"line {n}"]
            assert [line.call for line in said] == [future.number]
            assert [line.rank for line in said] == [future.rank]
            assert future.seconds > 0


def test_lines_that_do_not_come_hold_up_nothing(
    alone: Sleigh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.sleigh.master.held_results._MAX_LINES_SECONDS", 0.1)
    monkeypatch.setattr(alone._team, "missing_lines", lambda said: 1)
    assert alone.submit(functions.say, "heard by nobody").result(SOON) is None


# Cancelling


def test_a_waiting_call_is_withdrawn(alone: Sleigh, tmp_path: Path) -> None:
    first = alone.submit(functions.arrive, 0, tmp_path)
    until_file(tmp_path / "0")
    second = alone.submit(functions.arrive, 1, tmp_path)
    third = alone.submit(functions.arrive, 2, tmp_path)
    assert second.cancel()
    assert second.cancel(), "a second time, too"
    assert second.cancelled()
    with pytest.raises(CancelledError):
        second.result(0)
    (tmp_path / "go").touch()
    assert [first.result(SOON), third.result(SOON)] == [0, 2]


def test_a_running_call_is_stopped(sleigh: Sleigh, tmp_path: Path) -> None:
    running = sleigh.submit(deadly.note_and_wait, 0, tmp_path)
    beside = sleigh.submit(functions.arrive, 1, tmp_path)
    until_file(tmp_path / "0")
    until_file(tmp_path / "1")
    assert running.cancel()
    (tmp_path / "go").touch()
    assert beside.result(SOON) == 1
    both = [sleigh.submit(functions.arrive, n, tmp_path) for n in (2, 3)]
    assert [future.result(SOON) for future in both] == [2, 3], "both workers are free"


def test_one_that_is_done_is_not_cancelled(sleigh: Sleigh) -> None:
    future = sleigh.submit(deadly.times_ten, 1)
    future.result(SOON)
    assert not future.cancel()
    assert future.result() == 10


def test_those_who_wait_are_told(alone: Sleigh, tmp_path: Path) -> None:
    blocking = alone.submit(functions.arrive, 0, tmp_path)
    waiting = alone.submit(functions.arrive, 1, tmp_path)
    aside = Aside(lambda: wait([waiting], SOON).done)
    assert waiting.cancel()
    assert aside.result(SOON) == {waiting}
    (tmp_path / "go").touch()
    assert blocking.result(SOON) == 0


def test_cancelling_a_call_of_the_guide_does_not_touch_it(alone: Sleigh, tmp_path: Path) -> None:
    pending = alone.eachElem(functions.arrive, [range(5)], [tmp_path], blocking=False)
    until_file(tmp_path / "0")
    future = alone.submit(deadly.times_ten, 4)
    pending.cancel()
    assert future.result(SOON) == 40


# The end


def test_a_stopped_sleigh_takes_none_and_fails_those_under_way(
    on_server: dict[str, Any], tmp_path: Path
) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        futures = [sleigh.submit(deadly.note_and_wait, n, tmp_path) for n in range(3)]
        until_file(tmp_path / "0")
    for future in futures:
        assert isinstance(future.exception(SOON), SleighStoppedException)
    with pytest.raises(SleighStoppedException):
        sleigh.submit(deadly.times_ten, 1)


def test_a_server_that_is_gone_fails_them(nothing_is_left: None, tmp_path: Path) -> None:
    others = set(servers(os.getpid()))
    with Sleigh(workerCount=1) as sleigh:
        futures = [sleigh.submit(deadly.note_and_wait, n, tmp_path) for n in range(3)]
        until_file(tmp_path / "0")
        (server,) = set(servers(os.getpid())) - others
        os.kill(server, 9)
        for future in futures:
            error = future.exception(SOON)
            assert isinstance(error, SleighNwsException), error
        with pytest.raises(SleighNwsException):
            sleigh.submit(deadly.times_ten, 1)


def test_in_a_serial_sleigh_they_are_done_at_once() -> None:
    with Sleigh(serial=True) as sleigh:
        future = sleigh.submit(functions.worker)
        assert future.done()
        assert future.result() == os.getpid()
        failed = sleigh.submit(functions.fail, KeyError, "x")
        assert isinstance(failed.exception(), SleighTaskException)
        assert sleigh.submit(dict, a=1).result() == {"a": 1}


def test_nothing_of_many_calls_stays_on_the_server(sleigh: Sleigh) -> None:
    for n in range(20):
        assert sleigh.submit(deadly.times_ten, n).result(SOON) == 10 * n
        assert sleigh.submit(lambda n=n: n).result(SOON) == n
        assert sleigh.eachElem(lambda x, n=n: x + n, range(3)) == [n, n + 1, n + 2]
    assert variable(sleigh.nws, "task").values == 0
    assert variable(sleigh.nws, "result").values == 0
    assert variable(sleigh.nws, "deaths").values == 0
    listing = sleigh.nws.listVars(format="dict")
    assert isinstance(listing, dict)
    assert len([name for name in listing if name.startswith("function ")]) <= 9


@pytest.mark.slow
def test_the_thread_ends_when_there_is_nothing_to_do(sleigh: Sleigh) -> None:
    sleigh.submit(deadly.times_ten, 1).result(SOON)
    until(
        lambda: "nws-sleigh" not in {thread.name for thread in threading.enumerate()},
        "the end of the thread",
    )
    assert sleigh.submit(deadly.times_ten, 2).result(SOON) == 20


def test_a_future_has_all_that_those_of_the_standard_library_have() -> None:
    """It does not call their `__init__`."""
    ours, theirs = SleighFuture(None), Future()  # type: ignore[var-annotated]
    assert vars(ours).keys() - vars(theirs).keys() == {"_call"}
    for name, value in vars(theirs).items():
        if name != "_condition":
            assert vars(ours)[name] == value
