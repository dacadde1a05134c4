"""Calls that are cut short, by Ctrl-C or by another thread, and what comes after them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighOccupiedException, SleighStoppedException
from tests.sleigh.functions import worker
from tests.support.deadly import note_and_wait, start_a_child_and_wait, times_ten
from tests.support.processes import Aside, until_file, until_gone
from tests.support.server import Server
from tests.support.spaces import HOST
from tests.support.strikes import alarm, inside


def interrupt_when(*files: Path) -> None:
    """Send SIGINT to this process, as a terminal does, once there are some files."""

    def wait_and_send() -> None:
        for file in files:
            until_file(file)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait_and_send, daemon=True).start()


def test_ctrl_c_leaves_a_sleigh_that_works(sleigh: Sleigh, tmp_path: Path) -> None:
    interrupt_when(tmp_path / "0", tmp_path / "1")
    with pytest.raises(KeyboardInterrupt):
        sleigh.eachElem(note_and_wait, range(100), [tmp_path], chunkSize=1)
    assert sleigh.eachElem(times_ten, range(100)) == list(range(0, 1000, 10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


@pytest.mark.parametrize("chunk_size", [None, 100])
def test_ctrl_c_drops_the_rest_of_a_task_too(
    sleigh: Sleigh, tmp_path: Path, chunk_size: int | None
) -> None:
    interrupt_when(tmp_path / "0")
    with pytest.raises(KeyboardInterrupt):
        sleigh.eachElem(note_and_wait, range(100), [tmp_path], chunkSize=chunk_size)
    assert sleigh.eachElem(times_ten, range(100)) == list(range(0, 1000, 10))
    assert len(list(tmp_path.iterdir())) <= 2, "each worker has begun one element at most"


def test_ctrl_c_ends_what_the_workers_are_at(sleigh: Sleigh, tmp_path: Path) -> None:
    interrupt_when(tmp_path / "0")
    with pytest.raises(KeyboardInterrupt):
        sleigh.eachElem(start_a_child_and_wait, [0], [tmp_path])
    until_gone([int(pid) for pid in (tmp_path / "0").read_text().split()])


def test_ctrl_c_leaves_nothing_on_the_server(server: Server, tmp_path: Path) -> None:
    with Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh:
        interrupt_when(tmp_path / "0")
        with pytest.raises(KeyboardInterrupt):
            sleigh.eachElem(note_and_wait, range(100), [tmp_path])
        assert sleigh.eachElem(times_ten, [1]) == [10]
        with NetWorkSpace("looking on", HOST, server.port) as ws:
            name = sleigh.nws.currentWs()
            variables = ws.server.useWs(name, create=False).listVars(format="dict")
            assert isinstance(variables, dict)
            for name in ("task", "result"):
                assert variables[name].values == 0, name
            functions = [name for name in variables if name.startswith("function")]
            assert len(functions) == 2, "they stay for a while, for calls with the same function"


def test_results_of_an_interrupted_call_are_not_taken_for_others(sleigh: Sleigh) -> None:
    def stop_in_the_middle() -> Iterator[int]:
        yield from range(50)
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            sleigh.eachElem(times_ten, stop_in_the_middle())
        assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]


@pytest.mark.slow
def test_ctrl_c_at_many_moments(sleigh: Sleigh) -> None:
    class Now(BaseException):
        pass

    struck: list[int] = []

    def strike(_: int, frame: FrameType | None) -> None:
        # Not in a finalizer, which would only report it.
        if moment not in struck and inside(frame):
            struck.append(moment)
            raise Now

    for moment in range(1, 16):
        with suppress(Now), alarm(strike, 0.001 * moment, 0.0005):
            while moment not in struck:
                assert sleigh.eachElem(abs, range(-moment, 0)) is not None
        assert sleigh.eachElem(times_ten, range(20)) == list(range(0, 200, 10))


# Threads


def test_only_one_call_at_a_time(sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(sleigh.eachElem, wait_for_a_file, [0], [tmp_path]))
    until_file(tmp_path / "begun")
    with pytest.raises(SleighOccupiedException):
        sleigh.eachElem(times_ten, [1])
    (tmp_path / "go on").write_text("!")
    assert call.result() == [0]
    assert sleigh.eachElem(times_ten, [1]) == [10]


def wait_for_a_file(element: int, folder: Path) -> int:
    (folder / "begun").write_text("!")
    until_file(folder / "go on")
    return element


def test_calls_from_another_thread(sleigh: Sleigh) -> None:
    assert Aside(partial(sleigh.eachElem, times_ten, [1, 2])).result() == [10, 20]


def test_a_stop_by_another_thread_ends_the_call(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        call = Aside(partial(sleigh.eachElem, note_and_wait, [0], [tmp_path]))
        pid = int(until_file(tmp_path / "0"))
        sleigh.stop()
        with pytest.raises(SleighStoppedException):
            call.result()
        until_gone([pid])


def test_a_handler_that_raises_something_else(sleigh: Sleigh, tmp_path: Path) -> None:
    """For example a test runner's own limit of time."""

    class TooLate(Exception):
        pass

    def handle(_: int, __: FrameType | None) -> None:
        raise TooLate

    before = signal.signal(signal.SIGINT, handle)
    try:
        interrupt_when(tmp_path / "0")
        with pytest.raises(TooLate):
            sleigh.eachElem(note_and_wait, [0], [tmp_path])
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(sleigh.eachElem(worker, [0])) == 1
