"""Environment variables and the working folder: tasks find them as they were when a call began."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from nws.sleigh.shared.surroundings import Surroundings, WorkerSurroundings, are_changes
from tests.support.sleighs import supervisor_of, until_replaced, workers

LATER = "SET_AFTER_THE_START"
BEFORE = "SET_BEFORE_THE_START"


@pytest.fixture(scope="module", autouse=True)
def before() -> Iterator[None]:
    """Comes before the sleigh, which inherits it."""
    os.environ[BEFORE] = "old"
    yield
    del os.environ[BEFORE]


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any], before: None) -> Iterator[Sleigh]:
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh


def seen(_: Any = None) -> tuple[str | None, str | None, str]:
    return os.environ.get(BEFORE), os.environ.get(LATER), os.getcwd()


def test_what_the_master_changes(
    sleigh: Sleigh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = os.getcwd()
    assert sleigh.eachWorker(seen) == [("old", None, first)] * 2
    with monkeypatch.context() as changed:
        changed.setenv(BEFORE, "new")
        changed.setenv(LATER, "ä \udcff\n=")
        changed.chdir(tmp_path)
        expected = ("new", "ä \udcff\n=", str(tmp_path))
        assert sleigh.eachWorker(seen) == [expected] * 2
        assert sleigh.submit(seen).result() == expected
        assert list(sleigh.imap(seen, [0])) == [expected]
        changed.delenv(BEFORE)
        assert sleigh.eachWorker(seen) == [(None, *expected[1:])] * 2
    assert sleigh.eachWorker(seen) == [("old", None, first)] * 2
    assert seen() == ("old", None, first)


def test_a_call_keeps_what_it_began_with(sleigh: Sleigh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LATER, "1")
    pending = sleigh.eachElem(seen, range(50), chunkSize=1, blocking=False)
    monkeypatch.setenv(LATER, "2")
    later = [sleigh.submit(seen) for _ in range(50)]
    assert {value[1] for value in pending.wait()} == {"1"}
    assert {future.result()[1] for future in later} == {"2"}


def test_a_new_worker_and_a_new_supervisor(sleigh: Sleigh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BEFORE, "new")
    assert sleigh.eachWorker(seen)[0][0] == "new"
    pid = workers(sleigh)[0]
    os.kill(pid, 9)
    until_replaced(sleigh, pid)
    assert [value[0] for value in sleigh.eachWorker(seen)] == ["new", "new"]
    os.kill(supervisor_of(sleigh), 9)
    assert [value[0] for value in sleigh.eachWorker(seen)] == ["new", "new"]
    monkeypatch.setenv(BEFORE, "old")
    assert [value[0] for value in sleigh.eachWorker(seen)] == ["old", "old"]


# Each side by itself


def test_nothing_is_sent_when_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings = Surroundings(variables=True, folder=True)
    assert surroundings.look() == ()
    monkeypatch.setenv(LATER, "x")
    assert surroundings.look() == ("", ((LATER, "x"),))
    assert surroundings.look() is surroundings.look()
    monkeypatch.delenv(LATER)
    assert surroundings.look() == ()


def test_a_thread_that_removes_variables_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings = Surroundings(variables=True, folder=False)
    monkeypatch.setenv(LATER, "new \udcff")

    def decode(name: bytes) -> str:
        os.environ.pop(LATER, None)
        return os.fsdecode(name)

    monkeypatch.setattr(os.environ, "decodekey", decode)
    assert surroundings.look() == ("", ((LATER, "new \udcff"),))


def test_no_variables_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings = Surroundings(variables=True, folder=True)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    changes = surroundings.look()
    assert changes
    assert (BEFORE, None) in changes[1]


def test_variables_stay_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    surroundings = Surroundings(variables=False, folder=True)
    monkeypatch.setenv(LATER, "x")
    assert surroundings.look() == ()
    monkeypatch.chdir(tmp_path)
    assert surroundings.look() == (str(tmp_path), ())


def test_a_folder_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    surroundings, first = Surroundings(variables=True, folder=True), os.getcwd()
    worker = WorkerSurroundings()
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    changes = surroundings.look()
    shutil.rmtree(folder)
    assert surroundings.look() == ()
    monkeypatch.chdir(first)
    worker.apply(changes)
    assert os.getcwd() == first, "it is not there, so the worker stays where it is"


def test_what_a_task_changes_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LATER, "by a task")
    worker = WorkerSurroundings()
    monkeypatch.chdir(tmp_path)
    worker.apply(("", ((BEFORE, "new"),)))
    assert seen() == ("new", "by a task", str(tmp_path))
    worker.apply(())
    assert seen() == ("old", "by a task", str(tmp_path))


def test_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    worker, names = WorkerSurroundings(), time.tzname
    worker.apply(("", (("TZ", "ABC-3"),)))
    assert time.tzname[0] == "ABC"
    worker.apply(())
    assert time.tzname == names


@pytest.mark.parametrize(
    ("thing", "are"),
    [
        (("", (("a", "b"), ("c", None))), True),
        (("folder", ()), True),
        ((b"", ()), False),
        (("", ((1, "b"),)), False),
        (("", (("a", 1),)), False),
        (("", 5), False),
        (("",), False),
    ],
)
def test_what_others_store(thing: Any, are: bool) -> None:
    assert are_changes(thing) == are


def test_the_garbage_collector_leaves_alone_what_was_imported(sleigh: Sleigh) -> None:
    assert min(sleigh.eachWorker("__import__('gc').get_freeze_count()")) > 10_000
