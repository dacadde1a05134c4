"""Who waits for a single call receives its result; all else is as with many calls."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import CancelledError, Future, as_completed, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.errors import SleighException
from nws.futures import SleighExecutor
from nws.sleigh import Sleigh, SleighStoppedException, SleighTaskException
from tests.sleigh import functions
from tests.support import deadly, strikes
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


def test_who_waits_receives(sleigh: Sleigh) -> None:
    here(sleigh)
    assert sleigh.submit(Reader).result() == threading.get_ident(), "the next time, too"


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

    sleigh.submit(deadly.times_ten, 4).add_done_callback(go_on)
    until_file(tmp_path / "40")
    with pytest.raises(FutureTimeoutError):
        got.result(0.05)
    (tmp_path / "go").touch()
    assert got.result(PATIENCE) == 40


def test_a_callback_may_wait_while_somebody_receives(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    got: Future[int] = Future()
    call = Aside(partial(sleigh.eachElem, functions.arrive, [1], [tmp_path]))
    until_file(tmp_path / "1")
    first = sleigh.submit(deadly.times_ten, 4)
    first.add_done_callback(
        lambda _: got.set_result(sleigh.submit(deadly.times_ten, 2).result(PATIENCE))
    )
    assert got.result(PATIENCE) == 20
    (tmp_path / "go").touch()
    call.result()


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
    waiting = Aside(sleigh.submit(functions.arrive, 1, tmp_path).result)
    until_file(tmp_path / "1")
    assert sleigh.submit(deadly.times_ten, 4).result(PATIENCE) == 40
    assert sleigh.eachElem(deadly.times_ten, [1, 2]) == [10, 20]
    (tmp_path / "go").touch()
    waiting.result()


def test_who_waits_is_told_that_it_was_cancelled(sleigh: Sleigh, tmp_path: Path) -> None:
    here(sleigh)
    future = sleigh.submit(functions.arrive, 1, tmp_path)
    waiting = Aside(future.result)
    until_file(tmp_path / "1")
    assert future.cancel()
    with pytest.raises(CancelledError):
        waiting.result()


def test_who_waits_is_told_that_the_sleigh_was_stopped(alone: Sleigh, tmp_path: Path) -> None:
    here(alone)
    future = alone.submit(functions.arrive, 1, tmp_path)
    waiting = Aside(future.result)
    until_file(tmp_path / "1")
    alone.stop()
    with pytest.raises(SleighStoppedException):
        waiting.result()


def test_who_waits_is_told_that_the_server_is_gone(nothing_is_left: None, tmp_path: Path) -> None:
    with Sleigh(workerCount=1) as sleigh:
        here(sleigh)
        waiting = Aside(sleigh.submit(functions.arrive, 1, tmp_path).result)
        until_file(tmp_path / "1")
        (server,) = servers(os.getpid())
        os.kill(server, signal.SIGKILL)
        with pytest.raises(SleighException, match="server"):
            waiting.result()


def test_ctrl_c_at_each_moment_of_a_wait(sleigh: Sleigh, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the wait and not the call: who waits again gets the result. Moments in conditions of
    the standard library are left out: there it may leave a lock locked."""
    monkeypatch.setattr(strikes, "_NEVER", (*strikes._NEVER, "threading"))
    here(sleigh)
    count = 0
    for moment in range(150):  # how many there are depends on when the result comes
        future = sleigh.submit(deadly.times_ten, 4)
        _, was_struck = struck(moment, future.result, PATIENCE)
        count += was_struck
        assert future.result(PATIENCE) == 40, moment
        assert sleigh.submit(deadly.times_ten, 5).result(PATIENCE) == 50, moment
    assert count > 50
    until(lambda: not sleigh._engine._calls, "the end of all calls")
