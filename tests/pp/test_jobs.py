"""Jobs on local workers: results, failures, output, callbacks and groups."""

from __future__ import annotations

import gc
import io
import logging
import os
import pickle
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws import pp
from nws.pp.job import Job
from nws.pp.job_output import JobOutput
from nws.sleigh.master.submission import SleighFuture
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import until, until_file
from tests.support.server import PATIENCE


def shout(text: str, result: object = None) -> object:
    print(text)
    return result


def shout_and_fail(text: str) -> None:
    print(text)
    raise ValueError("no such station")


def die_the_first_time(number: int, folder: Path) -> int:
    if deadly.is_first(folder, number):
        os.kill(os.getpid(), 9)
    return 10 * number


def test_a_result_as_often_as_it_is_asked_for(job_server: pp.Server) -> None:
    job = job_server.submit(deadly.times_ten, (4,))
    assert [job(), job()] == [40, 40]
    assert job.finished
    assert isinstance(job, pp.Job)


def test_what_a_job_tells_of_itself(job_server: pp.Server) -> None:
    callback = list[int]().append
    first = job_server.submit(pow, (2, 3))
    second = job_server.submit(pow, (2, 3), (), (), callback, (), "powers")
    assert second.tid == first.tid + 1
    assert (first.group, first.callback, first.callbackargs) == ("default", None, ())
    assert (second.group, second.callback, second.callbackargs) == ("powers", callback, ())
    job_server.wait()


@pytest.mark.nightly  # that each is the next one is above
def test_tids_count_from_zero() -> None:
    server = pp.Server(0)
    assert [server.submit(abs, (1,)).tid for _ in range(3)] == [0, 1, 2]
    server.destroy()


