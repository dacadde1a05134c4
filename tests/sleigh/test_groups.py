"""Groups of workers: calls that only some of them may do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.futures import SleighExecutor
from nws.sleigh import LaunchOptions, Node, Sleigh, SleighIllegalValueException, SleighJoinException
from nws.sleigh.master.groups import Groups
from nws.sleigh.master.members import Group, Members
from nws.sleigh.shared.groups import checked_group, group_of, queue_of
from nws.sleigh.shared.messages import JOIN_SECONDS, Call, Task, task_from_wire, task_to_wire
from tests.sleigh.functions import arrive, worker
from tests.support.deadly import fail, times_ten, wait_the_first_time
from tests.support.processes import Aside, until, until_file
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST, variable

NODES: list[str | Node] = ["plain", Node("special", group="gpu")]


def here(host: str, options: LaunchOptions) -> list[str]:
    """Lead nowhere else."""
    return []


@pytest.fixture(scope="module")
def mixed(server: Server) -> Iterator[Sleigh]:
    """A worker of no group, and one of a group."""
    options: dict[str, Any] = {"nwsHost": HOST, "nwsPort": server.port, "nodeList": NODES}
    with Sleigh(launch=here, **options) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        yield sleigh


def of_group(sleigh: Sleigh, group: str) -> int:
    """Return the process id of the worker of a group, once it runs."""

    def pid() -> int:
        (found,) = (info["pid"] for info in sleigh.workerInfo() if info["group"] == group)
        assert isinstance(found, int)
        return found

    return until(pid, f"the worker of {group}")


# Names


@pytest.mark.parametrize("name", ["", None, "gpu", "a.b-c_9", "ä", 64 * "x"])
def test_a_name(name: str | None) -> None:
    assert group_of(queue_of(checked_group(name))) == (name or "")


@pytest.mark.parametrize("name", ["a b", " ", "a\n", 65 * "x", 3, b"gpu", ["gpu"]])
def test_no_name(name: Any) -> None:
    with pytest.raises(SleighIllegalValueException, match="group="):
        checked_group(name)


def test_tasks_in_other_variables_are_none() -> None:
    call = Call(1, "function 0", 2)
    for queue in ("task", "task gpu"):
        assert task_from_wire(task_to_wire(Task(call._replace(queue=queue), 0, [1]))) is not None
    for other in ("rankCount", "", "tasks", None):
        wrong: Any = call._replace(queue=other)  # type: ignore[arg-type]
        assert task_from_wire(task_to_wire(Task(wrong, 0, [1]))) is None


# Calls


def test_calls_of_a_group(mixed: Sleigh) -> None:
    special = of_group(mixed, "gpu")
    assert mixed.eachElem(worker, range(20), group="gpu") == 20 * [special]
    assert mixed.map(worker, range(3), group="gpu") == 3 * [special]
    assert list(mixed.imap(worker, range(3), group="gpu")) == 3 * [special]
    assert list(mixed.starmap(worker, [(1,), (2,)], group="gpu")) == 2 * [special]
    assert mixed.submit_to("gpu", worker).result(PATIENCE) == special
    assert mixed.submit_to("", times_ten, number=1).result(PATIENCE) == 10


def test_other_calls_are_for_all(mixed: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(mixed.eachElem, arrive, range(2), [tmp_path]))
    for element in range(2):
        until_file(tmp_path / str(element))
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    assert len(set(mixed.eachWorker(worker))) == 2


def test_a_worker_of_a_group_that_dies(mixed: Sleigh, tmp_path: Path) -> None:
    """What it ran, and what it had not begun, is done by the group again."""
    call = Aside(partial(mixed.eachElem, wait_the_first_time, range(2), [tmp_path], group="gpu"))
    former = int(until_file(tmp_path / "0"))
    os.kill(former, signal.SIGKILL)
    second = int(until_file(tmp_path / "1"))
    os.kill(second, signal.SIGKILL)
    assert call.result() == [0, 10]
    until(lambda: of_group(mixed, "gpu") not in (0, former, second), "another worker")
    assert mixed.eachElem(worker, [0], group="gpu") == [of_group(mixed, "gpu")]


def test_an_element_of_a_group_that_is_tried_again(mixed: Sleigh, tmp_path: Path) -> None:
    elements = mixed.eachElem(fail, range(4), [2, tmp_path, 1], retries=1, group="gpu", chunkSize=4)
    assert elements == [0, 10, 20, 30]
    assert variable(mixed.nws, "task").values == 0


def test_a_cancelled_call_of_a_group(mixed: Sleigh, tmp_path: Path) -> None:
    pending = mixed.eachElem(arrive, range(9), [tmp_path], group="gpu", chunkSize=1, blocking=False)
    until_file(tmp_path / "0")
    pending.cancel()
    assert variable(mixed.nws, "task gpu").values == 0
    assert mixed.eachElem(times_ten, [1], group="gpu") == [10]


def test_nobody_is_in_the_group(mixed: Sleigh) -> None:
    said = r"no worker of the group 'tpu'; there are the groups 'gpu' \(1 worker\)"
    with pytest.raises(SleighJoinException, match=said):
        mixed.eachElem(times_ten, range(3), group="tpu")
    with pytest.raises(SleighJoinException, match=said):
        mixed.submit_to("tpu", times_ten, 1).result(PATIENCE)
    with pytest.raises(SleighIllegalValueException, match="group='t p u'"):
        mixed.submit_to("t p u", times_ten, 1)
    assert mixed.eachElem(times_ten, range(3)) == [0, 10, 20]


def test_an_executor_for_a_group(mixed: Sleigh) -> None:
    special = of_group(mixed, "gpu")
    with SleighExecutor(mixed, group="gpu") as executor:
        assert set(executor.map(lambda _: os.getpid(), range(9))) == {special}
    said = "no worker of the group 'tpu'"
    with SleighExecutor(mixed, group="tpu") as executor:
        assert said in str(executor.submit(times_ten, 1).exception(PATIENCE))
        assert said in executor.broken
    with pytest.raises(SleighIllegalValueException, match="group='t p u'"):
        SleighExecutor(mixed, group="t p u")
    with pytest.raises(ValueError, match=r"group='gpu' is for a sleigh"):
        SleighExecutor(2, group="gpu")


def test_a_serial_sleigh_does_it_itself(serial: Sleigh) -> None:
    assert serial.eachElem(times_ten, range(3), group="gpu") == [0, 10, 20]
    assert serial.submit_to("gpu", times_ten, 1).result() == 10


def test_groups_keep_their_workers(mixed: Sleigh, server: Server) -> None:
    special = of_group(mixed, "gpu")
    mixed.scale(1)
    until(lambda: set(mixed.eachElem(worker, range(3))) == {special}, "the others have left")
    mixed.scale(2)
    until(lambda: len(set(mixed.eachWorker(worker))) == 2, "both are there")
    for workers in (1, (1, 3)):
        nodes = ["plain", "special:2 group=gpu"]
        options: dict[str, Any] = {"nwsHost": HOST, "nwsPort": server.port, "nodeList": nodes}
        if workers == (1, 3):
            with pytest.raises(SleighIllegalValueException, match="the nodes with a group have 2"):
                Sleigh(launch=here, workerCount=workers, **options)


# Whether there is anybody


class Crew(Members):
    """Members that a test makes up."""

    def __init__(self, groups: list[str | None], *, closed: bool) -> None:
        self.groups = groups
        self.closed = closed

    def ranks(self) -> list[int]:
        return list(range(len(self.groups)))

    def group_of(self, rank: int) -> str | None:
        return self.groups[rank]

    def group(self, timeout: float = 0.0) -> Group:
        return Group(len(self.groups), self.closed)


def test_who_is_gone_does_nothing() -> None:
    groups = Groups(Crew(["", "gpu", "gpu"], closed=True))
    calls = {1: "gpu", 2: "big"}
    assert list(groups.lacking(calls, {1}, "")) == [2]
    found = groups.lacking(calls, {1, 2}, "the node is on fire")
    assert str(found[1]) == (
        "there is no worker of the group 'gpu'; no worker belongs to a group; the node is on fire"
    )


def test_who_may_still_come_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    crew = Crew(["", None], closed=False)
    groups = Groups(crew)
    assert groups.lacking({1: "gpu"}, (), "") == {}
    clock[0] = JOIN_SECONDS - 1
    assert groups.lacking({1: "gpu", 2: "gpu"}, (), "") == {}
    clock[0] = JOIN_SECONDS
    assert list(groups.lacking({1: "gpu", 2: "gpu"}, (), "")) == [1]
    crew.groups[1] = "gpu"
    assert groups.lacking({2: "gpu"}, (), "") == {}
    clock[0] = 2 * JOIN_SECONDS
    assert groups.lacking({2: "gpu"}, {1}, "") == {}, "counted from when the last one was gone"


@pytest.mark.nightly  # the parts are above
def test_the_last_one_of_a_group_is_killed(server: Server, tmp_path: Path, impatient: None) -> None:
    """Workers that were started by hand: nobody takes their place."""
    options: dict[str, Any] = {"nwsHost": HOST, "nwsPort": server.port, "workerCount": (1, 9)}
    with Sleigh(launch="web", **options) as sleigh:
        name = sleigh.nws.currentWs()
        words = [sys.executable, "-m", "nws", "worker", "--connect", f"{HOST}:{server.port}"]
        words += ["--sleigh", name]
        plain = subprocess.Popen(words)
        special = subprocess.Popen([*words, "--group", "gpu"])
        try:
            until(lambda: sleigh.status()[0] == 2, "both have joined")
            sleigh.status(closeGroup=True)
            call = Aside(partial(sleigh.eachElem, arrive, [0], [tmp_path], group="gpu"))
            until_file(tmp_path / "0")
            special.kill()
            with pytest.raises(SleighJoinException, match="no worker of the group 'gpu'"):
                call.result()
            assert sleigh.eachElem(times_ten, [1]) == [10]
        finally:
            for process in (plain, special):
                process.kill()
                process.wait()


def test_what_is_no_task_is_dropped(mixed: Sleigh) -> None:
    mixed.nws.store("task gpu", "no task")
    assert mixed.eachElem(times_ten, range(3), group="gpu") == [0, 10, 20]
