"""How a master begins and ends."""

from __future__ import annotations

import logging
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws.masterslave import (
    MasterProcess,
    MasterSlaveException,
    SlaveProcess,
    TaskManager,
    initializeMasterProcess,
    runJob,
)
from nws.masterslave.master import check_slave_count
from tests.support.processes import Aside
from tests.support.spaces import HOST


def test_a_second_master_of_a_label_is_refused_at_once(label: str) -> None:
    first = MasterProcess(label)
    with pytest.raises(MasterSlaveException, match=f"master of the label '{label}' already"):
        MasterProcess(label)
    first.shutdown()
    MasterProcess(label).shutdown()


def test_shutdown_names_who_did_not_leave(label: str, caplog: pytest.LogCaptureFixture) -> None:
    master = MasterProcess(label)
    stubborn = TaskManager(label)
    stubborn.registerProcess(info="PID 1 on elsewhere")
    with caplog.at_level(logging.WARNING, "nws"):
        master.shutdown(timeout=0.05)
    assert "after 0.05 s these slaves have not ended: PID 1 on elsewhere" in caplog.text
    master.shutdown()  # the second time it does nothing
    stubborn.close()
    MasterProcess(label).shutdown()


@pytest.mark.parametrize("timeout", [-1.0, "10", None, float("nan")])
def test_a_time_that_is_none_shuts_nothing_down(label: str, timeout: Any) -> None:
    master = MasterProcess(label)
    with pytest.raises(ValueError, match=f"timeout={timeout!r} is no number of seconds"):
        master.shutdown(timeout)
    assert master.requestTask("x") == "x_0"
    master.shutdown()


def test_shutdown_does_not_wait_for_the_dead(label: str, caplog: pytest.LogCaptureFixture) -> None:
    master = MasterProcess(label)
    dead = TaskManager(label)
    dead.registerProcess(watchdog_period=None)
    dead._server.close()
    master.shutdown()
    assert caplog.text == ""


def test_shutdown_lets_slaves_do_what_waits(label: str) -> None:
    master = MasterProcess(label)
    done: list[int] = []
    for number in range(3):
        master.requestTask("note", number)
    end = Aside(lambda: SlaveProcess(label).start({"do_note": done.append}))
    master.retrieveResult()
    master.shutdown()
    end.result()
    assert done == [0, 1, 2]


def test_results_after_the_end_are_none(label: str) -> None:
    master = MasterProcess(label)
    waiting = Aside(master.retrieveResult)
    waiting_for_tag = Aside(lambda: master.retrieveResult("x"))
    master.shutdown()
    assert waiting.result() == waiting_for_tag.result() == (None, None, None)
    assert master.retrieveResult() == (None, None, None)
    with pytest.raises(MasterSlaveException, match="was shut down: it takes no tasks"):
        master.requestTask("x")
    with pytest.raises(MasterSlaveException, match="was shut down: it stores nothing"):
        master.setGlobalState(x=1)
    for ended in (master.launchSlaveJobs, partial(master.task_manager.deleteData, "x")):
        with pytest.raises(MasterSlaveException, match="was shut down: it has nothing"):
            ended()


def test_start_runs_and_shuts_down_whatever_happens(label: str) -> None:
    with pytest.raises(NotImplementedError, match="run"):
        MasterProcess(label).start()
    MasterProcess(label).shutdown()


def test_a_state_that_is_not_there_is_named(label: str) -> None:
    master = MasterProcess(label)
    with pytest.raises(KeyError, match="no global state 7"):
        master.deleteGlobalState(7)
    master.shutdown()


def test_slaves_cannot_be_launched_without_code(label: str) -> None:
    master = MasterProcess(label)
    with pytest.raises(KeyError, match="slave_code"):
        master.launchSlaveJobs()
    master.shutdown()


def test_a_program_without_a_file_launches_no_slaves(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Master(MasterProcess):
        def run(self) -> None:
            raise LookupError("it runs")

    # As in `python - <<END`.
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "<stdin>", raising=False)
    with pytest.raises(LookupError, match="it runs"):
        runJob(label, Master, SlaveProcess)
    with pytest.raises(KeyError, match="a program that has a file"):
        runJob(label, Master, SlaveProcess, launch_slaves=1)


def test_a_script_that_is_not_there_is_an_error_at_once(label: str) -> None:
    with pytest.raises(FileNotFoundError):
        initializeMasterProcess(label, slave_script="never.py")
    MasterProcess(label).shutdown()


@pytest.mark.parametrize(
    ("number", "error"), [("2", TypeError), (1.5, TypeError), (-1, ValueError)]
)
def test_the_number_of_slaves_is_a_whole_number(label: str, number: Any, error: type) -> None:
    with pytest.raises(error, match="launch_slaves="):
        runJob(label, MasterProcess, SlaveProcess, launch_slaves=number)
    master = MasterProcess(label)  # no other has begun
    with pytest.raises(error, match="n="):
        master.launchSlaveJobs(number)
    master.shutdown()


def test_the_number_of_slaves_may_be_one_of_numpy() -> None:
    check_slave_count(np.int64(2), "n")


def test_a_script_that_is_no_program_is_an_error_at_once(label: str, tmp_path: Path) -> None:
    script = tmp_path / "slave.py"
    script.write_text("def (:\n")
    with pytest.raises(SyntaxError, match="invalid syntax"):
        initializeMasterProcess(label, slave_script=str(script))
    MasterProcess(label).shutdown()


@pytest.mark.parametrize(
    ("module", "error"), [(5, TypeError), ("", ValueError), ("no module", ValueError)]
)
def test_what_is_no_name_of_a_module_is_an_error_at_once(
    label: str, module: Any, error: type
) -> None:
    with pytest.raises(error, match="slave_module="):
        initializeMasterProcess(label, slave_module=module)
    MasterProcess(label).shutdown()


class TestOwnServer:
    def test_slaves_find_it_by_its_address(self, label: str) -> None:
        master = initializeMasterProcess(label, use_name_server=False, master_host=f"{HOST}:0")
        with pytest.raises(MasterSlaveException, match="no master"):
            SlaveProcess(label)
        slave = SlaveProcess(label, master.master_host)
        end = Aside(lambda: slave.start({"do_double": lambda number: 2 * number}))
        master.requestTask("double", 2)
        assert master.retrieveResult() == ("double_0", "double", 4)
        master.shutdown()
        end.result()
        with pytest.raises(MasterSlaveException, match="start the master first"):
            SlaveProcess(label, master.master_host)

    def test_a_port_in_use_is_named(self, label: str) -> None:
        with socket.create_server((HOST, 0)) as other:
            address = f"{HOST}:{other.getsockname()[1]}"
            with pytest.raises(MasterSlaveException, match=f"cannot listen on {address}"):
                MasterProcess(label, use_name_server=False, master_host=address)

    def test_an_address_is_only_for_a_server_of_its_own(self, label: str) -> None:
        with pytest.raises(MasterSlaveException, match="use_name_server=False"):
            MasterProcess(label, master_host="localhost")
