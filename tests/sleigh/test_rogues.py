"""Somebody else stores odd things in a sleigh's workspace: they are dropped, and that is said."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from nws.client import NetWorkSpace
from nws.errors import NwsOperationException
from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.shared import messages
from nws.sleigh.shared.departures import HAVE_LEFT
from nws.sleigh.shared.protocol import PROTOCOL, REFUSED
from nws.sleigh.worker.crash_policy import pieces_to_retry
from tests.sleigh.functions import arrive, fail
from tests.support.deadly import is_first, times_ten
from tests.support.processes import Aside, until, until_file
from tests.support.server import running
from tests.support.spaces import HOST

CALL = (1, "function 0", 2, False, 0.0, 0, None, (), (), False)
ODD: dict[str, Any] = {
    "a number": 7,
    "a text": "x",
    "nothing": None,
    "a dict": {"a": [1]},
    "an empty tuple": (),
    "a far number": 10**30,
    "many numbers": tuple(range(8)),
    "a task of elements that are none": (CALL, 0, 7, 0, 0),
    "a task of odd elements": (CALL, 0, [{}], 0, 0),
    "a task of a far element": (CALL, 10**30, [b""], 0, 0),
    "a task with a function that is none": ((1, 7, *CALL[2:]), 0, [b""], 0, 0),
    "a task that takes for ever": ((*CALL[:4], 1e300, *CALL[5:]), 0, [b""], 0, 0),
    "results of far elements": (True, 1, 0, 10**12, [1], 0.0, (1, 1)),
    "results of elements that are none": (True, 1, 0, -5, [1], 0.0, (1, 1)),
    "results that are none": (True, 1, 0, 0, 7, 0.0, (1, 1)),
    "odd results": (True, 1, 0, 0, [{}], 0.0, (1, 1)),
    "a result in odd pieces": (True, 1, 0, 0, [(7, "x")], 0.0, (1, 1)),
    "results that took no number": (True, 1, 0, 0, [1], float("nan"), (1, 1)),
    "results of another call": (True, 10**9, 0, 0, [1], 0.0, (1, 1)),
    "lines of a rank that is none": (False, 10**9, (1, 1), [(1, 1, "stdout", "x")], 0),
    "odd lines": (False, 0, (1, 1), [7], 0),
    "lines without a count": (False, 0, 7, [(1, 1, "stdout", "x")], 0),
    "an odd death": (1, 0, 1, 0, 0, 1, False, 7),
    "a death of another call": (10**9, 0, 1, 0, 0, 1, False, "x"),
}
VARIABLES = [
    messages.TASK,
    messages.RESULT,
    messages.DEATHS,
    messages.CONTROL,
    messages.BARRIER,
    messages.RANK_COUNT,
    messages.WORKER_COUNT,
    HAVE_LEFT,
    messages.OUTPUT_READ,
    messages.CALLS,
    "gone x",
    messages.worker_variable(0),
    messages.worker_variable(7),
    messages.failures_variable(0),
    PROTOCOL,
    REFUSED,
]
in_all_variables_and_in_each = pytest.mark.parametrize(
    "variables",
    [
        pytest.param(VARIABLES, id="all"),
        *(pytest.param([each], id=each, marks=pytest.mark.nightly) for each in VARIABLES),
    ],
)


@pytest.fixture(scope="module")
def sleigh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sleigh]:
    """Two workers on a server that others can use."""
    with (
        running(tmp_path_factory.mktemp("server")) as server,
        Sleigh(workerCount=2, nwsHost=HOST, nwsPort=server.port, output=None) as sleigh,
    ):
        assert sleigh.eachWorker("7") == [7, 7]
        yield sleigh


@pytest.fixture
def rogue(sleigh: Sleigh) -> Iterator[NetWorkSpace]:
    """Another session in the workspace of the sleigh."""
    server = sleigh.nws.server
    other = NetWorkSpace(
        sleigh.nws.currentWs(), server.serverHost, server.serverPort, useUse=True, create=False
    )
    yield other
    other.server.close()


def store_unreadable(ws: NetWorkSpace, variable: str) -> None:
    """Store an object that nobody can unpickle."""
    module = sys.modules["only_here"] = ModuleType("only_here")
    odd = type("Odd", (), {"__module__": "only_here"})
    module.Odd = odd  # type: ignore[attr-defined]
    ws.store(variable, odd())
    del sys.modules["only_here"]


class Ends:
    """Ends the program that unpickles it."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return fail, (self.error,)


