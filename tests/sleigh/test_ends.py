"""The end of a sleigh, however it comes: no process and no file stays behind."""

from __future__ import annotations

import gc
import os
import signal
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighNwsException, SleighStoppedException
from nws.sleigh.launch.child_process import kill_group
from tests.sleigh.conftest import Script
from tests.sleigh.functions import leave_a_child
from tests.support.deadly import note_and_wait, start_a_child_and_wait, times_ten
from tests.support.processes import Aside, children, python, runs, until, until_file, until_gone
from tests.support.sleighs import (
    LongLeased,
    all_workers,
    servers,
    supervisors,
    workers_that_answer,
)


def processes(master: int | None = None) -> tuple[int, int, int]:
    """Count the servers, supervisors and workers of a master: of this process by default."""
    master = master or os.getpid()
    return len(servers(master)), len(supervisors(master)), len(all_workers(master))


def all_of(master: int, workers: int) -> list[int]:
    """Return the processes of a master's only sleigh, when ``workers`` workers are there."""
    until(lambda: processes(master) == (1, 1, workers), f"{workers} workers")
    return [*servers(master), *supervisors(master), *all_workers(master)]


# In order


def test_stop(short: Path) -> None:
    sleigh = Sleigh(workerCount=2)
    pids = all_of(os.getpid(), workers=2)
    assert sleigh.eachElem(times_ten, [1]) == [10]
    sleigh.stop()
    assert not any(map(runs, pids))
    sleigh.stop()
    with pytest.raises(SleighStoppedException):
        sleigh.eachElem(times_ten, [1])
    assert "stopped" in str(sleigh)


def test_stop_before_the_workers_are_there(short: Path) -> None:
    Sleigh(workerCount=2).stop()
    assert processes() == (0, 0, 0)


def test_with(short: Path) -> None:
    with pytest.raises(LookupError), Sleigh(serial=True) as sleigh:
        raise LookupError
    assert processes() == (0, 0, 0)
    with pytest.raises(SleighStoppedException):
        sleigh.eachElem(times_ten, [1])


def test_nobody_refers_to_it_any_more(short: Path) -> None:
    sleigh = Sleigh(workerCount=1)
    sleigh.eachElem(times_ten, [1])
    pids = all_of(os.getpid(), workers=1)
    del sleigh
    gc.collect()
    assert not any(map(runs, pids))


def test_stop_lets_workers_end_in_order_and_what_they_left_behind(
    on_server: dict[str, Any], tmp_path: Path
) -> None:
    """Their exit handlers run: libraries remove their files there."""

    def leave_a_note_at_the_end(element: int) -> int:
        import atexit

        atexit.register((tmp_path / "the end").write_text, "!")
        return element

    with Sleigh(**on_server, workerCount=1) as sleigh:
        sleigh.eachElem(leave_a_note_at_the_end, [0])
        pids = sleigh.eachElem(leave_a_child, range(2))
        assert all(map(runs, pids))
    assert (tmp_path / "the end").exists()
    until_gone(pids)


def test_stop_in_the_middle_of_tasks(on_server: dict[str, Any], tmp_path: Path) -> None:
    """After Ctrl-C, and while another thread still waits."""
    sleigh = Sleigh(**on_server, workerCount=1)
    call = Aside(partial(sleigh.eachElem, start_a_child_and_wait, [0], [tmp_path]))
    pids = list(map(int, until_file(tmp_path / "0").split()))
    sleigh.stop()  # it does not wait for the task, which has no end
    until_gone(pids)
    with pytest.raises(SleighStoppedException):
        call.result()


@pytest.mark.slow
@pytest.mark.nightly  # test_stop_of_a_supervisor_that_is_stopped is the harder stop
def test_stop_of_workers_that_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a second of grace together. If each had one, their supervisor would be killed."""
    monkeypatch.setattr("nws.sleigh.master.home._WORKERS_GRACE_SECONDS", 5.9)
    statuses: list[int | None] = []

    def note_and_kill(process: Popen[bytes]) -> None:
        statuses.append(process.poll())
        kill_group(process)

    monkeypatch.setattr("nws.sleigh.launch.child_process.kill_group", note_and_kill)
    sleigh = Sleigh(workerCount=6)
    pids = workers_that_answer(sleigh)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    sleigh.stop()
    assert statuses == [0, 0], "the supervisor and the server ended by themselves"
    assert not any(map(runs, pids))


@pytest.mark.slow
def test_stop_of_a_supervisor_that_is_stopped(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, and then its workers end by themselves."""
    monkeypatch.setattr("nws.sleigh.master.home._WORKERS_GRACE_SECONDS", 0.1)
    sleigh = LongLeased(workerCount=3)
    pids = all_of(os.getpid(), workers=3)
    os.kill(supervisors(os.getpid())[0], signal.SIGSTOP)
    sleigh.stop()
    until_gone(pids)


# The server dies


@pytest.mark.nightly  # also in tests/faults/test_lost_ends.py
def test_the_server_dies_during_a_call(short: Path, tmp_path: Path) -> None:
    with Sleigh(workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, note_and_wait, range(4), [tmp_path]))
        until_file(tmp_path / "0")
        until_file(tmp_path / "1")
        pids = all_of(os.getpid(), workers=2)
        os.kill(servers(os.getpid())[0], signal.SIGKILL)
        with pytest.raises(SleighNwsException):
            call.result()
    until_gone(pids)


