"""What each worker calls first: once, before its tasks; and what comes of it when it fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nws.sleigh import (
    Line,
    Sleigh,
    SleighIllegalValueException,
    SleighInitializerException,
)
from tests.sleigh.conftest import Script
from tests.support.deadly import is_first, note, start_a_child, times_ten
from tests.support.processes import Aside, until, until_gone

pytestmark = pytest.mark.usefixtures("programs_on_server")

SleighRank: int = -1
"""Set by the worker."""

ready: list[Any] = []
"""What the initializer has left in this process."""


def get_ready(folder: Path, *others: Any) -> None:
    note(folder, f"ready {os.getpid()}", SleighRank)
    ready.append((SleighRank, *others))


def see(_: Any = None) -> list[Any]:
    return ready


def starts(folder: Path) -> int:
    return len(list(folder.glob("ready *")))


@pytest.fixture(autouse=True)
def nobody_is_ready() -> None:
    ready.clear()


def test_once_before_the_first_task(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(
        **on_server, workerCount=2, initializer=get_ready, initargs=[tmp_path, 7]
    ) as sleigh:
        assert starts(tmp_path) == 0
        assert sleigh.eachWorker(see) == [[(0, 7)], [(1, 7)]]
        assert all(len(seen) == 1 for seen in sleigh.eachElem(see, range(100)))
        assert sleigh.submit(see).result() in ([(0, 7)], [(1, 7)])
        assert starts(tmp_path) == 2
    assert ready == []


def exit_once(element: int, folder: Path) -> int:
    if element == 1 and is_first(folder, element):
        os._exit(9)
    return times_ten(element)


def test_who_takes_the_place_of_another(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=1, initializer=get_ready, initargs=[tmp_path]) as sleigh:
        assert sleigh.eachElem(exit_once, range(3), [tmp_path]) == [0, 10, 20]
        assert sleigh.eachWorker(see) == [[(0,)]]
        assert starts(tmp_path) == 2


@pytest.mark.nightly  # all other files have sleighs without one
def test_no_initializer(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(see) == [[], []]


# It fails


class Unready(Exception):
    pass


def fail(folder: Path, number: int) -> NoReturn:
    note(folder, f"ready {os.getpid()}")
    raise Unready(number)


def leave(folder: Path, _: int) -> NoReturn:
    note(folder, f"ready {os.getpid()}")
    sys.exit("no database")


CALLS: dict[str, Callable[[Sleigh], Any]] = {
    "eachElem": lambda sleigh: sleigh.eachElem(see, range(100)),
    "eachWorker": lambda sleigh: sleigh.eachWorker(see),
    "imap": lambda sleigh: list(sleigh.imap(see, range(100))),
    "submit": lambda sleigh: sleigh.submit(see).result(),
    "pending": lambda sleigh: sleigh.eachElem(see, range(100), blocking=False).wait(),
}


def test_it_raises(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=2, initializer=fail, initargs=[tmp_path, 5]) as sleigh:
        for call in CALLS.values():
            with pytest.raises(SleighInitializerException) as caught:
                Aside(partial(call, sleigh)).result()
            for word in ("failed on worker", "Traceback", "in fail", "raise Unready(number)"):
                assert word in str(caught.value)
            assert isinstance(caught.value.__cause__, Unready)
            assert caught.value.__cause__.args == (5,)
        pids = [int(path.name.partition(" ")[2]) for path in tmp_path.glob("ready *")]
        assert 1 <= len(pids) <= 2, "nobody takes the place of who has failed"
        until_gone(pids)


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("call", ["submit", "pending"])
def test_each_kind_of_call_may_be_the_first(
    on_server: dict[str, Any], tmp_path: Path, call: str
) -> None:
    with (
        Sleigh(**on_server, workerCount=1, initializer=leave, initargs=[tmp_path, 5]) as sleigh,
        pytest.raises(SleighInitializerException, match="SystemExit: no database"),
    ):
        Aside(lambda: CALLS[call](sleigh)).result()


def die(folder: Path) -> NoReturn:
    note(folder, f"ready {os.getpid()}")
    os._exit(7)


def test_it_kills_its_worker(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=1, initializer=die, initargs=[tmp_path]) as sleigh:
        with pytest.raises(SleighInitializerException, match=r"exit status 7 \(3 times\)"):
            Aside(lambda: sleigh.eachElem(see, range(5))).result()
        assert starts(tmp_path) == 3


def die_the_first_time(folder: Path) -> None:
    if is_first(folder, "death"):
        os._exit(7)


@pytest.mark.nightly  # each time is above
def test_it_kills_its_worker_once(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(
        **on_server, workerCount=1, initializer=die_the_first_time, initargs=[tmp_path]
    ) as sleigh:
        assert sleigh.eachElem(see, range(5)) == [[]] * 5


class Unreadable:
    def __reduce__(self) -> Any:
        return fail, (Path("/nowhere"), 1)


def test_it_cannot_be_read(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=1, initializer=print, initargs=[Unreadable()]) as sleigh:
        for _ in range(2):
            with pytest.raises(SleighInitializerException, match="the worker cannot read it"):
                sleigh.eachElem(see, [1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"initializer": 5}, "5 is neither a function"),
        ({"initializer": "x y"}, "not Python"),
        ({"initializer": print, "initargs": 5}, "initargs=5 is not a list of arguments"),
        ({"initializer": print, "initargs": [sys.stdout]}, "the initializer or initargs cannot be"),
    ],
)
def test_what_is_none(options: dict[str, Any], said: str, short: Path) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        Sleigh(workerCount=1, **options)


# What it may do


def speak_and_fork() -> Any:
    print("I am ready")
    start_a_child()
    if os.fork() == 0:
        print("so am I", end="")
        return None
    os.wait()
    return sys.stdout  # which nobody asks for


def test_what_it_prints_and_forks(on_server: dict[str, Any]) -> None:
    said: list[Line] = []
    with Sleigh(
        **on_server, workerCount=1, initializer=speak_and_fork, output=said.extend
    ) as sleigh:
        # What a child writes is shown as it comes, not before the call ends.
        until(lambda: sleigh.eachElem(see, [1]) == [[]] and len(said) >= 2, "two lines")
    assert sorted(line.text for line in said) == ["I am ready", "so am I"]
    assert [line.element for line in said if line.text == "I am ready"] == [-1]


PROGRAM = """
import threading
from nws.sleigh import Sleigh

