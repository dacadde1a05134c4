"""`SleighExecutor`: what `concurrent.futures` has executors do, over a borrowed sleigh."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.futures import BrokenSleighExecutor, CallLostError, SleighExecutor
from nws.sleigh import Sleigh, SleighTaskException
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import Aside, until, until_file

SOON = 60.0
"""Seconds within which everything here has to be done."""


# Results


def test_results(executor: SleighExecutor) -> None:
    assert executor.submit(pow, 2, 8).result(SOON) == 256
    assert executor.submit(lambda *args, **kwargs: (args, kwargs), 1, self=2, fn=3).result(
        SOON
    ) == ((1,), {"self": 2, "fn": 3})


def test_the_exception_is_the_call_s_own(executor: SleighExecutor) -> None:
    futures = [executor.submit(functions.fail, KeyError, "no such station") for _ in range(2)]
    first, second = (future.exception(SOON) for future in futures)
    assert isinstance(first, KeyError)
    assert first is not second
    assert isinstance(first.__cause__, SleighTaskException)
    assert "in fail" in str(first.__cause__), "the remote traceback"
    assert first.__cause__.__cause__ is None


def test_an_exception_that_cannot_be_sent(executor: SleighExecutor) -> None:
    error = executor.submit(functions.fail, functions.NotPickled, "no").exception(SOON)
    assert isinstance(error, SleighTaskException)
    assert "NotPickled" in str(error)


def test_what_cannot_be_sent_fails_its_future(executor: SleighExecutor) -> None:
    assert isinstance(executor.submit(id, threading.Lock()).exception(SOON), TypeError)
    assert isinstance(executor.submit(7).exception(SOON), TypeError)  # type: ignore[arg-type]
    assert isinstance(executor.submit("1").exception(SOON), TypeError)  # type: ignore[arg-type]


def test_what_cannot_be_read_fails_its_call(executor: SleighExecutor) -> None:
    on_worker = executor.submit(id, functions.Unreadable()).exception(SOON)
    assert isinstance(on_worker, ValueError)
    at_master = executor.submit(functions.Unreadable).exception(SOON)
    assert isinstance(at_master, SleighTaskException)
    assert "cannot be read by the master" in str(at_master)
    assert executor.submit(deadly.times_ten, 1).result(SOON) == 10


def test_arguments_are_sent_as_they_are_when_it_is_submitted(
    lonely: Sleigh, tmp_path: Path
) -> None:
    with SleighExecutor(lonely) as executor:
        executor.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        numbers = [1, 2]
        waiting = executor.submit(sum, numbers)
        numbers.append(3)
        (tmp_path / "go").touch()
        assert waiting.result(SOON) == 3


def test_asyncio(executor: SleighExecutor) -> None:
    async def ask() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        wrapped = asyncio.wrap_future(executor.submit(pow, 2, 8))
        return await wrapped, await loop.run_in_executor(executor, pow, 3, 2)

    assert asyncio.run(ask()) == (256, 9)


def test_callbacks_run_on_one_thread(executor: SleighExecutor) -> None:
    threads: list[str] = []
    futures = [executor.submit(deadly.times_ten, n) for n in range(200)]
    for future in futures[100:]:
        future.add_done_callback(lambda _: threads.append(threading.current_thread().name))
    wait(futures, SOON)
    executor.shutdown()  # after which callbacks have run
    assert len(threads) == 100
    assert set(threads) <= {"nws-sleigh", threading.current_thread().name}


def test_many_from_many_threads(executor: SleighExecutor) -> None:
    def submit_some(thread: int) -> list[int]:
        futures = [executor.submit(deadly.times_ten, 1000 * thread + n) for n in range(50)]
        return [future.result(SOON) for future in futures]

    threads = [Aside(partial(submit_some, thread)) for thread in range(4)]
    for thread, aside in enumerate(threads):
        assert aside.result(SOON) == [10 * (1000 * thread + n) for n in range(50)]


def test_no_reference_to_what_was_submitted_stays(executor: SleighExecutor) -> None:
    number = functions.Scale(3)
    gone = weakref.ref(number)
    executor.submit(id, number).result(SOON)
    del number
    gc.collect()
    assert gone() is None


# Cancelling


@pytest.fixture
def busy(lonely: Sleigh, tmp_path: Path) -> Iterator[SleighExecutor]:
    """An executor whose only worker runs a call until the file ``go`` is there."""
    with SleighExecutor(lonely) as executor:
        executor.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        yield executor
        (tmp_path / "go").touch()


def test_a_call_that_waits_is_withdrawn(busy: SleighExecutor, tmp_path: Path) -> None:
    waiting = [busy.submit(functions.arrive, n, tmp_path) for n in range(1, 300)]
    told = Aside(lambda: wait(waiting[100:], SOON).done)
    assert not any(future.running() for future in waiting)
    assert all(future.cancel() for future in waiting[100:])
    assert all(future.cancel() for future in waiting[100:]), "a second time, too"
    assert told.result(SOON) == set(waiting[100:])
    with pytest.raises(CancelledError):
        waiting[-1].result(0)
    (tmp_path / "go").touch()
    assert [future.result(SOON) for future in waiting[:100]] == list(range(1, 101))
    assert {path.name for path in tmp_path.iterdir()} == {*map(str, range(101)), "go"}


def test_calls_that_were_sent_are_withdrawn_as_well(busy: SleighExecutor, tmp_path: Path) -> None:
    """Quick calls before them have made the executor send many at once."""
    (tmp_path / "go").touch()
    wait([busy.submit(deadly.times_ten, n) for n in range(300)], SOON)
    (tmp_path / "go").unlink()
    first = busy.submit(functions.arrive, 1000, tmp_path)
    until_file(tmp_path / "1000")
    waiting = [busy.submit(functions.arrive, n, tmp_path) for n in range(1001, 1050)]
    until(lambda: all(call.sent for call in busy._calls._queue._outstanding.values()), "all")
    assert first.running()
    assert not any(future.running() for future in waiting)
    assert waiting[5].cancel()
    busy.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    assert not first.cancel()
    (tmp_path / "go").touch()
    assert first.result(SOON) == 1000
    assert not (tmp_path / "1001").exists()


def test_a_call_that_runs_is_not(lonely: Sleigh, tmp_path: Path) -> None:
    with SleighExecutor(lonely) as executor:
        future = executor.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        assert future.running()
        assert not future.cancel()
        (tmp_path / "go").touch()
        assert future.result(SOON) == 0
        assert not future.running()


def test_one_that_runs_is_stopped_where_that_was_asked_for(lonely: Sleigh, tmp_path: Path) -> None:
    with SleighExecutor(lonely, cancel_running=True) as executor:
        future = executor.submit(deadly.note_and_wait, 0, tmp_path)
        until_file(tmp_path / "0")
        waiting = executor.submit(deadly.times_ten, 1)
        assert future.running()
        assert not waiting.running()
        assert future.cancel()
        assert future.cancelled()
        assert not future.running()
        assert waiting.result(SOON) == 10


def append(path: Path, number: int) -> int:
    with path.open("a") as file:  # less than a page is written in one go
        file.write(f"{number}\n")
    return number


def test_a_call_is_either_cancelled_or_run(executor: SleighExecutor, tmp_path: Path) -> None:
    """Also where it is cancelled at the very moment when it is sent or taken."""
    ran = tmp_path / "ran"
    futures = [executor.submit(append, ran, n) for n in range(400)]
    cancelled = {n for n in range(399, 0, -3) if futures[n].cancel()}
    others = [n for n in range(400) if n not in cancelled]
    assert [futures[n].result(SOON) for n in others] == others
    assert all(futures[n].cancelled() for n in cancelled)
    assert sorted(map(int, ran.read_text().split())) == others


# Sharing


def test_an_executor_does_not_wait_for_all_calls_of_another(lonely: Sleigh, tmp_path: Path) -> None:
    with SleighExecutor(lonely) as first, SleighExecutor(lonely) as second:
        first.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        many = [first.submit(deadly.times_ten, n) for n in range(300)]
        one = second.submit(deadly.times_ten, 1)
        one.add_done_callback(lambda _: outcome.append(sum(future.done() for future in many)))
        outcome: list[int] = []
        (tmp_path / "go").touch()
        assert one.result(SOON) == 10
        until(lambda: outcome, "the callback")
        assert outcome[0] < 300
        assert lonely.eachElem(deadly.times_ten, [1]) == [10], "beside calls of the sleigh"
        wait(many, SOON)


def test_a_borrowed_sleigh_goes_on(sleigh: Sleigh) -> None:
    with SleighExecutor(sleigh) as executor:
        assert executor.submit(deadly.times_ten, 1).result(SOON) == 10
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(deadly.times_ten, 1)
    assert sleigh.submit(deadly.times_ten, 1).result(SOON) == 10


def test_a_sleigh_that_is_stopped_breaks_its_executors(
    on_server: dict[str, Any], tmp_path: Path
) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        executor = SleighExecutor(sleigh)
        futures = [executor.submit(deadly.note_and_wait, n, tmp_path) for n in range(3)]
        until_file(tmp_path / "0")
    errors = [future.exception(SOON) for future in futures]
    assert {type(error) for error in errors} == {BrokenSleighExecutor}
    assert len({*map(id, errors)}) == 3
    with pytest.raises(BrokenSleighExecutor, match="stopped"):
        executor.submit(deadly.times_ten, 1)
    executor.shutdown()


def test_a_serial_sleigh(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, serial=True) as serial, SleighExecutor(serial) as executor:
        assert executor.submit(os.getpid).result(0) == os.getpid()
        assert list(executor.map(pow, range(5), range(5))) == [1, 1, 4, 27, 256]


# Workers that die


def test_a_worker_that_dies_costs_no_call(executor: SleighExecutor, tmp_path: Path) -> None:
    futures = [executor.submit(deadly.wait_the_first_time, n, tmp_path) for n in range(2)]
    for n in range(2):
        os.kill(int(until_file(tmp_path / str(n))), 9)
    assert [future.result(SOON) for future in futures] == [0, 10]


def test_a_call_that_kills_its_workers_breaks_nothing(executor: SleighExecutor) -> None:
    lost, fine = executor.submit(os._exit, 3), executor.submit(deadly.times_ten, 1)
    error = lost.exception(SOON)
    assert isinstance(error, CallLostError)
    assert "exit status 3 (3 times)" in str(error)
    assert fine.result(SOON) == 10
    assert executor.submit(deadly.times_ten, 2).result(SOON) == 20


# Maps


def test_map(executor: SleighExecutor) -> None:
    expected = list(map(pow, range(40), range(40)))
    for chunksize in (1, 6, 40, 50):
        results = executor.map(pow, range(40), range(50), chunksize=chunksize)
        assert list(results) == expected
    assert list(executor.map(pow, [], [])) == []
    assert list(executor.map(lambda x, k=2: x * k, range(3), chunksize=2)) == [0, 2, 4]


def test_map_refuses_sizes(executor: SleighExecutor) -> None:
    for sizes in ({"chunksize": 0}, {"chunksize": -1}, {"buffersize": 0}):
        with pytest.raises(ValueError, match="it must be"):
            executor.map(abs, [1], **sizes)
    with pytest.raises(TypeError):
        executor.map(abs, [1], buffersize="x")  # type: ignore[arg-type]


def test_map_raises_in_its_place_and_cancels_the_rest(lonely: Sleigh, tmp_path: Path) -> None:
    with SleighExecutor(lonely) as executor:
        results = executor.map(divmod, [1, 1, 1], [2, 0, 1])
        assert next(results) == (0, 1)
        with pytest.raises(ZeroDivisionError):
            next(results)
        executor.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        blocked = executor.map(functions.arrive, range(1, 9), [tmp_path] * 8, timeout=0.01)
        with pytest.raises(FutureTimeoutError):
            next(blocked)
        (tmp_path / "go").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"0", "go"}


def test_map_reads_no_further_than_its_buffer(executor: SleighExecutor) -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for n in range(1000):
            read.append(n)
            yield n

    results = executor.map(deadly.times_ten, numbers(), buffersize=5)
    assert len(read) == 5
    assert [next(results) for _ in range(3)] == [0, 10, 20]
    assert len(read) == 8
    in_chunks = executor.map(deadly.times_ten, numbers(), buffersize=2, chunksize=10)
    assert len(read) == 28
    assert list(in_chunks) == list(range(0, 10000, 10))


# Calls of calls


def call_inside(executor: Any, depth: int) -> list[int]:
    if depth == 0:
        return [os.getpid()]
    inner = executor.submit(call_inside, executor, depth - 1).result()
    return [*inner, *executor.map(abs, [-depth]), os.getpid()]


def test_a_call_in_a_call_runs_in_its_process(lonely: Sleigh) -> None:
    with SleighExecutor(lonely) as executor:
        pid, *rest = executor.submit(call_inside, executor, 2).result(SOON)
        assert rest == [1, pid, 2, pid]
        assert pid != os.getpid()


def test_a_call_in_a_call_fails_by_itself(executor: SleighExecutor) -> None:
    def fail_inside() -> list[str]:
        with executor as inner:
            failed = inner.submit(divmod, 1, 0)
            done = next(as_completed([failed]))
        return [type(done.exception()).__name__]

    assert executor.submit(fail_inside).result(SOON) == ["ZeroDivisionError"]


def test_a_fork_is_refused(executor: SleighExecutor) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            executor.submit(abs, 1)
        except RuntimeError as error:
            os.write(write, str(error).encode())
        finally:
            executor.shutdown()
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as said:
        assert f"belongs to process {os.getpid()}" in said.read()
    assert executor.submit(abs, -1).result(SOON) == 1


def test_arguments_of_the_executor(sleigh: Sleigh) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        SleighExecutor(0)
    for number in (1.5, 2.0, "2"):
        with pytest.raises(TypeError, match="integer"):
            SleighExecutor(number)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callable"):
        SleighExecutor(1, initializer="x = 1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has its own"):
        SleighExecutor(sleigh, initializer=print)


def test_a_callback_may_submit_and_shut_down(sleigh: Sleigh) -> None:
    executor = SleighExecutor(sleigh)
    second: Future[int] = Future()

    def go_on(first: Future[int]) -> None:
        following = executor.submit(deadly.times_ten, first.result())
        following.add_done_callback(lambda _: second.set_result(following.result()))
        executor.shutdown()

    executor.submit(deadly.times_ten, 3).add_done_callback(go_on)
    assert second.result(SOON) == 300
