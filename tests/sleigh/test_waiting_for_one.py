"""Who waits for a single call receives its result; all else is as with many calls."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws.errors import SleighException, SleighIllegalValueException
from nws.futures import SleighExecutor
from nws.sleigh import Sleigh, SleighFuture, SleighStoppedException, SleighTaskException
from nws.sleigh.master.submissions import _LINGER_SECONDS
from nws.sleigh.shared.messages import TASK
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import Aside, until, until_file
from tests.support.server import PATIENCE
from tests.support.sleighs import servers
from tests.support.strikes import struck


class Reader:
    """Becomes the number of the thread by which it is unpickled."""

    def __reduce__(self) -> Any:
        return threading.get_ident, ()


def here(sleigh: Any) -> int:
    """Return the number of this thread, when it receives what it waits for."""
    this = threading.get_ident()
    until(lambda: sleigh.submit(Reader).result(PATIENCE) == this, "a thread that receives")
    return this


def waiting_for_one(sleigh: Sleigh, folder: Path) -> tuple[SleighFuture, Aside[Any]]:
    """Return a call that runs until the file ``go`` is there, and a thread that waits for it."""
    future = sleigh.submit(functions.arrive, 1, folder)
    waiting = Aside(future.result)
    until_file(folder / "1")
    return future, waiting


def call_back(sleigh: Sleigh, folder: Path, callback: Callable[[Future[int]], object]) -> None:
    """Have a call done that calls back, whose result is 4. It comes when the callback is there:
    else that would run on this thread."""
    folder.mkdir()
    sleigh.submit(functions.arrive, 4, folder).add_done_callback(callback)
    (folder / "go").touch()


def test_who_waits_receives(sleigh: Sleigh) -> None:
    this = here(sleigh)
    received = [sleigh.submit(Reader).result() == this for _ in range(20)]
    assert sum(received) > 10, "unless the thread of the sleigh looks just then"


def test_who_waits_for_an_executor_receives(sleigh: Sleigh) -> None:
    with SleighExecutor(sleigh) as executor:
        here(executor)


def test_callbacks_run_on_the_thread_of_the_sleigh(sleigh: Sleigh, tmp_path: Path) -> None:
    this = here(sleigh)
    called: Future[int] = Future()
    future = sleigh.submit(functions.arrive, 1, tmp_path)
    future.add_done_callback(lambda _: called.set_result(threading.get_ident()))
    waiting = Aside(future.result)
    until_file(tmp_path / "1")
    (tmp_path / "go").touch()
    waiting.result()
    assert called.result(PATIENCE) not in (this, waiting.ident)


def test_a_callback_may_wait_for_another_call(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    got: Future[int] = Future()

    def go_on(done: Future[int]) -> None:
        got.set_result(sleigh.submit(functions.arrive, done.result(), tmp_path).result())

    call_back(sleigh, tmp_path / "before", go_on)
    until_file(tmp_path / "4")
    with pytest.raises(FutureTimeoutError):
        got.result(0.05)
    (tmp_path / "go").touch()
    assert got.result(PATIENCE) == 4


def test_a_callback_may_wait_while_somebody_receives(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    got: Future[int] = Future()
    call = Aside(partial(sleigh.eachElem, functions.arrive, [1], [tmp_path]))
    until_file(tmp_path / "1")
    call_back(
        *(sleigh, tmp_path / "before"),
        lambda _: got.set_result(sleigh.submit(deadly.times_ten, 2).result(PATIENCE)),
    )
    assert got.result(PATIENCE) == 20
    (tmp_path / "go").touch()
    call.result()


def test_a_callback_that_waits_receives_when_nobody_else_does(
    sleigh: Sleigh, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    got: Future[int] = Future()
    call = Aside(partial(sleigh.eachElem, functions.arrive, [1], [first]))
    until_file(first / "1")
    call_back(
        *(sleigh, tmp_path / "before"),
        lambda _: got.set_result(sleigh.submit(functions.arrive, 2, second).result()),
    )
    until_file(second / "2")
    (first / "go").touch()
    call.result()
    (second / "go").touch()
    assert got.result(PATIENCE) == 2


def test_nobody_need_wait(sleigh: Sleigh) -> None:
    for _ in range(3):
        here(sleigh)
        until(sleigh.submit(deadly.times_ten, 1).done, "a call that nobody waits for")
        here(sleigh)
        assert wait([sleigh.submit(deadly.times_ten, 1)], PATIENCE).not_done == set()
        here(sleigh)
        (future,) = as_completed([sleigh.submit(deadly.times_ten, 1)], PATIENCE)
        assert future.result() == 10


def test_what_comes_too_late(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    future = sleigh.submit(functions.arrive, 1, tmp_path)
    for timeout in (0, 0.0001, 0.01):
        with pytest.raises(FutureTimeoutError):
            future.result(timeout)
        with pytest.raises(FutureTimeoutError):
            future.exception(timeout)
    (tmp_path / "go").touch()
    assert future.exception(PATIENCE) is None


def test_a_failure(sleigh: Sleigh) -> None:
    here(sleigh)
    with pytest.raises(SleighTaskException, match="no such station") as caught:
        sleigh.submit(functions.fail, ValueError, "no such station").result(PATIENCE)
    assert isinstance(caught.value.__cause__, ValueError)


def test_others_receive_theirs_meanwhile(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    _, waiting = waiting_for_one(sleigh, tmp_path)
    assert sleigh.submit(deadly.times_ten, 4).result(PATIENCE) == 40
    assert sleigh.eachElem(deadly.times_ten, [1, 2]) == [10, 20]
    (tmp_path / "go").touch()
    waiting.result()


def test_who_waits_lets_nothing_wait_to_be_sent(sleigh: Sleigh, tmp_path: Path) -> None:
    _, waiting = waiting_for_one(sleigh, tmp_path)
    sleigh._submissions[TASK]._unsent.due = time.monotonic() + 1000
    assert sleigh.submit(deadly.times_ten, 4).result(PATIENCE) == 40
    (tmp_path / "go").touch()
    waiting.result()


def test_who_waits_is_told_that_it_was_cancelled(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    future, waiting = waiting_for_one(sleigh, tmp_path)
    assert future.cancel()
    with pytest.raises(CancelledError):
        waiting.result()


def test_who_waits_is_told_that_the_sleigh_was_stopped(alone: Sleigh, tmp_path: Path) -> None:
    here(alone)
    _, waiting = waiting_for_one(alone, tmp_path)
    alone.stop()
    with pytest.raises(SleighStoppedException):
        waiting.result()


def test_who_waits_is_told_that_the_server_is_gone(nothing_is_left: None, tmp_path: Path) -> None:
    with Sleigh(workerCount=1) as sleigh:
        here(sleigh)
        _, waiting = waiting_for_one(sleigh, tmp_path)
        (server,) = servers(os.getpid())
        os.kill(server, signal.SIGKILL)
        with pytest.raises(SleighException, match="server"):
            waiting.result()


def test_ctrl_c_at_each_moment_of_a_wait(sleigh: Sleigh) -> None:
    """It ends the wait and not the call: who waits again gets the result."""
    here(sleigh)
    strikes = 0
    for moment in range(150):  # how many there are depends on when the result comes
        future = sleigh.submit(deadly.times_ten, 4)
        _, was_struck = struck(moment, future.result, PATIENCE)
        strikes += was_struck
        assert future.result(PATIENCE) == 40, moment
        assert sleigh.submit(deadly.times_ten, 5).result(PATIENCE) == 50, moment
    assert strikes > 50
    until(lambda: not sleigh._engine._calls, "the end of all calls")


def wait_a_moment(future: SleighFuture) -> None:
    with suppress(FutureTimeoutError):
        future.result(0.0)


def test_ctrl_c_at_each_moment_of_a_wait_for_others_that_receive() -> None:
    """It leaves no lock locked: the thread of the sleigh, which sets all futures, would wait."""
    for moment in count():
        future = SleighFuture(None)
        _, was_struck = struck(moment, wait_a_moment, future)
        Aside(partial(future.settle, moment, is_failure=False)).result()
        assert future.result() == moment
        if not was_struck:
            break
    assert moment > 8


# What is called meanwhile

_hooks: list[Callable[[], Any]] = []


def call_hook() -> Any:
    return _hooks[-1]()


class Hooked:
    """Calls a function of the test when it is unpickled by the master."""

    def __reduce__(self) -> Any:
        return call_hook, ()


@pytest.fixture
def hook() -> Iterator[Callable[[Callable[[], Any]], None]]:
    yield _hooks.append
    _hooks.clear()


def test_a_result_that_is_unpickled_may_wait_for_another_call(sleigh: Sleigh, hook: Any) -> None:
    this = here(sleigh)
    threads: list[int] = []

    def unpickled() -> int:
        threads.append(threading.get_ident())
        return int(sleigh.submit(deadly.times_ten, len(threads)).result(PATIENCE))

    hook(unpickled)

    def arrived_here() -> bool:
        assert sleigh.submit(Hooked).result(PATIENCE) == 10 * len(threads)
        return threads[-1] == this

    until(arrived_here, "a result that this thread has unpickled")


def test_a_callback_that_is_added_late_is_called_by_the_thread_of_the_sleigh(
    sleigh: Sleigh, hook: Any
) -> None:
    """Who waits must not be stopped by it, and holds a lock."""
    here(sleigh)
    called: Future[int] = Future()
    made: Future[SleighFuture] = Future()  # the thread of the sleigh may be as quick as this one

    def unpickled() -> int:
        future = made.result(PATIENCE)
        if not future.calls_back:
            future.add_done_callback(lambda _: called.set_result(threading.get_ident()))
        return threading.get_ident()

    hook(unpickled)
    made.set_result(sleigh.submit(Hooked))
    made.result().result(PATIENCE)
    assert called.result(PATIENCE) != threading.get_ident()


@pytest.mark.parametrize("timeout", [math.inf, 1e11, 10**400, Decimal(60), np.float32(60)])
def test_timeouts_of_any_kind(sleigh: Sleigh, tmp_path: Path, timeout: Any) -> None:
    """Whether it receives or another thread does."""
    future = sleigh.submit(functions.arrive, 1, tmp_path)
    first = Aside(partial(future.result, timeout))
    until_file(tmp_path / "1")
    second = Aside(partial(future.exception, timeout))
    for waiting in (first, second):
        assert waiting.is_alive()
    (tmp_path / "go").touch()
    for waiting in (first, second):
        waiting.result()


@pytest.mark.parametrize("timeout", [math.nan, "3"])
def test_what_is_no_timeout(sleigh: Sleigh, timeout: Any) -> None:
    future = sleigh.submit(deadly.times_ten, 4)
    with pytest.raises(SleighIllegalValueException, match="timeout"):
        future.result(timeout)
    assert future.result(PATIENCE) == 40


def test_a_long_wait_keeps_the_thread_asleep(
    sleigh: Sleigh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.sleigh.master.submissions._LINGER_SECONDS", 0.02)
    here(sleigh)
    waiting = Aside(sleigh.submit(functions.arrive, 1, tmp_path).result)
    submissions = sleigh._submissions[TASK]

    def sleeps() -> bool:
        thread, engine = submissions._thread, sleigh._engine
        receives = thread is not None and engine.receiver == thread.ident  # if it was first
        return submissions in engine._standby or receives

    until(sleeps, "the thread, which stands by or receives")
    (tmp_path / "go").touch()
    waiting.result()


def test_the_thread_stays_for_a_while_after_each_call(sleigh: Sleigh) -> None:
    """It reads what comes behind a result; nobody else would."""
    here(sleigh)
    began = time.monotonic()
    here(sleigh)
    left = sleigh._submissions[TASK]._lingering_left()
    assert left > _LINGER_SECONDS - (time.monotonic() - began)


def test_the_thread_reads_what_comes_behind_when_another_one_has_received(sleigh: Sleigh) -> None:
    here(sleigh)
    submissions, engine = sleigh._submissions[TASK], sleigh._engine

    def receive() -> None:
        submissions._is_left_to_waiter = False
        submissions.notify()
        until(lambda: submissions in engine._standby, "the thread, which waits for this one")

    until(lambda: submissions not in engine._standby, "the thread, which has nothing to do")
    until(lambda: engine.call_as_receiver(receive), "the end of former calls")
    until(lambda: submissions not in engine._standby, "the thread, which goes on")
