"""Workers that leave in order: what they have is done elsewhere, and blamed on nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from nws.sleigh.launch.processes import Processes
from nws.sleigh.shared.departures import ids_of_left, left_variable
from nws.sleigh.shared.exit_status import LEFT
from nws.sleigh.shared.messages import (
    DEATHS,
    EXCUSED,
    TASK,
    task_from_wire,
)
from nws.sleigh.shared.settings import Stay
from nws.sleigh.supervisor.worker_report import worker_reports
from nws.sleigh.worker import fork
from tests.sleigh.functions import arrive, echo
from tests.support.deadly import is_first, note, wait_forever
from tests.support.processes import Aside, until, until_file, until_gone
from tests.support.server import PATIENCE, Server
from tests.support.sleighs import LongLeased, supervisor_of, until_replaced, workers
from tests.support.workers import Workers


def states(team: Workers) -> list[str]:
    return [report["state"] for report in worker_reports(team.nws)]


def waiting(team: Workers) -> list[int]:
    """Return the elements that no worker has, none of which may be blamed."""
    tasks = [task_from_wire(value) for value in team.nws.ifindTry(TASK)]
    assert all(task and not task.lost for task in tasks)
    return [task.first + place for task in tasks if task for place in range(len(task.elements))]


@pytest.mark.nightly(but_each=3)  # the others are sent by the tests below
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_idle_workers_leave(server: Server, number: signal.Signals) -> None:
    with Workers(server.port, size=2) as team:
        team.pids()
        os.kill(team.supervisor, number)
        assert team.until_left() == LEFT
        assert states(team) == ["left", "left"]
        listing = team.nws.listVars(format="dict")
        assert ids_of_left(listing) == ["0"]
        assert team.nws.find(left_variable("0")) == [0, 1]
        assert "gone 0" not in listing


def test_what_runs_is_finished_and_the_rest_given_back(server: Server, tmp_path: Path) -> None:
    with Workers(server.port) as team:
        call = team.call(1, arrive, fixed=[tmp_path])
        team.submit((call, range(5)), (call, [5]))
        until_file(tmp_path / "0")
        os.kill(team.supervisor, signal.SIGUSR1)
        until(lambda: set(waiting(team)) == {1, 2, 3, 4, 5}, "the rest is back")
        (tmp_path / "go").touch()
        assert team.until_left() == LEFT
        assert team.values(call, 1) == [0]


def test_what_takes_longer_than_the_grace_is_given_back_unblamed(
    server: Server, tmp_path: Path
) -> None:
    with Workers(server.port, stay=Stay(grace=0.1)) as team:
        call = team.call(1, arrive, fixed=[tmp_path])
        team.submit((call, [0]))
        until_file(tmp_path / "0")
        os.kill(team.supervisor, signal.SIGTERM)
        assert team.until_left() == LEFT
        assert {death.element for death in team.deaths(call)} == {EXCUSED}
        assert waiting(team) == [0]


def test_a_kill_after_the_signal_is_excused(server: Server, tmp_path: Path) -> None:
    """The batch system may not wait for the grace to be over."""
    with Workers(server.port) as team:
        call = team.call(1, arrive, fixed=[tmp_path])
        team.submit((call, [0]))
        until_file(tmp_path / "0")
        os.kill(team.supervisor, signal.SIGTERM)
        until(lambda: team.deaths(call), "the excuse")
        os.kill(team.supervisor, signal.SIGKILL)
        assert team.until_left() == -signal.SIGKILL
        (death,) = team.deaths(call)
        assert (death.first, death.size, death.element) == (0, 1, EXCUSED)


def test_a_worker_leaves_while_it_waits_for_the_others(server: Server) -> None:
    with Workers(server.port, size=2) as team:
        everyone = team.call(1, "SleighRank", kind="eval", everyone=2)
        team.submit((everyone, [()]))
        until(lambda: "waiting" in states(team), "a worker that waits")
        os.kill(team.supervisor, signal.SIGTERM)
        assert team.until_left() == LEFT


@pytest.mark.slow
def test_a_lifetime(server: Server) -> None:
    with Workers(server.port, stay=Stay(lifetime=0.1)) as team:
        assert team.until_left() == LEFT
        assert states(team) == ["left"]


@pytest.mark.slow
def test_an_idle_timeout(server: Server) -> None:
    with Workers(server.port, stay=Stay(idle_timeout=0.2)) as team:
        call = team.call(1, echo)
        team.submit((call, [7]))
        assert team.values(call, 1) == [(7,)]
        assert team.until_left() == LEFT


def test_a_late_worker_lets_the_others_do_their_part(server: Server) -> None:
    """It has rank 1, and the call began when there was only rank 0."""
    with Workers(server.port, size=2) as team:
        everyone = team.call(1, "SleighRank", kind="eval", everyone=1)
        team.submit((everyone, [()]))
        assert team.values(everyone, 1) == [0]
        other = team.call(2, echo)
        team.submit((other, [7]))
        team.nws.store("barrier", 1)
        assert team.values(other, 1) == [(7,)]


# What the master makes of it


class Ended:
    """A process that has ended; nothing else is known of it."""

    is_waiting = False

    def __init__(self, status: int) -> None:
        self.status = status

    def last_output(self) -> str:
        return ""

    def request_end(self) -> None:
        pass

    def wait(self, grace: float) -> None:
        pass

    def kill(self) -> bool:
        return False

    def is_there(self, supervisor: str) -> bool:
        return False

    def last_start(self, supervisor: str) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("status", "is_fault"), [(LEFT, False), (-signal.SIGUSR1, False), (1, True), (-9, True)]
)
def test_to_leave_is_no_fault(
    status: int, is_fault: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even of a supervisor that gets the signal before it is ready for it."""
    monkeypatch.setattr("nws.sleigh.launch.processes._FIRST_PAUSE_SECONDS", 0.0)
    processes = Processes()
    processes.start("0", "what starts workers here", lambda: Ended(status))
    problems = [processes.restart_ended(Ended(status)) for _ in range(10)]
    assert bool(problems[-1]) == is_fault
    assert bool(caplog.messages) == is_fault


