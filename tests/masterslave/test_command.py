"""`nws task_manager`."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from click.testing import CliRunner

from nws.cli import main
from nws.masterslave import MasterProcess, TaskManager, command
from nws.masterslave.launched import stored_code
from tests.masterslave.conftest import Managers
from tests.support.processes import Aside
from tests.support.server import Server
from tests.support.spaces import HOST


def task_manager(*arguments: str, status: int = 0) -> str:
    """Run the command; return what it prints."""
    done = CliRunner().invoke(main, ["task_manager", *arguments], prog_name="nws")
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture
def busy(manager: TaskManager, another: Managers) -> TaskManager:
    """A master with something to do, and one slave, which handles two of three tags."""
    slave = another()
    slave.registerProcess(info="a slave", tags=["a", "b"])
    for tag in "aabcc":
        manager.addTaskRequest(tag, ())
    manager.numberOfTasks()  # so all are stored
    slave.getTaskWithTag("a", 1)
    slave.storeResult(slave.getTaskWithTag("b")[0], None)
    return manager


def test_show(busy: TaskManager, label: str) -> None:
    assert task_manager("show", label).splitlines() == [
        "2 active processe(s)",
        "3 waiting tasks",
        "1 running tasks",
        "1 results waiting to be retrieved",
    ]
    assert task_manager("-v", "show", label) == task_manager("show", label, "--verbose")
    assert task_manager("show", "-v", label).splitlines() == [
        "2 active processe(s)",
        "  the master",
        "  a slave",
        "3 waiting tasks",
        "  a: 1",
        "  b: 0",
        "  c: 2 (no slave handles this tag)",
        "1 running tasks",
        "  a: 1",
        "  b: 0",
        "  c: 0",
        "1 results waiting to be retrieved",
        "  a: 0",
        "  b: 1",
        "  c: 0",
    ]


def test_show_of_a_master_with_a_server_of_its_own(server: Server, busy: Any, label: str) -> None:
    said = task_manager("-m", f"{HOST}:{server.port}", "show", label)
    assert said == task_manager("show", label)


def test_list(busy: TaskManager, label: str) -> None:
    other = TaskManager("another one", create=True)
    assert task_manager("list").splitlines() == ["another one", label]
    assert task_manager("list", "-v").splitlines() == [
        "another one (0 active processe(s))",
        f"{label} (2 active processe(s))",
    ]
    other.close()


def test_show_as_json(busy: TaskManager, label: str) -> None:
    assert json.loads(task_manager("show", "--json", label)) == {
        "processes": [
            {"id": 0, "text": "the master", "tags": []},
            {"id": 1, "text": "a slave", "tags": ["a", "b"]},
        ],
        "waiting": {"a": 1, "b": 0, "c": 2},
        "running": {"a": 1, "b": 0, "c": 0},
        "results": {"a": 0, "b": 1, "c": 0},
        "unhandled": ["c"],
    }


def test_list_as_json(busy: TaskManager, label: str) -> None:
    assert json.loads(task_manager("list", "--json")) == [{"label": label, "processes": 2}]


def test_slave(label: str) -> None:
    """It becomes a slave in `test_programs.py`; here its master has stored no code."""
    master = MasterProcess(label)
    assert "give slave_script=" in task_manager("slave", label, status=1)
    master.task_manager.storeData(slave_code=("", "x.py", []), cwd="/never")
    assert "folder in which the master" in task_manager("slave", label, status=1)
    master.shutdown()


@pytest.mark.parametrize("action", ["show", "slave"])
def test_an_unknown_label(action: str) -> None:
    assert "no master of the label 'nobody'" in task_manager(action, "nobody", status=1)


def test_wait(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nws.masterslave.command._RETRY_SECONDS", 0.01)
    said = Aside(lambda: task_manager("-w", "show", label))
    master = MasterProcess(label)
    assert said.result().endswith("0 results waiting to be retrieved\n")
    master.shutdown()


def test_a_slave_that_waits_does_so_for_its_code_too(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A master has a label first, and stores its code then."""
    looked = threading.Event()

    def look(*arguments: Any) -> Any:
        try:
            return stored_code(*arguments)
        finally:
            looked.set()

    monkeypatch.setattr(command, "stored_code", look)
    monkeypatch.setattr(command, "_RETRY_SECONDS", 0.01)
    master = MasterProcess(label)
    said = Aside(lambda: task_manager("-w", "slave", label, status=1))
    assert looked.wait(60)
    master.task_manager.storeData(slave_code=("", "x.py", []), cwd="/never")
    assert "folder in which the master" in said.result()
    master.shutdown()


def test_list_waits_for_the_first_master(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def look() -> list[str]:
        try:
            return labels()
        finally:
            looked.set()

    labels = command._labels
    monkeypatch.setattr(command, "_labels", look)
    monkeypatch.setattr(command, "_RETRY_SECONDS", 0.01)
    said = Aside(lambda: task_manager("list", "-w"))
    assert looked.wait(60)
    master = MasterProcess(label)
    assert said.result() == f"{label}\n"
    master.shutdown()


def test_what_is_no_address_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "neither 'host' nor" in task_manager("-w", "-m", "host:99999", "show", "x", status=1)
    monkeypatch.setenv("NWS_SERVER_PORT", "none")
    assert "is no port" in task_manager("-w", "list", status=1)


@pytest.mark.parametrize("action", ["show", "slave"])
@pytest.mark.parametrize("wrong", ["a\nb", "\udcff"])  # a byte of the shell that is no UTF-8
def test_what_is_no_label(action: str, wrong: str) -> None:
    assert "leave them out" in task_manager(action, wrong, status=2).replace("\n", " ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("show",),
        ("slave",),
        ("list", "x"),
        ("list", "-m", "host"),
        ("other", "x"),
        ("show", "a", "b"),
        ("slave", "a", "--json"),
    ],
)
def test_a_wrong_call_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert "Usage: nws task_manager" in task_manager(*arguments, status=2)


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", "1")
    assert "NWS_SERVER_HOST" in task_manager("list", status=1)