def test_the_server_dies_between_calls(short: Path) -> None:
    """Idle workers leave."""
    with LongLeased(workerCount=2) as sleigh:
        sleigh.eachElem(times_ten, range(100))
        pids = all_of(os.getpid(), workers=2)
        os.kill(servers(os.getpid())[0], signal.SIGKILL)
        until_gone(pids)
        for _ in range(2):
            with pytest.raises(SleighNwsException):
                sleigh.eachElem(times_ten, [1])


# The master ends without stop()

UNSTOPPED = """
from nws.sleigh import Sleigh

if __name__ == "__main__":
    sleigh = Sleigh(workerCount=2)
    print(sleigh.eachElem(abs, [-1, -2]))
    {end}
"""


def test_the_interpreter_ends(script: Script) -> None:
    """The fixture looks for complaints on stderr and for what is left of temporary files."""
    text = UNSTOPPED.format(end="raise SystemExit(3)")
    assert script(text, status=3).stdout == "[1, 2]\n"


@pytest.mark.nightly  # as with one
def test_the_interpreter_ends_with_several_sleighs(script: Script) -> None:
    text = UNSTOPPED.format(end="other = Sleigh(workerCount=1)")
    assert script(text).stdout == "[1, 2]\n"


KILLED = """
import os, sys
from pathlib import Path
from tests.support.deadly import start_a_child_and_wait
from tests.support.sleighs import LongLeased

if __name__ == "__main__":
    with LongLeased(workerCount=3) as sleigh:  # two at work, and an idle one
        sleigh.eachElem(start_a_child_and_wait, [0, 1], [Path(sys.argv[1])])
"""


@pytest.mark.nightly  # by SIGKILL in tests/faults/test_lost_ends.py
def test_the_master_is_killed(short: Path, tmp_path: Path) -> None:
    """By SIGTERM here, by SIGKILL in tests/faults/test_lost_ends.py."""
    env = {"TMPDIR": str(short)}
    with python("-c", KILLED, str(tmp_path), cwd=tmp_path, env=env) as master:
        pids = all_of(master.pid, workers=3)
        for element in range(2):
            pids += map(int, until_file(tmp_path / str(element)).split())
        master.terminate()
        assert master.wait() == -signal.SIGTERM
        until_gone(pids)
        assert master.communicate() == ("", "")


def test_the_master_is_killed_while_workers_start(short: Path, tmp_path: Path) -> None:
    text = (
        "from tests.support.sleighs import LongLeased\n"
        "sleigh = LongLeased(workerCount=3)\nprint()\ninput()"
    )
    env = {"TMPDIR": str(short)}
    with python("-c", text, cwd=tmp_path, env=env) as master:
        assert master.stdout is not None
        master.stdout.readline()
        ours = children(master.pid)
        assert len(ours) == 2, "the server and the supervisor"
        master.kill()
        until_gone(ours)
        assert master.communicate() == ("", "")


# Forks of the master

FORKED = """
import os, threading
from tests.support.sleighs import LongLeased

if __name__ == "__main__":
    sleigh = LongLeased(workerCount=2)
    sleigh.eachElem(abs, [-1, -2])
    child = os.fork()
    if child:
        print(child)
    threading.Event().wait()
"""


def test_a_fork_of_the_master_keeps_nothing_alive(short: Path, tmp_path: Path) -> None:
    env = {"TMPDIR": str(short)}
    with python("-c", FORKED, cwd=tmp_path, env=env) as master:
        assert master.stdout is not None
        fork = int(master.stdout.readline())
        ours = all_of(master.pid, workers=2)
        assert fork not in ours
        master.kill()
        try:
            until_gone(ours)
            assert runs(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


ENDING_FORKS = """
import os, sys
from nws.sleigh import Sleigh, SleighStoppedException

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        sleigh.eachElem(abs, [-1])
        for end in ("sys.exit()", "sleigh.stop(); os._exit(0)", "os._exit(0)"):
            child = os.fork()
            if child == 0:
                try:
                    sleigh.eachElem(abs, [-1])
                except SleighStoppedException as error:
                    print(error, flush=True)
                exec(end)
            assert os.waitpid(child, 0)[1] == 0
            print(sleigh.eachElem(abs, [-1, -2]), flush=True)
    print("stopped")
"""


def test_the_end_of_a_fork_is_not_the_end_of_the_sleigh(script: Script) -> None:
    *said, last = script(ENDING_FORKS).stdout.splitlines()
    assert all("this sleigh belongs to process" in line for line in said[::2])
    assert said[1::2] == ["[1, 2]"] * 3
    assert last == "stopped"


BY_MULTIPROCESSING = """
import multiprocessing
from nws.sleigh import Sleigh

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        for method in ("fork", "spawn"):
            context = multiprocessing.get_context(method)
            process = context.Process(target=abs, args=(-1,))
            process.start()
            process.join()
            assert process.exitcode == 0
        print(sleigh.eachElem(abs, [-1, -2]))
"""


@pytest.mark.nightly  # as the forks above
def test_processes_of_multiprocessing(script: Script) -> None:
    assert script(BY_MULTIPROCESSING).stdout == "[1, 2]\n"