def test_raw_results(job_server: pp.Server, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_server.submit(shout, ("heard", {"a": 1}))
    raw = job(raw_result=True)
    assert isinstance(raw, bytes)
    assert pickle.loads(raw) == ({"a": 1}, "heard\n")
    assert capfd.readouterr().out == ""
    assert job() == {"a": 1}


@pytest.mark.parametrize("proto", [2, -1, np.int8(0)])
def test_the_protocol_of_raw_results(proto: Any) -> None:
    server = pp.Server(1, proto=proto)
    raw = server.submit(abs, (-1,))(raw_result=True)
    assert raw == pickle.dumps((1, ""), proto)
    server.destroy()


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_many(job_server: pp.Server, count: int) -> None:
    results: list[int] = []
    jobs = [
        job_server.submit(deadly.times_ten, (n,), callback=results.append) for n in range(count)
    ]
    job_server.wait()
    assert sorted(results) == list(range(0, 10 * count, 10))
    assert all(job.finished for job in jobs)
    assert [job() for job in jobs] == list(range(0, 10 * count, 10))


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_a_bounded_number_in_flight(job_server: pp.Server, count: int) -> None:
    todo, flying, results = list(range(count)), list[pp.Job](), list[int]()
    while todo or flying:
        while todo and len(flying) < 4:
            flying.append(job_server.submit(deadly.times_ten, (todo.pop(),)))
        done = [job for job in flying if job.finished]
        results += [job() for job in done]
        flying = [job for job in flying if job not in done]
        time.sleep(0)
    assert sorted(results) == list(range(0, 10 * count, 10))


# Failures


def test_a_failed_job_raises_with_the_remote_traceback(job_server: pp.Server) -> None:
    job = job_server.submit(functions.fail, (ValueError, "no such station"))
    for _ in range(2):
        with pytest.raises(pp.SleighTaskException, match="no such station") as caught:
            job()
        assert "in fail" in str(caught.value)
        assert str(caught.value).startswith(f"job {job.tid} failed\n")
        assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(pp.SleighTaskException, match="no such station"):
        job(raw_result=True)
    assert job.finished


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_the_end_of_a_job_is_no_end_of_the_program(job_server: pp.Server, end: type) -> None:
    with pytest.raises(pp.SleighTaskException, match=end.__name__):
        job_server.submit(functions.fail, (end, "over"))()


def test_what_cannot_be_pickled(job_server: pp.Server) -> None:
    with pytest.raises(Exception, match="pickle"):
        job_server.submit(deadly.times_ten, (threading.Lock(),))
    job_server.wait()
    with pytest.raises(pp.SleighTaskException, match="cannot be pickled"):
        job_server.submit(threading.Lock)()


class Search:
    """Holds its server, as programs do that are classes."""

    def __init__(self, job_server: pp.Server) -> None:
        self.job_server = job_server

    def step(self, number: int) -> int:
        return number


def test_a_server_does_not_travel(job_server: pp.Server) -> None:
    with pytest.raises(Exception, match=r"a pp\.Server cannot be sent to workers"):
        job_server.submit(Search(job_server).step, (1,))
    with pytest.raises(TypeError, match=r"a pp\.Server cannot be sent to workers"):
        pickle.dumps(job_server)


def test_a_worker_that_dies(job_server: pp.Server, tmp_path: Path) -> None:
    assert job_server.submit(die_the_first_time, (7, tmp_path))() == 70
    with pytest.raises(pp.SleighTaskException, match="SIGKILL"):
        job_server.submit(deadly.die, ("SIGKILL",))()
    assert job_server.submit(deadly.times_ten, (1,))() == 10


@pytest.fixture(scope="module")
def legacy(nothing_is_left: None) -> Iterator[pp.Server]:
    server = pp.Server(1, restart=True, legacy_errors=True)
    yield server
    server.destroy()


def test_legacy_errors(legacy: pp.Server, capfd: pytest.CaptureFixture[str]) -> None:
    results: list[Any] = []
    job = legacy.submit(shout_and_fail, ("before",))
    assert job() is None
    said = capfd.readouterr().out
    assert said.startswith("before\n")
    assert "ValueError: no such station" in said
    legacy.submit(shout_and_fail, ("before",), callback=results.append)
    legacy.wait()
    assert results == [None]


def test_a_fresh_worker_for_each_job(legacy: pp.Server) -> None:
    jobs = [legacy.submit(functions.worker) for _ in range(4)]
    assert len({job() for job in jobs}) == 4


# Output


def test_output_is_printed_once_when_the_result_is_asked_for(
    job_server: pp.Server, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = [job_server.submit(shout, (f"line {n}", n)) for n in range(20)]
    job_server.wait()
    assert capfd.readouterr() == ("", "")
    for n, job in enumerate(jobs):
        assert job() == n
        assert capfd.readouterr().out == f"line {n}\n"
        assert job() == n
        assert capfd.readouterr().out == ""


def test_output_of_failed_jobs_of_dead_workers_and_of_children(
    job_server: pp.Server, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(pp.SleighTaskException):
        job_server.submit(shout_and_fail, ("before",))()
    assert capfd.readouterr().out == "before\n"
    job = job_server.submit(os.system, ("echo from a shell; echo and its stderr >&2",))
    job()
    said: set[str] = set()

    def heard() -> set[str]:
        said.update(capfd.readouterr().out.splitlines())  # some may come behind the result
        return {"and its stderr", "from a shell"} & said

    until(lambda: len(heard()) == 2, "what the shell has printed")
    assert len(said) == 2

    def speak_and_die() -> None:
        print("the last words")
        os.kill(os.getpid(), 9)

    with pytest.raises(pp.SleighTaskException):
        job_server.submit(speak_and_die)()
    assert set(capfd.readouterr().out.splitlines()) == {"the last words"}


def test_output_that_cannot_be_shown_costs_no_result(
    job_server: pp.Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the program's output goes to `head`."""
    called: Future[int] = Future()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    assert job_server.submit(shout, ("lost", 3))() == 3
    job_server.submit(shout, ("lost", 4), callback=called.set_result)
    assert called.result(PATIENCE) == 4
    assert caplog.text.count("what jobs print cannot be shown") == 2


def test_output_beyond_a_limit_is_counted_and_dropped(
    job_server: pp.Server, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.pp.job_output._MAX_CHARS", 10)
    job_server.submit(shout, ("123456789",))()
    assert capfd.readouterr().out == "123456789\n"
    job_server.submit(shout, ("1234567890ab",))()
    assert capfd.readouterr().out == "1234567890\npp: 3 more characters were dropped\n"


def test_what_comes_between_the_end_and_the_result_is_printed_too(
    capfd: pytest.CaptureFixture[str],
) -> None:
    job, output = Job(0, "default", None, (), 0), JobOutput()
    job._future = future = SleighFuture(None)
    output.add("early\n")
    job._add_output("late\n")
    job._take(1, output, is_failure=False, legacy_errors=False)
    future.settle(1, is_failure=False)
    assert job() == 1
    assert capfd.readouterr().out == "early\nlate\n"


def test_log_records_go_to_loggers(job_server: pp.Server, caplog: pytest.LogCaptureFixture) -> None:
    job_server.submit(logging.getLogger("weather").warning, ("rain",))()
    assert "rain" in caplog.text


# Callbacks


def test_callbacks_run_one_at_a_time_with_their_arguments(job_server: pp.Server) -> None:
    seen: list[tuple[object, ...]] = []
    inside = threading.Lock()
    threads = set()

    def note(*arguments: object) -> None:
        assert inside.acquire(blocking=False), "another callback runs"
        threads.add(threading.current_thread())
        seen.append(arguments)
        inside.release()

    jobs = [
        job_server.submit(deadly.times_ten, (n,), callback=note, callbackargs=("x", n))
        for n in range(100)
    ]
    jobs[0].wait()
    assert seen
    job_server.wait()
    assert sorted(seen) == sorted(("x", n, 10 * n) for n in range(100))
    assert len(threads) == 1


def test_a_callback_prints_the_output(
    job_server: pp.Server, capfd: pytest.CaptureFixture[str]
) -> None:
    job = job_server.submit(shout, ("heard",), callback=lambda result: print("then", result))
    job_server.wait()
    assert capfd.readouterr().out == "heard\nthen None\n"
    job()
    assert capfd.readouterr().out == ""


def test_a_callback_that_raises_is_logged_and_harms_nothing(
    job_server: pp.Server, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(result: int) -> None:
        raise SystemExit(f"in the callback of {result}")

    job = job_server.submit(deadly.times_ten, (3,), callback=fail)
    assert job() == 30
    assert job.finished
    assert "in the callback of 30" in caplog.text
    assert job_server.submit(deadly.times_ten, (4,))() == 40


def test_the_callback_of_a_failed_job_is_not_called(
    job_server: pp.Server, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[object] = []
    job_server.submit(shout_and_fail, ("x",), callback=results.append)
    job_server.wait()
    assert results == []
    assert "no such station" in caplog.text


def test_a_callback_may_submit_and_wait_for_results(job_server: pp.Server) -> None:
    results: list[int] = []

    def go_on(result: int) -> None:
        following = job_server.submit(deadly.times_ten, (result,), callback=results.append)
        job_server.wait()
        results.append(following() + 1)

    job_server.submit(deadly.times_ten, (3,), callback=go_on)
    job_server.wait()
    assert results == [301, 300]


# Groups


@pytest.mark.parametrize("count", [10, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_groups(job_server: pp.Server, count: int, tmp_path: Path) -> None:
    held = job_server.submit(functions.arrive, (0, tmp_path), group="held")
    until_file(tmp_path / "0")
    free = [job_server.submit(deadly.times_ten, (n,), group="free") for n in range(count)]
    job_server.wait("free")
    assert all(job.finished for job in free)
    job_server.wait("no such group")
    assert not held.finished
    (tmp_path / "go").touch()
    job_server.wait("held")
    assert held.finished


def test_nothing_is_kept_of_jobs_that_are_done(job_server: pp.Server) -> None:
    jobs = [job_server.submit(shout, (n,), callback=functions.echo) for n in range(10)]
    kept = [weakref.ref(job) for job in jobs]
    del jobs
    job_server.wait()

    def all_gone() -> bool:
        gc.collect()  # a result and its future know of each other
        return not any(job() for job in kept)

    until(all_gone, "the end of the jobs")
