"""MasterSlave: many tasks that return their argument, by two slaves on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from nws.masterslave import MasterProcess, initializeMasterProcess
from scripts.benchmarks import tasks
from scripts.benchmarks.processes import HOST
from scripts.benchmarks.rounds import Aim, Comparison, interleave, repeated

ABOUT: Final = "5,000 tasks are requested, then their results retrieved; figures per task"

_TASKS: Final = 5000
_SLAVES: Final = 2
_TASKS_PER_SECOND: Final = 5000


def run(rounds: int) -> Iterator[Comparison]:
    """Compare with a limit: there is no peer any more."""
    with ExitStack() as stack:
        master = initializeMasterProcess(
            "benchmark",
            slave_module=tasks.__name__,
            use_name_server=False,
            master_host=f"{HOST}:0",
        )
        stack.callback(master.shutdown)
        master.launchSlaveJobs(_SLAVES)
        work = repeated(partial(_request_and_retrieve, master), 1, _TASKS)
        samples = interleave({"ours": work}, rounds)["ours"]
    limit = [1 / _TASKS_PER_SECOND] * rounds
    yield Comparison("MasterSlave", "a limit", samples, limit, Aim(1.0))


def _request_and_retrieve(master: MasterProcess) -> None:
    for number in range(_TASKS):
        master.requestTask("same", number)
    for _ in range(_TASKS):
        master.retrieveResult("same")