ENDS = [SystemExit, KeyboardInterrupt, TimeoutError]


@pytest.mark.parametrize("error", ENDS)
@in_all_variables_and_in_each
def test_a_value_that_ends_its_reader(
    sleigh: Sleigh, rogue: NetWorkSpace, variables: list[str], error: type[BaseException]
) -> None:
    for variable in variables:
        rogue.store(variable, Ends(error))
    assert sleigh.eachElem(times_ten, range(10)) == [10 * n for n in range(10)]
    assert list(sleigh.imap(times_ten, range(3))) == [0, 10, 20]
    assert sleigh.submit(times_ten, 4).result(30) == 40
    assert sleigh.eachWorker("SleighRank") == [0, 1]
    assert {each["rank"] for each in sleigh.workerInfo()} <= {0, 1}


@pytest.mark.parametrize("error", ENDS)
def test_noted_deaths_among_values_that_end_their_reader(
    sleigh: Sleigh, rogue: NetWorkSpace, error: type[BaseException], tmp_path: Path
) -> None:
    """Who takes the place of a dead worker reads them."""

    def die_once(element: int, folder: Path) -> int:
        if element == 1 and is_first(folder, "death"):
            os.kill(os.getpid(), signal.SIGKILL)
        return element

    rogue.store(messages.DEATHS, Ends(error))
    assert sleigh.eachElem(die_once, range(3), [tmp_path], chunkSize=3) == [0, 1, 2]


def inverse(element: int) -> float:
    return 1 / element


@in_all_variables_and_in_each
def test_odd_things(sleigh: Sleigh, rogue: NetWorkSpace, variables: list[str]) -> None:
    for variable in variables:
        for value in ODD.values():
            rogue.store(variable, value)
        store_unreadable(rogue, variable)
    assert sleigh.eachElem(times_ten, range(10)) == [10 * n for n in range(10)]
    assert sleigh.eachWorker("SleighRank") == [0, 1]
    assert sleigh.submit(times_ten, 4).result(30) == 40
    assert str(sleigh.eachElem(inverse, [0])[0]).count("ZeroDivisionError") == 1
    assert sleigh.status() == (2, 1)
    assert {each["rank"] for each in sleigh.workerInfo()} <= {0, 1}


@pytest.mark.parametrize("odd", [7, b"x", Ends(SystemExit)])
def test_an_initializer_that_the_master_has_not_stored(
    sleigh: Sleigh, rogue: NetWorkSpace, odd: Any
) -> None:
    """Workers that take the place of others do not look at it."""
    rogue.store(messages.INITIALIZER, odd)
    before = sleigh.eachWorker("__import__('os').getpid()")
    os.kill(before[0], signal.SIGKILL)
    assert sleigh.eachWorker("SleighRank") == [0, 1]


