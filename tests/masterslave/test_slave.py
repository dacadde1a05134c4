"""What a slave does with tasks. It runs in a thread here; as a process in `test_programs.py`."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nws import masterslave
from nws.errors import NwsPicklingException
from nws.masterslave import (
    GlobalStateValue,
    MasterProcess,
    MasterSlaveException,
    SlaveProcess,
    TaskRaisedException,
    getMachineInfo,
    runJob,
    startSlaveProcess,
)
from tests.support.processes import Aside, until


class Slave(SlaveProcess):
    """Does a few things."""

    def do_sqrt(self, number: float) -> float:
        return math.sqrt(number)

    def do_second(self, one: Any, two: Any) -> Any:
        return two

    def do_exit(self) -> None:
        sys.exit("enough")

    def do_cancelled(self) -> None:
        raise asyncio.CancelledError  # which is no Exception

    def do_unpicklable(self) -> Any:
        return lambda: None

    def do_call(self, function: Callable[[], Any]) -> Any:
        return function()


@pytest.fixture
def master(label: str) -> Iterator[MasterProcess]:
    """A master on the usual server."""
    master = MasterProcess(label)
    yield master
    master.shutdown()


@pytest.fixture
def slave(master: MasterProcess, label: str) -> Iterator[Slave]:
    """A slave at work."""
    slave = Slave(label)
    end = Aside(slave.start)
    yield slave
    master.task_manager.terminate()
    end.result()


def test_results_of_one_tag_and_of_any(master: MasterProcess, slave: Slave) -> None:
    ids = [master.requestTask("sqrt", float(number)) for number in (0, 1, 4)]
    ids.append(master.requestTask("second", 1, "two"))
    assert ids == ["sqrt_0", "sqrt_1", "sqrt_2", "second_3"]
    assert master.retrieveResult("second") == ("second_3", "second", "two")
    assert [master.retrieveResult() for _ in range(3)] == [
        (ids[number], "sqrt", float(number)) for number in range(3)
    ]


@pytest.mark.parametrize("count", [300, pytest.param(2000, marks=pytest.mark.nightly)])
def test_many_requests_before_the_first_result(
    master: MasterProcess, slave: Slave, count: int
) -> None:
    for number in range(count):
        master.requestTask("second", None, number)
    results = [master.retrieveResult("second")[2] for _ in range(count)]
    assert results == list(range(count))


def test_an_exception_with_its_traceback(master: MasterProcess, slave: Slave) -> None:
    master.requestTask("sqrt", -1.0)
    with pytest.raises(TaskRaisedException, match="in do_sqrt") as raised:
        master.retrieveResult("sqrt")
    assert (raised.value.task_id, raised.value.tag) == ("sqrt_0", "sqrt")
    assert isinstance(raised.value.exception, ValueError)
    assert raised.value.traceback.startswith("Traceback")
    assert "ValueError: math domain error" in raised.value.traceback


@pytest.mark.parametrize(
    ("tag", "parameters", "kind"),
    [
        ("exit", (), SystemExit),
        ("cancelled", (), asyncio.CancelledError),
        ("unpicklable", (), NwsPicklingException),
        ("second", (1,), TypeError),
        ("second", (1, 2, 3), TypeError),
        ("second", (GlobalStateValue(1, "never"), 2), KeyError),
    ],
)
def test_what_goes_wrong_is_the_task_s_and_the_slave_goes_on(
    master: MasterProcess, slave: Slave, tag: str, parameters: tuple[Any, ...], kind: type
) -> None:
    master.requestTask(tag, *parameters)
    master.requestTask("second", 1, "fine")
    with pytest.raises(TaskRaisedException) as raised:
        master.retrieveResult(tag)
    assert raised.value.task_id == f"{tag}_0"
    assert isinstance(raised.value.exception, kind)
    assert master.retrieveResult() == ("second_1", "second", "fine")


def test_the_first_state_is_1_and_slaves_never_see_an_old_value(
    master: MasterProcess, slave: Slave
) -> None:
    assert master.setGlobalState(x="old", y="other") == 1
    master.requestTask("second", None, GlobalStateValue(1, "x"))
    assert master.retrieveResult()[2] == "old"
    assert master.setGlobalState(x="new") == 2
    for state_id, name in ((2, "x"), (1, "x"), (1, "y")):
        master.requestTask("second", None, GlobalStateValue(state_id, name))
    results = [master.retrieveResult()[2] for _ in range(3)]
    assert results == ["new", "old", "other"]


def test_a_state_is_read_once_and_only_parameters_themselves_are_replaced(
    master: MasterProcess, slave: Slave
) -> None:
    master.setGlobalState(x=["a value"])
    value = GlobalStateValue(1, "x")
    master.requestTask("second", None, value)
    master.retrieveResult()
    master.deleteGlobalState(1)
    master.requestTask("second", None, value)
    assert master.retrieveResult()[2] == ["a value"], "this slave keeps it"
    master.requestTask("second", None, [value])
    assert master.retrieveResult()[2] == [value]
    with pytest.raises(KeyError):
        master.deleteGlobalState(1)


def test_tags_that_it_does_not_handle_are_left_alone(master: MasterProcess, slave: Slave) -> None:
    master.requestTask("unknown")
    master.requestTask("second", 1, 2)
    assert master.retrieveResult()[1] == "second"
    waiting, _, _ = master.task_manager.numberOfTasks()
    assert waiting == {"unknown": 1, "second": 0}


def test_functions_of_a_namespace_are_handlers_too(master: MasterProcess, label: str) -> None:
    namespace = {"do_half": lambda number: number / 2, "do_nothing": "no function", "other": abs}
    end = Aside(lambda: SlaveProcess(label).start(namespace))
    master.requestTask("half", 3)
    assert master.retrieveResult()[2] == 1.5
    (process,) = (each for each in master.task_manager.active_processes() if each.id)
    assert process.tags == ["half"]
    master.task_manager.terminate()
    end.result()


def test_a_slave_leaves_nothing(master: MasterProcess, label: str) -> None:
    end = Aside(lambda: SlaveProcess(label).start({"do_it": str}))
    master.requestTask("it")
    master.retrieveResult()
    listing = master.task_manager._workspace.listVars
    assert "\nprocess 1\t" in listing()
    master.task_manager.terminate()
    end.result()
    assert "\nprocess 1\t" not in listing()


class Limited(SlaveProcess):
    """Ends after two tasks."""

    done = 0

    def do_count(self) -> int:
        self.done += 1
        return self.done

    def terminationTest(self) -> bool:
        return self.done == 2


def test_a_slave_can_retire_between_tasks(master: MasterProcess, label: str) -> None:
    for _ in range(3):
        master.requestTask("count")
    Limited(label).start()
    assert [master.retrieveResult()[2] for _ in range(2)] == [1, 2]
    assert master.task_manager.numberOfTasks()[0] == {"count": 1}
    assert master.task_manager.numberOfActiveProcesses() == 1


def test_ctrl_c_gives_the_task_back(master: MasterProcess, label: str) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    task_id = master.requestTask("it")
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            SlaveProcess(label).start({"do_it": interrupted})
    assert master.task_manager.numberOfActiveProcesses() == 1
    assert master.task_manager.getAnyTask()[0] == task_id, "nobody is to blame"


def test_a_slave_sends_signs_of_life(
    master: MasterProcess, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.masterslave.process_registry._SILENT_PERIODS", 100_000)
    slave = SlaveProcess(label, watchdog_period=0.01)
    pings: list[int] = []
    ping = slave.task_manager.ping

    def noted(process_id: int) -> None:
        ping(process_id)
        pings.append(process_id)

    slave.task_manager.ping = noted  # type: ignore[method-assign]

    def wait_for_pings() -> int:
        return until(lambda: len(pings) > 3 and len(pings), "signs of life")

    end = Aside(lambda: slave.start({"do_wait": wait_for_pings}))
    master.requestTask("wait")
    assert master.retrieveResult()[2] > 3
    master.task_manager.terminate()
    end.result()


def test_a_slave_may_give_no_signs_of_life(master: MasterProcess, label: str) -> None:
    slave = SlaveProcess(label, watchdog_period=None)
    slave.task_manager.ping = None  # type: ignore[method-assign, assignment]
    master.requestTask("double", 2)
    master.task_manager.terminate()
    slave.start({"do_double": lambda number: 2 * number})
    assert master.retrieveResult()[2] == 4


@pytest.mark.parametrize("period", [0, -1.0, "120", float("nan"), 1e9])
def test_what_is_no_period(label: str, period: Any) -> None:
    with pytest.raises(ValueError, match=f"watchdog_period={period!r} is neither"):
        SlaveProcess(label, watchdog_period=period)
    with pytest.raises(ValueError, match=f"watchdog_period={period!r} is neither"):
        runJob(label, MasterProcess, SlaveProcess, period)


def test_without_handlers_it_says_so(master: MasterProcess, label: str) -> None:
    with pytest.raises(MasterSlaveException, match="do_<tag>"):
        SlaveProcess(label).start()


def test_without_a_label_it_says_so() -> None:
    with pytest.raises(MasterSlaveException, match="needs a label"):
        startSlaveProcess()


def test_when_the_master_dies_it_says_so(label: str) -> None:
    master = MasterProcess(label)
    end = Aside(Slave(label).start)
    until(lambda: master.task_manager.numberOfActiveProcesses() == 2, "the slave is there")
    master.task_manager._server.close()
    with pytest.raises(MasterSlaveException, match="has ended without a shutdown"):
        end.result()


def test_debug_prints_what_it_does(
    master: MasterProcess, label: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(masterslave, "debug", True)
    master.requestTask("count")
    master.requestTask("count")
    Limited(label).start()
    lines = capfd.readouterr().err.splitlines()
    assert all(line.startswith(getMachineInfo()) for line in lines)
    assert [line.partition(": ")[2] for line in lines][:3] == [
        "process 1 begins",
        "task count_0 begins",
        "task count_0 is done",
    ]
