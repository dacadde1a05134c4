"""What happens to one call, or in a user's function, costs the calls of other threads nothing."""

from __future__ import annotations

import gc
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nws.errors import NwsNoValueException
from nws.sleigh import Line, Sleigh, SleighNwsException
from tests.sleigh import functions
from tests.support.deadly import times_ten
from tests.support.processes import Aside, until, until_file
from tests.support.server import running
from tests.support.spaces import HOST

SOON = 10.0
"""Seconds within which everything here has to be done."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody look by himself whether he was to be woken."""
    for module in ("collector", "submissions", "engine"):
        monkeypatch.setattr(f"nws.sleigh.master.{module}.LOOK_SECONDS", 10 * SOON)


# Interrupted calls


def test_what_an_interrupted_receiver_has_left(sleigh: Sleigh) -> None:
    """It was struck when it had read the reply and not yet asked for the next one."""
    engine, inbox = sleigh._engine, sleigh._team._inbox  # type: ignore[union-attr]
    until(lambda: not engine.has_receiver(), "the end of former calls")
    futures = []

    def receive() -> None:
        futures.append(sleigh.submit(times_ten, 4))
        until(lambda: inbox._stream.poll(0.1), "the result")
        inbox._stream.answer()  # now nothing more comes to the socket

    assert engine.call_as_receiver(receive)
    assert futures[0].result(SOON) == 40


def test_tasks_of_others_that_were_not_sent(
    sleigh: Sleigh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(_: object) -> NoReturn:
        raise KeyboardInterrupt

    under_way = sleigh.submit(functions.arrive, 0, tmp_path)  # one that is alone is sent at once
    until_file(tmp_path / "0")
    submissions = sleigh._submissions["task"]
    submissions._unsent.due = time.monotonic() + SOON / 2  # hold the first one back
    first = sleigh.submit(times_ten, 1)
    submissions._unsent.due = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(sleigh._engine.team, "submit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            submissions._send()
    submissions.notify()
    assert first.result(SOON) == 10
    (tmp_path / "go").touch()
    under_way.result(SOON)


@pytest.mark.slow
def test_a_stop_after_an_interruption_in_popen(
    on_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call looks for supervisors that have ended. Ctrl-C in `Popen.poll` leaves it locked."""
    monkeypatch.setattr("nws.sleigh.launch.child_process._REAP_SECONDS", 0.1)
    sleigh = Sleigh(**on_server, workerCount=1)
    for kept in sleigh._home.processes._all:
        child: Any = kept.process
        child._child.process._waitpid_lock.acquire()
    Aside(sleigh.stop).result(SOON)


# A thread receives for others


def test_a_submitted_call_when_the_one_who_received_leaves(
    sleigh: Sleigh, patient: None, tmp_path: Path
) -> None:
    (first := tmp_path / "first").mkdir()
    (second := tmp_path / "second").mkdir()
    until(lambda: not sleigh._engine.has_receiver(), "the end of former calls")
    mapped = Aside(partial(sleigh.eachElem, functions.arrive, [0], [first]))
    until_file(first / "0")
    until(sleigh._engine.has_receiver, "a receiver")
    future = sleigh.submit(functions.arrive, 0, second)
    until_file(second / "0")
    until(lambda: len(sleigh._engine._standby) == 1, "the thread of the submitted calls")
    (first / "go").touch()
    assert mapped.result(SOON) == [0]
    (second / "go").touch()
    assert future.result(SOON) == 0


def test_a_mapped_call_when_the_submitted_ones_are_over(
    sleigh: Sleigh, patient: None, tmp_path: Path
) -> None:
    (first := tmp_path / "first").mkdir()
    (second := tmp_path / "second").mkdir()
    future = sleigh.submit(functions.arrive, 0, first)
    until_file(first / "0")
    until(sleigh._engine.has_receiver, "a receiver")
    mapped = Aside(partial(sleigh.eachElem, functions.arrive, [0], [second]))
    until_file(second / "0")
    until(lambda: len(sleigh._engine._standby) == 1, "the thread of the mapped call")
    (first / "go").touch()
    assert future.result(SOON) == 0
    (second / "go").touch()
    assert mapped.result(SOON) == [0]


# Functions of the user


def test_a_callback_that_ends_its_thread(sleigh: Sleigh, tmp_path: Path) -> None:
    first = sleigh.submit(functions.arrive, 0, tmp_path)
    first.add_done_callback(lambda _: sys.exit(3))
    second = sleigh.submit(functions.arrive, 1, tmp_path)
    (tmp_path / "go").touch()
    assert second.result(SOON) == 1
    assert sleigh.submit(times_ten, 1).result(SOON) == 10


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    "error",
    [
        OSError,
        SystemExit,
        pytest.param(ValueError, marks=pytest.mark.nightly),
        pytest.param(NwsNoValueException, marks=pytest.mark.nightly),
    ],
)
def test_output_that_cannot_be_written(
    on_server: dict[str, Any], tmp_path: Path, error: type[BaseException]
) -> None:
    def refuse(_: Sequence[Line]) -> NoReturn:
        raise error("the file is closed")

    with Sleigh(**on_server, workerCount=2, output=refuse) as sleigh:
        held = sleigh.submit(functions.arrive, 0, tmp_path)
        until_file(tmp_path / "0")
        assert sleigh.submit(print, "hello").result(SOON) is None
        (tmp_path / "go").touch()
        assert held.result(SOON) == 0


# What the server refuses


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sleigh]:
    """One worker, and a server with little room."""
    with (
        running(tmp_path_factory.mktemp("confined"), "--memory-limit", "200000") as server,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh,
    ):
        yield sleigh


def test_a_submitted_call_that_the_server_refuses(confined: Sleigh) -> None:
    error = confined.submit(functions.echo, bytes(300_000)).exception(SOON)
    assert isinstance(error, SleighNwsException)
    assert "memory limit" in str(error)
    assert confined.submit(times_ten, 1).result(SOON) == 10


@pytest.mark.slow
def test_a_refused_call_that_travels_with_another(confined: Sleigh) -> None:
    confined.submit(times_ten, 0).result(SOON)
    submissions = confined._submissions["task"]
    submissions._unsent.due = time.monotonic() + SOON / 2  # hold them back
    calls = [
        (functions.echo, bytes(300_000)),
        (lambda number: 10 * number, 1),
        (times_ten, 2),
    ]
    large, *small = [confined.submit(fun, argument) for fun, argument in calls]
    submissions._unsent.due = 0.0
    submissions.notify()
    assert [each.result(SOON) for each in small] == [10, 20]
    assert isinstance(large.exception(SOON), SleighNwsException)


# Memory


def test_a_result_is_freed_with_its_future(sleigh: Sleigh) -> None:
    future: Any = sleigh.submit(set, [1])
    result = weakref.ref(future.result(SOON))
    gc.disable()
    try:
        del future
        until(lambda: result() is None, "the end of the result")
    finally:
        gc.enable()