model = None
cache = {}
limit = 1

def get_ready(factor):
    global model, extra
    model = lambda number: factor * number
    extra = threading.Lock()
    cache["x"] = limit

def inner(number):
    return model(number)

def work(number):
    with extra:
        return inner(number), cache, limit

if __name__ == "__main__":
    with Sleigh(workerCount=1, initializer=get_ready, initargs=(10,), serial=SERIAL) as sleigh:
        print(sleigh.eachElem(work, [1]))
        limit = 2
        print(sleigh.eachElem(work, [1]))
        print(sleigh.eachElem(lambda number: inner(number), [2]))
        print(sleigh.eachElem("SleighRank", [2]))
    text = "import math; half = math.pi / 2"
    with Sleigh(workerCount=1, initializer=text, serial=SERIAL) as sleigh:
        print(sleigh.eachElem("round(half, 3)", [1]))
"""


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("serial", [False, True], ids=["workers", "serial"])
def test_globals_of_the_main_program(script: Script, serial: bool) -> None:
    said = script(PROGRAM.replace("SERIAL", str(serial))).stdout
    assert said.split("\n") == [
        "[(10, {'x': 1}, 1)]",
        "[(10, {'x': 1}, 2)]",
        "[20]",
        "[0]",
        "[1.571]",
        "",
    ]


def test_in_the_master(tmp_path: Path) -> None:
    with Sleigh(serial=True, initializer=get_ready, initargs=[tmp_path, 3]) as sleigh:
        assert ready == []
        assert sleigh.eachElem(see, range(2)) == [[(0, 3)]] * 2
    with Sleigh(serial=True, initializer=fail, initargs=[tmp_path, 3]) as sleigh:
        for call in CALLS.values():
            with pytest.raises(SleighInitializerException, match="Unready: 3"):
                call(sleigh)
