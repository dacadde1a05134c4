"""Executors with workers of their own: how these begin, and how they end."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from nws.errors import SleighIllegalValueException
from nws.futures import BrokenSleighExecutor, SleighExecutor
from tests.sleigh import functions
from tests.sleigh.conftest import Script, script
from tests.support import deadly
from tests.support.processes import Aside, children, until, until_file

__all__ = ["script"]

SOON = 60.0

greetings = ["nothing"]


def set_greeting(text: str) -> None:
    greetings[0] = text


def greet() -> str:
    return greetings[0]


@pytest.fixture
def nobody() -> Iterator[None]:
    """The executor's processes end within the test."""
    before = children(os.getpid())
    yield
    gc.collect()
    until(lambda: children(os.getpid()) == before, "the end of its processes")


@pytest.mark.slow
@pytest.mark.usefixtures("nobody")
def test_an_initializer_runs_on_each_worker(tmp_path: Path) -> None:
    with SleighExecutor(1, set_greeting, ("hello",)) as executor:
        assert executor.submit(greet).result(SOON) == "hello"
        again = executor.submit(deadly.wait_the_first_time, 1, tmp_path)
        os.kill(int(until_file(tmp_path / "1")), 9)
        assert again.result(SOON) == 10
        assert executor.submit(greet).result(SOON) == "hello", "on the one that replaces it"
    executor.shutdown()


@pytest.mark.usefixtures("nobody")
def test_variables_are_there_from_the_start() -> None:
    """Libraries read theirs when they are loaded, which may be before any initializer."""
    with SleighExecutor(1, environment={"OMP_NUM_THREADS": "7", "COLOR": "red"}) as executor:
        started_with = executor.submit(Path("/proc/self/environ").read_bytes).result(SOON)
    assert {b"OMP_NUM_THREADS=7", b"COLOR=red"} <= set(started_with.split(b"\0"))
    assert "COLOR" not in os.environ


def test_variables_that_cannot_be() -> None:
    for strange in ({"A": 7}, {"A=B": "c"}, {"": ""}, {"A": "\0"}, "A=7", {b"A": "7"}):
        with pytest.raises(
            SleighIllegalValueException, match="environment= is not a dict of names of variables"
        ):
            SleighExecutor(1, environment=strange)  # type: ignore[arg-type]


@pytest.mark.usefixtures("nobody")
def test_log_records_are_those_of_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """As the lines that calls print: a program may read its own log."""
    with caplog.at_level(logging.INFO), SleighExecutor(1) as executor:
        executor.submit(functions.log, "brewing").result(SOON)
    assert "brewing" in caplog.messages


@pytest.mark.usefixtures("nobody")
def test_one_that_fails_breaks_the_executor() -> None:
    with SleighExecutor(1, initializer=functions.fail, initargs=(ValueError, "no")) as executor:
        error = executor.submit(greet).exception(SOON)
        assert isinstance(error, BrokenSleighExecutor)
        assert isinstance(error.__cause__, Exception)
        assert isinstance(error.__cause__.__cause__, ValueError)
        with pytest.raises(BrokenSleighExecutor, match="ValueError: no"):
            executor.submit(greet)


@pytest.mark.usefixtures("nobody")
def test_shutdown_waits_or_does_not(tmp_path: Path) -> None:
    executor = SleighExecutor(1)
    futures = [executor.submit(functions.arrive, n, tmp_path) for n in range(3)]
    until_file(tmp_path / "0")
    executor.shutdown(wait=False)
    waiting = Aside(executor.shutdown)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(greet)
    assert not futures[0].done()
    (tmp_path / "go").touch()
    waiting.result(SOON)
    assert [future.result(0) for future in futures] == [0, 1, 2]


@pytest.mark.nightly  # as at the end of the interpreter, below
@pytest.mark.usefixtures("nobody")
def test_calls_of_a_collected_executor_are_done(tmp_path: Path) -> None:
    executor = SleighExecutor(1)
    futures = [executor.submit(functions.arrive, n, tmp_path) for n in range(3)]
    del executor
    gc.collect()
    (tmp_path / "go").touch()
    assert [future.result(SOON) for future in futures] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("way", ["terminate_workers", "kill_workers"])
def test_workers_can_be_ended_at_once(tmp_path: Path, way: str) -> None:
    executor = SleighExecutor(1)
    running = executor.submit(deadly.note_and_wait, 0, tmp_path)
    until_file(tmp_path / "0")
    waiting = executor.submit(deadly.note_and_wait, 1, tmp_path)
    getattr(executor, way)()
    assert waiting.cancelled()
    assert isinstance(running.exception(0), BrokenSleighExecutor)
    with pytest.raises(BrokenSleighExecutor, match="terminated"):
        executor.submit(greet)
    wait([running, waiting], 0)


@pytest.mark.slow
def test_calls_are_done_before_the_interpreter_ends(script: Script) -> None:
    """In the order of the standard library: then come functions of `atexit`, which can submit no
    more. What calls print comes as it is."""
    done = script(
        """if True:
        import atexit
        from nws.futures import SleighExecutor

        def say(number):
            print("call", number)

        @atexit.register
        def last():
            print([future.done() for future in futures])
            try:
                executor.submit(say, 3)
            except RuntimeError as error:
                print(error)

        if __name__ == "__main__":
            executor = SleighExecutor(1)
            futures = [executor.submit(say, n) for n in range(3)]
        """
    )
    assert done.stdout.splitlines() == [
        "call 0",
        "call 1",
        "call 2",
        "[True, True, True]",
        "cannot schedule new futures after interpreter shutdown",
    ]