@pytest.mark.parametrize("odd", [7, "x", Ends(SystemExit)])
def test_a_count_of_workers_that_the_master_has_not_seen(
    sleigh: Sleigh, rogue: NetWorkSpace, odd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced before the master looks, and so is what tells the same."""
    monkeypatch.setattr(sleigh._team.members, "_closed", None)
    rogue.store(messages.WORKER_COUNT, odd)
    rogue.store(messages.RANK_COUNT, -1)
    assert sleigh.eachWorker("SleighRank") == [0, 1]
    monkeypatch.setattr(sleigh._team.members, "_closed", None)
    rogue.store(messages.WORKER_COUNT, odd)
    rogue.store(messages.RANK_COUNT, odd)
    assert sleigh.eachWorker("SleighRank") == [0, 1]


@pytest.mark.parametrize("odd", ["x", Ends(SystemExit)])
def test_a_barrier_that_workers_have_not_seen(
    sleigh: Sleigh, rogue: NetWorkSpace, odd: Any
) -> None:
    """What has opened it is gone before they look."""
    stop = threading.Event()

    def overwrite() -> None:
        while not stop.is_set():
            rogue.store(messages.BARRIER, odd)

    other = Aside(overwrite)
    try:
        assert sleigh.eachWorker("SleighRank") == [0, 1]
    finally:
        stop.set()
        other.result()


def test_odd_things_are_said(
    sleigh: Sleigh, rogue: NetWorkSpace, caplog: pytest.LogCaptureFixture
) -> None:
    rogue.store(messages.RESULT, 7)
    assert sleigh.eachElem(times_ten, [1]) == [10]
    assert "in the variable 'result': int" in caplog.text


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("control", [(10**9, ()), (0, (*range(100),)), (2**62, ())])
def test_calls_that_somebody_else_has_cancelled(
    sleigh: Sleigh, rogue: NetWorkSpace, control: Any, tmp_path: Path
) -> None:
    """Elements that were dropped say so, instead of being waited for."""
    call = Aside(partial(sleigh.eachElem, arrive, range(4), [tmp_path], chunkSize=2))
    until_file(tmp_path / "0")
    rogue.store(messages.CONTROL, control)
    until(
        lambda: not call.is_alive() or rogue.find(messages.CONTROL) != control,
        "the elements are dropped, or the master has stored it again",
    )
    (tmp_path / "go").touch()
    for element, result in enumerate(call.result()):
        if isinstance(result, SleighTaskException):
            assert "the variable 'control' says that its call was cancelled" in str(result)
        else:
            assert result == element
    until(
        lambda: sleigh.eachElem(times_ten, range(10)) == [10 * n for n in range(10)],
        "the sleigh works again",
    )


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_message(odd: str) -> None:
    value = ODD[odd]
    if "another" not in odd:
        assert messages.task_from_wire(value) is None
        assert messages.death_from_wire(value) is None
    if "another" not in odd and "far elements" not in odd and "rank" not in odd:
        assert messages.message_from_wire(value) is None


@pytest.mark.parametrize("part", [(9, 10), (0, 0), (2, 3), (-1, 5), (1, 1)])
def test_a_death_that_would_lose_elements(part: tuple[int, int]) -> None:
    task = messages.Task(messages.Call(1, "function 0", 2), 4, [b"a", b"b"])
    odd = messages.Death(1, 4, 2, 4, *part, False, "")
    left = pieces_to_retry(task, 2, [odd])
    assert [element for piece in left for element in piece.elements] == [b"a", b"b"]


def echoed(number: int) -> int:
    print("element", number)
    return number


@pytest.mark.slow
def test_variables_that_others_have_declared(on_server: dict[str, Any]) -> None:
    """A supervisor that takes the place of another declares its own again."""
    with Sleigh(**on_server, workerCount=1) as sleigh:
        [pid] = sleigh.eachWorker(os.getpid)
        supervisor = psutil.Process(pid).parent()
        assert supervisor is not None
        ids = {info["id"] for info in sleigh.workerInfo()}
        modes = {messages.worker_variable(0): "fifo", messages.output_variable(0): "single"}
        modes |= {messages.kill_variable(id): "lifo" for id in ids}
        supervisor.suspend()
        for variable, mode in modes.items():
            with suppress(NwsOperationException):  # it is not there
                sleigh.nws.deleteVar(variable)
            sleigh.nws.declare(variable, mode)
        supervisor.kill()
        assert sleigh.eachElem(echoed, range(4)) == [0, 1, 2, 3]
