"""What a task has registered for the end of its process is done when its worker ends."""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import os
import signal
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from tests.support.deadly import wait_forever
from tests.support.processes import run_python, until

kept: list[object] = []
"""Lives as long as the process."""


class Thing:
    pass


def make(folder: Path) -> str:
    """Leave things that are cleaned up at the end of a process; return a temporary directory."""
    temporary = tempfile.TemporaryDirectory(dir=folder)
    thing = Thing()
    weakref.finalize(thing, (folder / "finalized").touch)
    atexit.register((folder / "at exit").touch)
    buffer = logging.handlers.MemoryHandler(1000, target=logging.FileHandler(folder / "log"))
    logging.getLogger("buffered").addHandler(buffer)
    logging.getLogger("buffered").warning("flushed")
    kept.extend([temporary, thing, buffer])
    return temporary.name


def finish(folder: Path) -> None:
    """Be told to leave, as by a batch system that ends a job, in the middle of it."""
    os.kill(os.getpid(), signal.SIGTERM)
    (folder / "finished").touch()


def make_more(folder: Path) -> str:
    atexit.register(finish, folder)
    return make(folder)


def fork(folder: Path) -> bool:
    """Let a fork of the worker end; tell whether it has left the worker's things alone."""
    made = make(folder)
    pid = os.fork()
    if pid == 0:
        kept.append(tempfile.TemporaryDirectory(dir=folder, prefix="of the fork "))
        sys.exit()
    os.waitpid(pid, 0)
    is_there = os.path.isdir(made) and not (folder / "finalized").exists()
    return is_there and not list(folder.glob("of the fork *"))


def test_when_the_sleigh_ends(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        (made,) = sleigh.eachWorker(make_more, tmp_path)
        assert os.path.isdir(made), "as long as the worker lives"
        assert not (tmp_path / "at exit").exists()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["at exit", "finalized", "finished", "log"]
    assert (tmp_path / "log").read_text() == "flushed\n"


def test_forks_leave_the_worker_its_own(lonely: Sleigh, tmp_path: Path) -> None:
    assert lonely.eachWorker(fork, tmp_path) == [True]


HANGING = """
import atexit, faulthandler, os, threading
from nws.sleigh.worker import exit_functions

def hang():
    threading.Event().wait()

faulthandler.dump_traceback_later(1000)
child = os.fork()
if child == 0:
    exit_functions._MAX_SECONDS = 0.1
    atexit.register(hang)
    exit_functions.run_exit_functions()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_one_that_hangs_ends_the_process_and_is_named(tmp_path: Path) -> None:
    """Also in a fork of a process that limits its own time, as tests by pytest do."""
    (tmp_path / "program.py").write_text(HANGING)
    done = run_python("program.py", cwd=tmp_path)
    assert done.stdout == f"{-signal.SIGALRM}\n"
    assert "line 6 in hang" in done.stderr


@pytest.mark.slow
def test_a_file_that_a_result_names_stays(
    on_server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where its worker is killed later: the master reads it when it likes."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Sleigh(**on_server, workerCount=1) as sleigh:
        (name, folder) = sleigh.eachElem(
            "import tempfile; SleighValue = tempfile.mkstemp()[1], tempfile.mkdtemp()", [1]
        )[0]
        pending = sleigh.eachElem(wait_forever, [1], blocking=False)
        until(lambda: sleigh.workerInfo()[0]["state"] == "running", "the element runs")
        pending.cancel()
        assert sleigh.eachElem(abs, [-1]) == [1]
    assert os.path.isfile(name)
    assert os.path.isdir(folder)