# With a master


def wait_some_times(element: int, folder: Path, times: int) -> int:
    """Wait for ever where this element runs for the first times."""
    for number in range(times):
        if is_first(folder, f"{element} {number}"):
            note(folder, f"at {number}", os.getppid())
            wait_forever()
    return element


@pytest.fixture
def two(on_server: dict[str, Any]) -> Any:
    with LongLeased(**on_server, workerCount=2) as sleigh:
        yield sleigh


@pytest.mark.slow
def test_a_supervisor_that_leaves_is_replaced(
    two: Sleigh, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor, former = supervisor_of(two), workers(two)
    call = Aside(partial(two.eachElem, arrive, range(2), [tmp_path]))
    for element in range(2):
        until_file(tmp_path / str(element))
    os.kill(supervisor, signal.SIGTERM)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    until_gone([supervisor])
    assert two.eachElem(echo, range(3)) == [(0,), (1,), (2,)]
    assert len(two.eachWorker(echo)) == 2
    assert not set(workers(two)) & set(former)
    assert two.status() == (2, 1)
    assert caplog.messages == []


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.nightly)])
def test_preemption_is_never_an_elements_fault(two: Sleigh, tmp_path: Path, times: int) -> None:
    """Not even more often than an element may be lost. Each time it is excused, as above."""
    call = Aside(partial(two.eachElem, wait_some_times, range(1), [tmp_path, times]))

    def noted(number: int) -> bool:
        return len(list(two.nws.ifindTry(DEATHS))) > number

    for number in range(times):
        supervisor = int(until_file(tmp_path / f"at {number}"))
        os.kill(supervisor, signal.SIGTERM)
        until(partial(noted, number), "the excuse")
        os.kill(supervisor, signal.SIGKILL)
    assert call.result() == [0]


def test_a_signal_to_a_worker(two: Sleigh, tmp_path: Path) -> None:
    """It is replaced when it has done its element."""
    call = Aside(partial(two.eachElem, arrive, range(2), [tmp_path]))
    former = int(until_file(tmp_path / "0"))
    os.kill(former, signal.SIGUSR2)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    until_replaced(two, former)


def fork_and_end(strike: Callable[[int], object]) -> int:
    """Return how a process that is forked here ends, to which `strike` sends SIGTERM."""
    pid = os.fork()
    if pid == 0:
        wait_forever()
    strike(pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def end_forks(_: Any) -> list[int]:
    """Do so as the pools of multiprocessing do, and while the process is just being forked."""
    ends = [fork_and_end(lambda pid: os.kill(pid, signal.SIGTERM))]
    vars(fork)["disown_finalizers"] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    return [*ends, fork_and_end(lambda pid: None)]


def test_forks_of_a_task_end_by_the_signal(two: Sleigh) -> None:
    """At any moment, and the worker does not take it for its own."""
    before = workers(two)
    assert two.eachElem(end_forks, [0], timeout=PATIENCE) == [2 * [-signal.SIGTERM]]
    assert workers(two) == before
