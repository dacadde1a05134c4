"""Workers that die: in every way, at every moment. Their elements are done again elsewhere."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import (
    Sleigh,
    SleighJoinException,
    SleighStoppedException,
    SleighTaskException,
)
from nws.sleigh.supervisor.worker_report import worker_reports
from tests.sleigh.functions import echo
from tests.support.deadly import (
    DYING,
    PICKLING,
    RUNNING,
    UNPICKLING,
    Deadly,
    count_runs,
    handle,
    is_first,
    start_a_child_and_wait,
    times_ten,
    wait_for,
    wait_forever,
    wait_the_first_time,
)
from tests.support.processes import Aside, children, open_files, until, until_file, until_gone
from tests.support.server import Server
from tests.support.sleighs import parent, servers, supervisor_of, workers_that_answer
from tests.support.workers import Workers

DEATHS = [
    *((RUNNING, way) for way in DYING),
    *((moment, way) for moment in (UNPICKLING, PICKLING) for way in ("SIGKILL", "exit status 7")),
]


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Three workers, which die often."""
    with Sleigh(**on_server, workerCount=3) as sleigh:
        yield sleigh


# Once


@pytest.mark.parametrize(("moment", "way"), DEATHS)
def test_an_element_that_kills_once_is_done_again(
    sleigh: Sleigh, tmp_path: Path, moment: str, way: str
) -> None:
    deadly = [None, None, Deadly(moment, way, tmp_path, times=1), None, None]
    results = sleigh.eachElem(handle, [range(5), deadly])
    assert [number for number, _ in results] == [0, 10, 20, 30, 40]
    assert len(list(tmp_path.glob("first harm *"))) == 1


def close_files(element: int, guilty: int) -> int:
    """Close the descriptors of others, as programs do that turn into daemons."""
    if element == guilty:
        os.closerange(3, 256)
    return element


