"""Processes that run, and whose workers do not join: a call does not wait for them for ever."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from nws.errors import SleighJoinException
from nws.sleigh import Sleigh
from tests.support.processes import Aside, until
from tests.support.server import Server

WAITS = """
import sys, time
if "-c" in sys.orig_argv:
    time.sleep(600)
"""


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nws.sleigh.launch.processes._MAX_JOINING_SECONDS", 0.2)


def test_a_supervisor_that_waits_for_something_else(
    server: Server, impatience: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WAITS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *_python_path()]))
    with Sleigh(workerCount=1, nwsHost="localhost", nwsPort=server.port) as sleigh:
        call = Aside(partial(sleigh.eachElem, abs, [-1]))
        with pytest.raises(SleighJoinException, match=r"this machine .* has not joined: .*\.pth"):
            call.result()


def _python_path() -> list[str]:
    return [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []


def test_a_command_that_leads_nowhere(
    server: Server, impatience: None, caplog: pytest.LogCaptureFixture
) -> None:
    """It may wait in a queue: one is told, and the call waits."""
    with Sleigh(
        launch=lambda *_: ["sh", "-c", "exec sleep 600"],
        nodeList=["node1"],
        nwsHost="localhost",
        nwsPort=server.port,
    ) as sleigh:
        future = sleigh.submit(abs, -1)
        until(lambda: "has not joined" in caplog.text, "a warning")
        assert not future.done()
        assert caplog.text.count("has not joined") == 1
    assert future.done()


def test_workers_that_have_joined_are_left_alone(server: Server, impatience: None) -> None:
    with Sleigh(workerCount=1, nwsHost="localhost", nwsPort=server.port) as sleigh:
        (pid,) = sleigh.eachWorker(os.getpid)
        assert sleigh.eachElem(_later, [0.6]) == [pid]


def _later(seconds: float) -> int:
    import time

    time.sleep(seconds)
    return os.getpid()
