"""Names, arguments and defaults are those of the original."""

from __future__ import annotations

from typing import Any

import pytest

from nws import masterslave
from nws.masterslave import MasterProcess, SlaveProcess, TaskManager
from tests.support.signatures import arguments_of


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (
            masterslave.initializeMasterProcess,
            "(label, slave_script=None, slave_module=None, use_name_server=True)",
        ),
        (
            masterslave.runJob,
            "(label, master_class, slave_class, watchdog_period=120.0, launch_slaves=0)",
        ),
        (masterslave.startSlaveProcess, "(label=None, master_host=None)"),
        (masterslave.getMachineInfo, "()"),
        (masterslave.GlobalStateValue, "(state_id, name)"),
        (MasterProcess, "(label, use_name_server=True)"),
        (MasterProcess.requestTask, "(tag, *parameters)"),
        (MasterProcess.retrieveResult, "(tag=None)"),
        (MasterProcess.deleteGlobalState, "(state_id)"),
        (MasterProcess.launchSlaveJobs, "(n=1)"),
        (SlaveProcess, "(label, master_host=None, watchdog_period=120.0)"),
        (SlaveProcess.start, "(namespace=None)"),
        (SlaveProcess.processParameter, "(parameter)"),
        (TaskManager.activeProcessInfo, "(pid)"),
        (TaskManager.addTaskRequest, "(tag, parameters, process_id=None)"),
        (TaskManager.getTaskWithTag, "(tag, process_id=None)"),
        (TaskManager.getAnyTask, "(process_id=None)"),
        (TaskManager.storeResult, "(task_id, result)"),
        (TaskManager.storeException, "(task_id, exception, traceback)"),
        (TaskManager.returnTask, "(task_id)"),
        (TaskManager.getResultWithTag, "(tag)"),
        (TaskManager.retrieveData, "(label)"),
        (TaskManager.deleteData, "(label)"),
    ],
)
def test_arguments_and_defaults(function: Any, arguments: str) -> None:
    assert arguments_of(function) == arguments


def test_debug_is_off() -> None:
    assert masterslave.debug is False