def test_an_element_that_closes_the_connection(
    sleigh: Sleigh, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says so, and blames neither the machine nor others."""
    *results, failed = sleigh.eachElem(close_files, range(10), [9])
    assert results == list(range(9))
    assert "its connection to the server was closed by the task" in str(failed)
    assert "os.closerange" in str(failed)
    closing = "__import__('os').closerange(3, 256 if SleighRank == 1 else 3)"
    first, failed, last = sleigh.eachWorker(closing)
    assert (first, last) == (None, None)
    assert "its connection to the server was closed by the task" in str(failed)
    assert capsys.readouterr() == ("", ""), "no tracebacks of ours"


def test_what_all_tasks_share_kills_once(sleigh: Sleigh, tmp_path: Path) -> None:
    deadly = Deadly(UNPICKLING, "SIGKILL", tmp_path, times=1)
    results = sleigh.eachElem(handle, range(5), [deadly])
    assert [number for number, _ in results] == [0, 10, 20, 30, 40]


def test_a_worker_that_is_killed_from_outside(sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(3), [tmp_path]))
    for element in (2, 0, 1):
        os.kill(int(until_file(tmp_path / str(element))), signal.SIGKILL)
    assert call.result() == [0, 10, 20]


def test_a_killed_workers_own_children_end(sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(sleigh.eachElem, start_a_child_and_wait, [0], [tmp_path]))
    for _ in range(3):
        worker_pid, child_pid = map(int, until_file(tmp_path / "0").split())
        (tmp_path / "0").unlink()
        os.kill(worker_pid, signal.SIGKILL)
        until_gone([child_pid])
    (result,) = call.result()
    assert isinstance(result, SleighTaskException)


# Each time


@pytest.mark.parametrize("way", DYING)
def test_an_element_that_kills_each_time_alone_is_an_error(
    sleigh: Sleigh, tmp_path: Path, way: str
) -> None:
    results = sleigh.eachElem(count_runs, range(6), [{2}, way, tmp_path])
    (failed,) = (result for result in results if isinstance(result, SleighTaskException))
    assert results == [0, 10, failed, 30, 40, 50]
    assert "element 2 failed" in str(failed)
    assert "each of the 3 workers that ran it ended" in str(failed)
    assert f"{way} (3 times)" in str(failed)


@pytest.mark.parametrize("moment", [UNPICKLING, PICKLING])
def test_an_element_that_kills_at_another_moment_each_time(
    sleigh: Sleigh, tmp_path: Path, moment: str
) -> None:
    deadly = [None, Deadly(moment, "SIGKILL", tmp_path, times=1000), None]
    first, failed, last = sleigh.eachElem(handle, [range(3), deadly])
    assert (first[0], last[0]) == (0, 20)
    assert "each of the 3 workers that ran it ended" in str(failed)


def test_an_element_may_kill_twice(sleigh: Sleigh, tmp_path: Path) -> None:
    results = sleigh.eachElem(count_runs, range(3), [{1}, "SIGKILL", tmp_path, 2])
    assert results == [0, 10, 20]


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 40])
def test_only_the_running_element_is_blamed(
    sleigh: Sleigh, tmp_path: Path, chunk_size: int | None
) -> None:
    """Others are done again if their results were not sent yet, but that is not held against them:
    not even if they are in one task with it, and it kills more workers than one."""
    results = sleigh.eachElem(
        count_runs, range(40), [{20}, "SIGKILL", tmp_path], chunkSize=chunk_size
    )
    (failed,) = (result for result in results if isinstance(result, SleighTaskException))
    assert results == [*range(0, 200, 10), failed, *range(210, 400, 10)]
    assert len(list(tmp_path.glob("first run * of 20"))) == 3


def test_all_elements_kill(sleigh: Sleigh, tmp_path: Path) -> None:
    deadly = [Deadly(RUNNING, "exit status 7", tmp_path, times=1000)] * 3
    results = sleigh.eachElem(handle, [range(3), deadly])
    assert all(isinstance(result, SleighTaskException) for result in results)
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_what_all_tasks_share_kills_each_time(sleigh: Sleigh, tmp_path: Path) -> None:
    deadly = Deadly(UNPICKLING, "SIGKILL", tmp_path, times=1000)
    results = sleigh.eachElem(handle, range(2), [deadly])
    assert all(isinstance(result, SleighTaskException) for result in results)


# Between calls


def test_idle_workers_that_were_killed_are_replaced(sleigh: Sleigh) -> None:
    killed = workers_that_answer(sleigh)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until_gone(killed)
    assert sleigh.eachElem(times_ten, range(10)) == list(range(0, 100, 10))
    assert len(set(workers_that_answer(sleigh)) - set(killed)) == 3


def test_the_only_worker_is_killed(lonely: Sleigh, tmp_path: Path) -> None:
    assert lonely.eachElem(count_runs, range(3), [{1}, "SIGKILL", tmp_path, 2]) == [0, 10, 20]


def test_the_dead_are_replaced_while_results_keep_coming(
    on_server: dict[str, Any], tmp_path: Path
) -> None:
    """Those who live on give the master no pause in which it would look after the others."""
    with Sleigh(**on_server, workerCount=2) as sleigh:
        (tmp_path / "pids").mkdir()
        pids = sleigh.eachElem(_kill_one_and_go_on, range(100), [tmp_path])
        assert len(set(pids)) == 2, "one that lived on, and the one that came instead"


def _kill_one_and_go_on(element: int, folder: Path) -> int:
    """Element 0 kills its worker once. The others take a moment each, until a third one came."""
    pids = folder / "pids"
    (pids / str(os.getpid())).touch()
    if element == 0 and is_first(folder, element):
        until(lambda: len(list(pids.iterdir())) == 2, "both workers")
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        until(lambda: len(list(pids.iterdir())) == 3, "a new worker", within=0.1)
    except AssertionError:
        pass  # the next element waits on
    return os.getpid()


@pytest.mark.slow
def test_nothing_of_the_dead_is_kept() -> None:
    """Neither by the master, nor by its server, nor by the supervisor, nor by who replaces them."""
    others = set(servers(os.getpid()))

    def counted(sleigh: Sleigh) -> list[int]:
        (server,) = set(servers(os.getpid())) - others
        pids = os.getpid(), server, supervisor_of(sleigh), *workers_that_answer(sleigh)
        return [open_files(pid) for pid in pids]

    def kill(*pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until_gone(pids)

    with Sleigh(workerCount=1) as lonely:
        kill(*workers_that_answer(lonely))
        before = counted(lonely)
        for _ in range(4):
            kill(*workers_that_answer(lonely))
        until(lambda: counted(lonely) == before, f"as many open files as before: {before}")
        _kill_the_supervisor(workers_that_answer(lonely))
        until(lambda: counted(lonely) == before, f"as many open files as before: {before}")


def test_workers_that_have_worked_may_die_as_often_as_they_like(lonely: Sleigh) -> None:
    """Only if they die before they did anything is there no hope."""
    supervisor = supervisor_of(lonely)
    for _ in range(10):
        (pid,) = workers_that_answer(lonely)
        os.kill(pid, signal.SIGKILL)
        until_gone([pid])
    assert supervisor_of(lonely) == supervisor


def test_random_deaths(sleigh: Sleigh) -> None:
    """An element can be killed twice here at most."""
    supervisor, killed = supervisor_of(sleigh), set[int]()

    def three_workers() -> list[int]:
        """Not one that was killed before and is still listed."""
        found = [pid for pid in children(supervisor) if pid not in killed]
        return found if len(found) == 3 else []

    random.seed(7)
    for _ in range(4):
        call = Aside(partial(sleigh.eachElem, times_ten, range(1000)))
        for pid in random.sample(until(three_workers, "three workers"), 2):
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        assert call.result() == list(range(0, 10000, 10))


# Supervisors


def _kill_the_supervisor(of: list[int]) -> None:
    """Kill the supervisor of some workers, and wait until they are gone too."""
    (supervisor,) = set(map(parent, of))
    os.kill(supervisor, signal.SIGKILL)
    until_gone([supervisor, *of])


@pytest.mark.nightly  # during a call is the harder moment
def test_the_supervisor_is_killed_between_calls(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=2) as sleigh:
        killed = workers_that_answer(sleigh)
        _kill_the_supervisor(killed)
        assert sleigh.eachElem(times_ten, range(10)) == list(range(0, 100, 10))
        assert len(set(workers_that_answer(sleigh)) - set(killed)) == 2


@pytest.mark.slow
@pytest.mark.nightly  # once in tests/faults/test_lost_ends.py
def test_the_supervisor_is_killed_during_a_call(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(4), [tmp_path]))
        _kill_the_supervisor([int(until_file(tmp_path / str(element))) for element in (0, 1)])
        _kill_the_supervisor([int(until_file(tmp_path / str(element))) for element in (2, 3)])
        assert call.result() == [0, 10, 20, 30]


BEFORE_FORKS = """
import os, pathlib, time

def wait(file=pathlib.Path({go!r})):
    while not file.exists():
        time.sleep(0.001)

os.register_at_fork(before=wait)
"""


def test_a_supervisor_says_that_it_starts_workers_before_it_does(
    on_server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else one that a worker kills at once would count as one that cannot start any."""
    go = tmp_path / "go"
    (tmp_path / "sitecustomize.py").write_text(BEFORE_FORKS.format(go=str(go)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Sleigh(**on_server, workerCount=1) as sleigh:

        def started() -> float:
            return max(
                (report["started"] or 0.0 for report in worker_reports(sleigh.nws)), default=0.0
            )

        first = until(started, "the first supervisor is about to start its worker")
        go.touch()
        killed = workers_that_answer(sleigh)
        go.unlink()
        _kill_the_supervisor(killed)
        call = Aside(partial(sleigh.eachElem, times_ten, [1]))
        until(lambda: started() > first, "the next one is about to start its worker")
        go.touch()
        assert call.result() == [10]


def test_a_killed_supervisor_takes_all_with_it(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        call = Aside(partial(sleigh.eachElem, start_a_child_and_wait, [0], [tmp_path]))
        worker_pid, child_pid = map(int, until_file(tmp_path / "0").split())
        _kill_the_supervisor([worker_pid])
        until_gone([child_pid])
    with pytest.raises(SleighStoppedException):
        call.result()


AS_A_FORK_ENDS = """
import os, pathlib, signal

def interrupt(note=pathlib.Path({note!r})):
    if not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGINT)

os.register_at_fork(after_in_parent=interrupt)
"""


def test_ctrl_c_while_a_worker_is_started(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python drops the exception of a handler that runs then."""
    program = AS_A_FORK_ENDS.format(note=str(tmp_path / "note"))
    (tmp_path / "sitecustomize.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Workers(server.port, size=2) as team:
        assert team.until_left() == -signal.SIGINT


# Workers that never get to work


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_call(
    on_server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Sleigh(**on_server, workerCount=1) as sleigh:
        killed = workers_that_answer(sleigh)
        (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(9)\n")
        _kill_the_supervisor(killed)
        with pytest.raises(SleighJoinException, match=r"exit status 9"):
            sleigh.eachElem(echo, [1, 2])
        (tmp_path / "sitecustomize.py").unlink()
        assert sleigh.eachElem(echo, [3]) == [(3,)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGKILL", marks=pytest.mark.nightly)])
def test_an_element_that_ends_its_supervisor(
    on_server: dict[str, Any], tmp_path: Path, name: str
) -> None:
    """It is to blame, and not what runs beside it."""

    def end_supervisor(element: int) -> int:
        if element == 3:
            any(is_first(tmp_path, f"try {number}") for number in range(10))
            os.kill(os.getppid(), getattr(signal, name))
            wait_forever()
        if element == 0:
            wait_for(tmp_path / "first try 1")  # so it is lost at least once
        return 10 * element

    with Sleigh(**on_server, workerCount=2) as sleigh:
        results = Aside(lambda: sleigh.eachElem(end_supervisor, range(6))).result()
        *before, failed, four, five = results
        assert [*before, four, five] == [0, 10, 20, 40, 50]
        assert isinstance(failed, SleighTaskException)
        assert "Does it end processes that are not its own" in str(failed)
        assert sleigh.eachElem(times_ten, [7]) == [70]
