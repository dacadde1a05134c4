"""Sleighs, servers and folders for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh
from tests.support.processes import children, run_python, started_with, until
from tests.support.server import Server, running
from tests.support.spaces import HOST

_MARK = "SLEIGH_TESTS"
"""A variable of the environment by which processes are known that tests have started."""

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Two workers, shared by the tests of a module."""
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh


@pytest.fixture(scope="module")
def alone(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """One worker, shared by tests of a module that leave no call under way."""
    with Sleigh(**on_server, workerCount=1) as sleigh:
        yield sleigh


@pytest.fixture
def lonely(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """One worker for one test."""
    with Sleigh(**on_server, workerCount=1) as sleigh:
        yield sleigh


@pytest.fixture(scope="module")
def serial(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """A serial sleigh, shared by the tests of a module."""
    with Sleigh(**on_server, serial=True) as sleigh:
        yield sleigh


@pytest.fixture
def small(tmp_path: Path) -> Iterator[NetWorkSpace]:
    """A workspace on a server with little room."""
    with running(tmp_path, "--memory-limit", "200000") as server:
        ws = NetWorkSpace("small", HOST, server.port)
        yield ws
        ws.server.close()


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(server: Server) -> Iterator[None]:
    """No process may outlive the tests of a module, not even one that lost its parent; but for the
    server that tests share, which is there before."""
    before = children(os.getpid())
    mark = f"{os.getpid()} {time.monotonic_ns()}"
    os.environ[_MARK] = mark
    yield
    del os.environ[_MARK]
    assert children(os.getpid()) == before
    until(lambda: started_with(_MARK, mark) == [], "the end of all that was started")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a master of this process lose hope soon."""
    monkeypatch.setattr("nws.sleigh.master.liveness._LOST_SECONDS", 0.2)
    monkeypatch.setattr("nws.sleigh.master.liveness._LOST_BY_HAND_SECONDS", 0.2)
    monkeypatch.setattr("nws.sleigh.master.liveness._CHECK_SECONDS", 0.1)
    monkeypatch.setattr("nws.sleigh.launch.processes._FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with a short path for temporary files; nothing may be left in it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    try:
        yield folder
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def script(tmp_path: Path, short: Path) -> Script:
    """Runs the text of a program as a file of its own. It may not complain on stderr."""

    def run(
        text: str, *arguments: str, cwd: Path | None = None, stdin: str = "", status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "program.py"
        path.write_text(text)
        env = {"TMPDIR": str(short)}
        done = run_python(
            path, *arguments, cwd=cwd or tmp_path, env=env, stdin=stdin, status=status
        )
        assert done.stderr == ""
        return done

    return run
