"""Tasks that fork: the child is not a worker, however it leaves the task."""

from __future__ import annotations

import atexit
import ctypes
import os
import pty
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from nws.sleigh import Line, Sleigh
from tests.sleigh.functions import worker
from tests.support.deadly import times_ten
from tests.support.processes import Aside, children, until
from tests.support.server import PATIENCE
from tests.support.sleighs import supervisor_of


def leave() -> NoReturn:
    sys.exit()


def leave_with(code: Any) -> Callable[[], NoReturn]:
    return lambda: sys.exit(code)


def fail() -> NoReturn:
    raise ValueError("in the child")


def exit_at_once() -> NoReturn:
    os._exit(7)


def fork_again() -> int:
    if os.fork():
        os.wait()
    return 1


class Unpicklable:
    def __reduce__(self) -> NoReturn:
        raise TypeError("not for others")


def run_another() -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(5)"])


ENDS: dict[str, tuple[Callable[[], Any], int]] = {
    "returns": (lambda: None, 0),
    "returns much": (lambda: bytes(200_000), 0),
    "returns what cannot be pickled": (Unpicklable, 1),
    "exits": (leave, 0),
    "exits with 3": (leave_with(3), 3),
    "exits with 259": (leave_with(259), 3),
    "exits with True": (leave_with(True), 1),
    "exits with a text": (leave_with("sorry"), 1),
    "exits with an object": (leave_with(object()), 1),
    "exit()": (lambda: exit(4), 4),  # noqa: PLR1722
    "raises": (fail, 1),
    "is interrupted": (lambda: [].__class__.fail, 1),  # type: ignore[attr-defined]
    "ends at once": (exit_at_once, 7),
    "forks again": (fork_again, 0),
    "runs another program": (run_another, 5),
}


def fork_and(name: str, fork: Callable[[], int] = os.fork) -> Any:
    """Fork; return the child's exit status and what it does not return."""
    pid = fork()
    if not pid:
        return ENDS[name][0]()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork_with_a_terminal() -> int:
    pid, _ = pty.fork()  # the terminal stays open as long as the worker lives
    return pid


def test_each_end_has_its_status(sleigh: Sleigh) -> None:
    before = sleigh.eachWorker(worker)
    results = Aside(lambda: sleigh.eachElem(fork_and, list(ENDS))).result()
    assert dict(zip(ENDS, results, strict=True)) == {name: end[1] for name, end in ENDS.items()}
    assert sleigh.eachWorker(worker) == before
    assert children(supervisor_of(sleigh)) == sorted(before)
    assert not any(children(pid) for pid in before)


def test_other_ways_to_fork(sleigh: Sleigh) -> None:
    (status,) = Aside(lambda: sleigh.eachElem(fork_and, ["exits with 3"], [os.fork])).result()
    assert status == 3
    call = Aside(lambda: sleigh.eachElem(fork_and, ["returns"], [fork_with_a_terminal]))
    assert call.result() == [0]
    assert Aside(lambda: sleigh.eachWorker(fork_and, "exits with 3")).result() == [3, 3]
    assert Aside(lambda: sleigh.submit(fork_and, "raises").result()).result() == 1
    assert Aside(lambda: list(sleigh.imap(fork_and, ["returns"] * 9))).result() == [0] * 9
    text = "from tests.sleigh.test_task_forks import fork_and\nSleighValue = fork_and('exits')"
    assert Aside(lambda: sleigh.eachElem(text, [1])).result() == [0]


def fork_in_c(_: int) -> int:
    """Fork with Python's lock held: one that another thread has would never be free in the child.
    Nor may another thread ask for it meanwhile, which in the child would never take it over."""
    pid: int = ctypes.PyDLL(None).fork()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else -1


def test_a_fork_that_python_does_not_know_of(sleigh: Sleigh) -> None:
    before = sleigh.eachWorker(worker)
    interval = sys.getswitchinterval()
    sleigh.eachWorker(sys.setswitchinterval, 2 * PATIENCE)  # until a thread asks for the lock
    for size in (1, 3):
        call = Aside(lambda: sleigh.eachElem(fork_in_c, range(3), chunkSize=size))  # noqa: B023
        assert call.result() == [0, 0, 0]
    assert Aside(lambda: sleigh.eachWorker(fork_in_c, 0)).result() == [0, 0]
    sleigh.eachWorker(sys.setswitchinterval, interval)
    assert sleigh.eachWorker(worker) == before
    assert not any(children(pid) for pid in before)


class ForksWhenSent:
    """It forks when its value is pickled or unpickled."""

    def __reduce__(self) -> Any:
        return fork_when_read, (os.getpid(),)


def fork_when_read(_: int) -> int:
    pid = os.fork()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 3


def test_a_fork_while_something_is_read(sleigh: Sleigh) -> None:
    def taking(status: int) -> int:
        return status

    before = sleigh.eachWorker(worker)
    assert Aside(lambda: sleigh.eachElem(taking, [[ForksWhenSent()]])).result() == [0]
    fixed = Aside(lambda: sleigh.eachElem(lambda _, given: given, [1], [ForksWhenSent()]))
    assert fixed.result() == [0]
    assert sleigh.eachWorker(worker) == before


def test_elements_behind_are_done_once(sleigh: Sleigh, tmp_path: Path) -> None:
    def note(element: int) -> int:
        with (tmp_path / "notes").open("a") as notes:
            notes.write(f"{element}\n")
        if element == 3 and not os.fork():
            return 1
        return element

    assert Aside(lambda: sleigh.eachElem(note, range(20), chunkSize=20)).result() == [*range(20)]
    notes = (tmp_path / "notes").read_text().split()
    assert sorted(map(int, notes)) == [*range(20)]


def test_what_the_child_writes_is_kept(on_server: dict[str, Any]) -> None:
    lines: list[Line] = []

    def speak(_: int) -> int:
        pid = os.fork()
        if pid:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        atexit.register(print, ", at exit")
        print("a line")
        print("no end", end="")
        raise ValueError("in the child")

    with Sleigh(**on_server, workerCount=1, output=lines.extend) as sleigh:
        assert Aside(lambda: sleigh.eachElem(speak, [1])).result() == [1]

        def said(stream: str) -> list[str]:
            sleigh.eachElem(times_ten, [1])
            return [line.text for line in lines if line.stream == stream]

        until(lambda: {"a line", "no end, at exit"} <= {*said("stdout")}, "what it has printed")
        until(lambda: "ValueError: in the child" in said("stderr"), "its traceback")


def test_a_child_that_lives_on_without_the_task(sleigh: Sleigh, tmp_path: Path) -> None:
    """The parent does not wait for it."""

    def fork_and_go(_: int) -> int:
        pid = os.fork()
        if not pid:
            while not (tmp_path / "go").exists():
                threading.Event().wait(0.005)
        return pid

    before = sleigh.eachWorker(worker)
    (child,) = sleigh.eachElem(fork_and_go, [1])
    assert sleigh.eachElem(times_ten, range(100)) == [*range(0, 1000, 10)]
    (tmp_path / "go").touch()
    until(lambda: not any(child in children(pid) for pid in before), "the end of the child")
    assert sleigh.eachWorker(worker) == before
