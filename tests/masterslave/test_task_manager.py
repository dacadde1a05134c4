"""What the task manager hands out, takes back and remembers."""

from __future__ import annotations

from typing import Any

import pytest

from nws.errors import NwsException, NwsLeaseLostException, NwsPicklingException
from nws.masterslave import (
    MasterProcess,
    MasterSlaveException,
    SlaveProcess,
    TaskManager,
    TaskManagerTermination,
    TaskRaisedException,
    runJob,
)
from tests.masterslave.conftest import Managers, Unreadable
from tests.support.processes import Aside, until


@pytest.fixture
def slave(another: Managers) -> TaskManager:
    """The manager of another process."""
    return another()


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits looks soon at what others have changed."""
    monkeypatch.setattr("nws.masterslave.task_manager._LOOK_SECONDS", 0.01)


def lose(manager: TaskManager, tag: str) -> None:
    """Take a task, and do not come back."""
    manager.getTaskWithTag(tag)
    manager._workspace.release(None)
    manager._held.clear()


def test_a_task_and_its_result(manager: TaskManager, slave: TaskManager) -> None:
    assert manager.addTaskRequest("double", (4,)) == "double_0"
    assert manager.addTaskRequest("halve", (4,)) == "halve_1", "one counter for all tags"
    assert slave.getTaskWithTag("double") == ("double_0", (4,))
    slave.storeResult("double_0", 8)
    assert manager.getAnyResult() == ("double_0", "double", 8)
    assert slave.getAnyTask() == ("halve_1", "halve", (4,))
    slave.storeResult("halve_1", [2])
    assert manager.getResultWithTag("halve") == ("halve_1", [2])


def test_results_wait_until_their_tag_is_asked_for(
    manager: TaskManager, slave: TaskManager
) -> None:
    for tag in "ab":
        manager.addTaskRequest(tag, ())
        slave.storeResult(slave.getTaskWithTag(tag)[0], tag)
    assert manager.getResultWithTag("b") == ("b_1", "b")
    assert manager.getResultWithTag("a") == ("a_0", "a")


def test_numbers_of_tasks(manager: TaskManager, slave: TaskManager) -> None:
    assert manager.numberOfTasks() == ({}, {}, {})
    for tag in "aab":
        manager.addTaskRequest(tag, ())
    slave.getTaskWithTag("a")
    slave.storeResult(slave.getTaskWithTag("b")[0], None)
    expected = ({"a": 1, "b": 0}, {"a": 1, "b": 0}, {"a": 0, "b": 1})
    assert manager.numberOfTasks() == slave.numberOfTasks() == expected


@pytest.mark.parametrize(
    ("exception", "traceback"), [("no value", ""), (ValueError, ""), (ValueError(), None)]
)
def test_what_is_no_exception_is_refused(
    manager: TaskManager, exception: Any, traceback: Any
) -> None:
    """It was raised where the result is retrieved, or was taken for the result."""
    manager.addTaskRequest("a", ())
    task_id, _ = manager.getTaskWithTag("a")
    with pytest.raises(TypeError, match="must be"):
        manager.storeException(task_id, exception, traceback)
    manager.storeResult(task_id, 1)  # it still runs


def test_a_returned_task_is_the_next_one(manager: TaskManager, slave: TaskManager) -> None:
    first, second = (manager.addTaskRequest("a", ()) for _ in range(2))
    slave.getAnyTask()
    slave.returnTask(first)
    assert [slave.getAnyTask()[0] for _ in range(2)] == [first, second]


def test_the_tasks_of_a_process_come_back_when_it_leaves(
    manager: TaskManager, slave: TaskManager
) -> None:
    number = slave.registerProcess()
    ids = [manager.addTaskRequest("a", ()) for _ in range(3)]
    kept = slave.getAnyTask()[0]
    for _ in range(2):
        slave.getAnyTask(number)
    slave.unregisterProcess(number)
    assert [manager.getAnyTask()[0] for _ in range(2)] == ids[1:]
    slave.storeResult(kept, "done")
    with pytest.raises(KeyError):
        slave.ping(number)
    with pytest.raises(KeyError):
        slave.getAnyTask(number)
    assert manager.addTaskRequest("a", ()) == slave.getAnyTask()[0], "nothing is blocked"


def test_the_tasks_of_a_process_come_back_when_its_session_ends(
    manager: TaskManager, slave: TaskManager
) -> None:
    number = slave.registerProcess()
    task_id = manager.addTaskRequest("a", ())
    slave.getAnyTask(number)
    assert manager.numberOfActiveProcesses() == 2
    slave._server.close()
    assert manager.getAnyTask()[0] == task_id
    until(lambda: manager.numberOfActiveProcesses() == 1, "the process is gone")


def test_what_an_expelled_process_stores_is_refused(
    manager: TaskManager, slave: TaskManager
) -> None:
    number = slave.registerProcess(watchdog_period=0.02)
    task_id = manager.addTaskRequest("a", ())
    slave.getAnyTask(number)
    assert manager.getAnyTask()[0] == task_id, "it was silent for too long"
    with pytest.raises(NwsLeaseLostException):
        slave.storeResult(task_id, "late")
    manager.storeResult(task_id, "in time")
    assert manager.getAnyResult() == (task_id, "a", "in time")
    until(lambda: manager.numberOfActiveProcesses() == 1, "it is gone")

    def is_back() -> bool:
        slave.ping(number)
        return manager.numberOfActiveProcesses() == 2

    until(is_back, "it is back")


def test_pings_keep_a_process_and_its_tasks(manager: TaskManager, slave: TaskManager) -> None:
    number = slave.registerProcess(watchdog_period=1000)
    task_id = manager.addTaskRequest("a", ())
    slave.getAnyTask(number)
    slave.ping(number)
    assert manager.numberOfActiveProcesses() == 2
    slave.storeResult(task_id, 1)
    slave.ping(number)
    assert manager.getAnyResult()[2] == 1


def test_processes_by_their_places(manager: TaskManager, another: Managers) -> None:
    first, second = another(), another()
    assert first.registerProcess(info="one") == 1
    assert second.registerProcess(info="two") == 2
    first.unregisterProcess(1)
    assert [manager.activeProcessInfo(place) for place in range(2)] == ["the master", "two"]
    with pytest.raises(IndexError, match="no process has place 2: 2 are there"):
        manager.activeProcessInfo(2)


@pytest.mark.parametrize("period", [0, -1.0, float("nan"), float("inf"), "1"])
def test_a_period_is_a_number_of_seconds(manager: TaskManager, period: Any) -> None:
    with pytest.raises(ValueError, match="watchdog_period"):
        manager.registerProcess(watchdog_period=period)
    with pytest.raises(ValueError, match="watchdog_period"):
        SlaveProcess(manager.label, watchdog_period=period)
    with pytest.raises(ValueError, match="watchdog_period"):
        runJob("never", MasterProcess, SlaveProcess, period)


def test_an_exception_is_raised_where_the_result_is_retrieved(
    manager: TaskManager, slave: TaskManager
) -> None:
    task_id = manager.addTaskRequest("a", ())
    slave.getAnyTask()
    slave.storeException(task_id, ZeroDivisionError("none"), "Traceback ...")
    with pytest.raises(TaskRaisedException, match=r"Traceback \.\.\.") as raised:
        manager.getResultWithTag("a")
    error = raised.value
    assert (error.task_id, error.tag, error.traceback) == (task_id, "a", "Traceback ...")
    assert isinstance(error.exception, ZeroDivisionError)
    assert error.__cause__ is error.exception


def test_a_task_that_costs_three_processes_has_failed(
    manager: TaskManager, slave: TaskManager
) -> None:
    killer, harmless = manager.addTaskRequest("a", (1,)), manager.addTaskRequest("a", (2,))
    for _ in range(3):
        lose(slave, "a")
    assert slave.getAnyTask()[0] == harmless
    with pytest.raises(TaskRaisedException, match=f"{killer} was given up: 3 processes"):
        manager.getAnyResult()


@pytest.mark.usefixtures("quick_looks")
def test_it_has_failed_even_if_nobody_is_left_who_would_take_it(
    manager: TaskManager, slave: TaskManager
) -> None:
    manager.addTaskRequest("a", ())
    for _ in range(3):
        lose(slave, "a")
    slave.close()
    with pytest.raises(TaskRaisedException, match="given up"):
        manager.getAnyResult()


@pytest.mark.usefixtures("quick_looks")
def test_who_looks_at_tasks_leaves_them_in_their_order(
    manager: TaskManager, slave: TaskManager
) -> None:
    ids = [manager.addTaskRequest("a", ()) for _ in range(3)]
    waiting = Aside(manager.getAnyResult)
    for task_id in ids:
        assert slave.getAnyTask() == (task_id, "a", ())
    slave.storeResult(ids[1], "result")
    assert waiting.result() == (ids[1], "a", "result")


@pytest.mark.usefixtures("quick_looks")
def test_who_waits_for_any_tag_learns_new_ones(manager: TaskManager, slave: TaskManager) -> None:
    task = Aside(slave.getAnyTask)
    result = Aside(slave.getAnyResult)
    task_id = manager.addTaskRequest("new", ())
    assert task.result()[:2] == (task_id, "new")
    slave.storeResult(task_id, 1)
    assert result.result() == (task_id, "new", 1)


def test_ids_of_several_managers_differ(manager: TaskManager, slave: TaskManager) -> None:
    ids = [each.addTaskRequest("a", ()) for each in (slave, manager, slave)]
    assert len(set(ids)) == 3


@pytest.mark.usefixtures("quick_looks")
class TestTermination:
    def test_who_waits_is_told(self, manager: TaskManager, slave: TaskManager) -> None:
        manager.addTaskRequest("a", ())
        manager.storeResult(manager.getAnyTask()[0], 1)
        manager.getAnyResult()
        waiting: list[Aside[Any]] = [
            Aside(slave.getAnyTask),
            Aside(lambda: slave.getTaskWithTag("a")),
            Aside(lambda: slave.getTaskWithTag("a")),
            Aside(manager.getAnyResult),
            Aside(lambda: manager.getResultWithTag("b")),
        ]
        manager.terminate()
        manager.terminate()
        for each in waiting:
            with pytest.raises(TaskManagerTermination):
                each.result()

    def test_tasks_and_results_are_handed_out_first(
        self, manager: TaskManager, slave: TaskManager
    ) -> None:
        task_id = manager.addTaskRequest("a", ())
        slave.registerProcess()
        manager.terminate()
        assert slave.getAnyTask()[0] == task_id
        result = Aside(manager.getAnyResult)
        with pytest.raises(TaskManagerTermination):
            slave.getAnyTask()
        slave.storeResult(task_id, "last")
        assert result.result() == (task_id, "a", "last")

    def test_nobody_waits_for_tasks_that_nobody_will_do(self, manager: TaskManager) -> None:
        manager.addTaskRequest("a", ())
        manager.terminate()
        with pytest.raises(TaskManagerTermination):
            manager.getAnyResult()

    def test_closing_ends_waits(self, manager: TaskManager) -> None:
        waiting = Aside(manager.getAnyResult)
        manager.close()
        with pytest.raises(TaskManagerTermination):
            waiting.result()


class TestData:
    def test_it_is_stored_replaced_and_deleted(
        self, manager: TaskManager, slave: TaskManager
    ) -> None:
        manager.storeData(x=1, y=None)
        assert (slave.retrieveData("x"), slave.retrieveData("y")) == (1, None)
        slave.storeData(x="new")
        assert manager.retrieveData("x") == "new"
        manager.deleteData("x")
        for refused in (slave.retrieveData, slave.deleteData):
            with pytest.raises(KeyError):
                refused("x")
        with pytest.raises(KeyError):
            slave.retrieveData("never")
        assert slave.retrieveData("y") is None, "a missing name blocks nothing"


class TestBadInput:
    def test_a_second_master(self, manager: TaskManager, label: str) -> None:
        with pytest.raises(MasterSlaveException, match="there is a master of the label"):
            TaskManager(label, create=True)
        manager.addTaskRequest("a", ())
        assert manager.getAnyTask()[1] == "a", "the first one goes on"

    def test_what_is_no_label(self) -> None:
        with pytest.raises(TypeError, match="a label must be a text, not int"):
            TaskManager(5, create=True)  # type: ignore[arg-type]
        for label in ("a\nb", "\x7f"):
            with pytest.raises(ValueError, match="has control characters"):
                TaskManager(label)

    def test_what_is_no_line_about_a_process(self, manager: TaskManager) -> None:
        with pytest.raises(TypeError, match="info must be a text, not int"):
            manager.registerProcess(info=5)  # type: ignore[arg-type]

    def test_what_is_no_class_of_a_job(self) -> None:
        for classes in ((SlaveProcess, SlaveProcess), (MasterProcess, print)):
            with pytest.raises(TypeError, match="is no subclass of"):
                runJob("never", *classes)

    def test_no_master(self) -> None:
        with pytest.raises(MasterSlaveException, match="start the master first"):
            TaskManager("nobody's")

    def test_no_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NWS_SERVER_PORT", "1")
        with pytest.raises(MasterSlaveException, match="nws server start"):
            TaskManager("any", create=True)
        with pytest.raises(MasterSlaveException, match="start the master first"):
            TaskManager("any", "localhost:1")

    def test_what_cannot_be_a_task(self, manager: TaskManager) -> None:
        with pytest.raises(TypeError, match="tag"):
            manager.addTaskRequest(5, ())  # type: ignore[arg-type]
        with pytest.raises(NwsPicklingException, match="tag 'a'"):
            manager.addTaskRequest("a", (lambda: None,))
        assert manager.numberOfTasks() == ({}, {}, {})

    @pytest.mark.parametrize("tag", ["a\nb", "a" * 65_530], ids=["control", "long"])
    def test_a_tag_that_is_no_name_is_refused_at_once(
        self, manager: TaskManager, slave: TaskManager, tag: str
    ) -> None:
        task_id = manager.addTaskRequest("a", ())  # what follows at once is of the same burst
        with pytest.raises((NwsException, ValueError), match=r"control characters|at most"):
            manager.addTaskRequest(tag, ())
        slave.getAnyTask()
        slave.storeResult(task_id, "done")
        assert manager.getAnyResult() == (task_id, "a", "done"), "the others are not hurt"

    def test_what_is_not_held_here(self, manager: TaskManager) -> None:
        manager.addTaskRequest("a", ())
        for refused in (
            lambda: manager.storeResult("a_0", 1),
            lambda: manager.storeException("a_0", ValueError(), ""),
            lambda: manager.returnTask("a_0"),
        ):
            with pytest.raises(KeyError, match="the task 'a_0' is not held here"):
                refused()
        for absent in (manager.ping, manager.unregisterProcess, manager.getAnyTask):
            with pytest.raises(KeyError, match="no process 9 is registered here"):
                absent(9)
        for missing in (manager.retrieveData, manager.deleteData):
            with pytest.raises(KeyError, match="no data is stored as 'x'"):
                missing("x")

    def test_what_is_no_tag(self, manager: TaskManager) -> None:
        wrong: Any = 3
        for call in (manager.getResultWithTag, manager.getTaskWithTag):
            with pytest.raises(TypeError, match="a tag must be a text, not int"):
                call(wrong)

    def test_too_many_tags(self, manager: TaskManager, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nws.masterslave.task_queues._MAX_TAGS", 2)
        for tag in "aba":
            manager.addTaskRequest(tag, ())
        with pytest.raises(MasterSlaveException, match="'c' would be one of more than 2 tags"):
            manager.addTaskRequest("c", ())

    def test_parameters_that_cannot_be_read_are_the_task_s_error(
        self, manager: TaskManager
    ) -> None:
        manager.addTaskRequest("a", Unreadable())
        readable = manager.addTaskRequest("a", 1)
        assert manager.getAnyTask() == (readable, "a", 1)
        with pytest.raises(TaskRaisedException, match="no number"):
            manager.getAnyResult()

    def test_a_result_that_cannot_be_pickled_leaves_the_task(self, manager: TaskManager) -> None:
        task_id = manager.addTaskRequest("a", ())
        manager.getAnyTask()
        with pytest.raises(NwsPicklingException, match=f"result of task {task_id}"):
            manager.storeResult(task_id, lambda: None)
        manager.storeResult(task_id, 1)
        assert manager.getAnyResult()[2] == 1
