"""What the master says of its calls in the workspace: how far each is, several at once."""

from __future__ import annotations

import functools
import json
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.errors import NwsNoWorkSpaceException, SleighTaskException
from nws.sleigh import Sleigh
from nws.sleigh.master.calls_report import CallsReport, CallState, name_of
from nws.sleigh.master.members import Members
from nws.sleigh.master.options import NO_OPTIONS
from nws.sleigh.master.team import Team
from nws.sleigh.shared.messages import Call, Task
from tests.sleigh.functions import Scale, arrive
from tests.support.deadly import die, is_first, times_ten
from tests.support.processes import Aside, until, until_file
from tests.support.server import PATIENCE
from tests.support.spaces import fill, variable

Report = dict[str, Any]
SHOWN = {
    *("number", "kind", "function", "elements", "submitted", "arrived", "failed"),
    *("began", "over", "cancelled"),
}


def of_calls(sleigh: Sleigh, holds: Callable[[list[Report]], Any]) -> list[Report]:
    """Wait until the report about calls is as it should be."""

    def read() -> list[Report]:
        text = sleigh.nws.findTry("calls")
        calls: list[Report] = [] if text is None else json.loads(text)["calls"]
        return calls if calls and holds(calls) else []

    return until(read, "the report")


def of_call(sleigh: Sleigh, holds: Callable[[Report], Any]) -> Report:
    """The same where there is one call."""
    return of_calls(sleigh, lambda calls: holds(calls[-1]))[-1]


def counts(report: Report) -> list[Any]:
    return [report[name] for name in ("elements", "submitted", "arrived", "failed")]


def _arrive_or_fail(element: int, folder: Path) -> int:
    if element == 1:
        raise ValueError("no")
    return arrive(element, folder) if element == 2 else element


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The master publishes its report each time it looks for results."""
    monkeypatch.setattr("nws.sleigh.master.engine.LOOK_SECONDS", 0.0)


def test_a_call_that_a_thread_waits_for(lonely: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(lonely.eachElem, _arrive_or_fail, range(3), [tmp_path], chunkSize=1))
    report = of_call(lonely, lambda report: report["arrived"] == 2)
    assert set(report) == SHOWN
    assert counts(report) == [3, 3, 2, 1]
    assert abs(report["began"] - time.time()) < 60
    assert (report["number"], report["kind"]) == (1, "eachElem")
    assert (report["function"], report["over"]) == ("_arrive_or_fail", False)
    (tmp_path / "go").touch()
    call.result()
    report = of_call(lonely, lambda report: report["over"])
    assert (counts(report), report["cancelled"]) == ([3, 3, 3, 1], False)


def test_a_pending_call(lonely: Sleigh, tmp_path: Path) -> None:
    pending = lonely.eachElem(arrive, range(2), [tmp_path], blocking=False)
    report = of_call(lonely, lambda report: True)
    assert (counts(report), report["over"]) == ([2, 2, 0, 0], False)
    (tmp_path / "go").touch()
    assert pending.wait() == [0, 1]
    report = of_call(lonely, lambda report: report["over"])
    assert (counts(report), report["cancelled"]) == ([2, 2, 2, 0], False)


def test_a_call_of_each_worker(lonely: Sleigh) -> None:
    pending = lonely.eachWorker("SleighRank", blocking=False)
    report = of_call(lonely, lambda report: True)
    assert (report["kind"], report["function"], report["elements"]) == (
        *("eachWorker", "SleighRank", 1),
    )
    assert pending.wait() == [0]


def test_a_call_that_is_cancelled(lonely: Sleigh, tmp_path: Path) -> None:
    pending = lonely.eachElem(arrive, [0], [tmp_path], blocking=False)
    pending.cancel()
    report = of_call(lonely, lambda report: report["over"])
    assert (report["cancelled"], counts(report)) == (True, [1, 1, 0, 0])


def test_a_call_that_is_forgotten(lonely: Sleigh, tmp_path: Path) -> None:
    lonely.eachElem(arrive, [0], [tmp_path], blocking=False)
    (tmp_path / "go").touch()
    assert lonely.eachElem(times_ten, [1]) == [10]
    (report, *_) = of_calls(lonely, lambda calls: calls[0]["over"])
    assert (report["number"], report["cancelled"]) == (1, True)


@pytest.mark.usefixtures("hasty")
def test_an_iterator(lonely: Sleigh) -> None:
    results = lonely.imap(times_ten, iter(range(100)), loadFactor=4)
    assert next(results) == 0
    report = of_call(lonely, lambda report: report["arrived"])
    assert (report["kind"], report["elements"], report["over"]) == ("imap", None, False)
    assert list(results) == list(range(10, 1000, 10))
    report = of_call(lonely, lambda report: report["over"])
    assert counts(report) == [100, 100, 100, 0]


@pytest.mark.usefixtures("hasty")
def test_an_iterator_that_is_stopped(lonely: Sleigh) -> None:
    results = lonely.starmap(times_ten, ((n,) for n in range(1000)), loadFactor=4)
    next(results)
    results.stop()
    report = of_call(lonely, lambda report: report["over"])
    assert (report["kind"], report["cancelled"]) == ("starmap", True)


def test_short_calls_are_not_reported(lonely: Sleigh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lonely._engine, "_next_look", float("inf"))  # however slow the machine is
    for _ in range(10):
        lonely.eachElem(times_ten, range(10))
        lonely.eachWorker(times_ten, 1)
        list(lonely.imap(times_ten, range(10)))
    assert lonely.nws.findTry("calls") is None


def fail_by_itself(element: int) -> int:
    if element == 3:
        raise ValueError("no")
    return element


class Unreadable:
    """A function that no worker can read."""

    def __call__(self, element: int) -> int:
        return element

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


@pytest.mark.parametrize(
    ("call", "kind", "expected"),
    [
        (lambda it: it.map(fail_by_itself, [3], errors="return"), "map", [1, 1, 1, 1]),
        (lambda it: _failing(lambda: it.map(fail_by_itself, [3])), "map", [1, 1, 1, 1]),
        (lambda it: it.eachElem(die, ["exit status 7"]), "eachElem", [1, 1, 1, 1]),
        (lambda it: list(it.imap(fail_by_itself, [3])), "imap", [1, 1, 1, 1]),
        (lambda it: it.submit(fail_by_itself, 3).exception(PATIENCE), "submit", [1, 1, 1, 1]),
        (lambda it: _failing(lambda: it.eachElem(Unreadable(), [3])), "eachElem", [1, 1, 0, 1]),
    ],
)
def test_a_short_call_that_failed_is_reported(
    lonely: Sleigh,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Sleigh], object],
    kind: str,
    expected: list[int],
) -> None:
    monkeypatch.setattr(lonely._engine, "_next_look", float("inf"))  # however slow the machine is
    lonely.eachElem(times_ten, range(10))
    call(lonely)
    lonely.eachElem(times_ten, range(10))
    (report,) = of_calls(lonely, lambda calls: calls[-1]["over"])
    assert (report["kind"], counts(report)) == (kind, expected)


def _failing(call: Callable[[], object]) -> None:
    with pytest.raises(SleighTaskException):
        call()


# Several


def test_several_at_once(lonely: Sleigh, tmp_path: Path) -> None:
    pending = lonely.eachElem(arrive, range(3), [tmp_path], chunkSize=1, blocking=False)
    until_file(tmp_path / "0")
    futures = [lonely.submit(times_ten, number) for number in range(5)]
    published = of_calls(lonely, lambda calls: sum(call["submitted"] for call in calls) == 8)
    for calls in (published, lonely.callInfo()):
        assert [call["kind"] for call in calls] == ["eachElem", "submit"]
        assert [counts(call)[1:] for call in calls] == [[3, 0, 0], [5, 0, 0]]
        assert not any(call["over"] for call in calls)
    (tmp_path / "go").touch()
    assert pending.wait() == [0, 1, 2]
    assert [future.result(PATIENCE) for future in futures] == [0, 10, 20, 30, 40]
    calls = of_calls(lonely, lambda calls: all(call["over"] for call in calls))
    assert [counts(call) for call in calls] == [[3, 3, 3, 0], [5, 5, 5, 0]]
    assert lonely.callInfo() == []


def test_submitted_calls_that_fail_are_counted(lonely: Sleigh, tmp_path: Path) -> None:
    first = lonely.submit(arrive, 0, tmp_path)
    others = [lonely.submit(_arrive_or_fail, 1, tmp_path) for _ in range(3)]
    assert of_call(lonely, lambda report: report["kind"] == "submit")["function"] == "arrive"
    (tmp_path / "go").touch()
    first.result(PATIENCE)
    assert all(future.exception(PATIENCE) for future in others)
    report = of_call(lonely, lambda report: report["over"])
    assert counts(report) == [4, 4, 4, 3]


def test_the_last_ones_that_ended_stay() -> None:
    published: list[str] = []
    report = CallsReport(published.append)
    for number in range(1, 10):
        state = CallState("eachElem", abs, 1)
        state.number = number
        report.add(state)
        report.publish()
        report.end(state, cancelled=number == 9)
    calls = json.loads(published[-1])["calls"]
    assert [call["number"] for call in calls] == [5, 6, 7, 8, 9]
    assert [call["cancelled"] for call in calls] == [False] * 4 + [True]
    count = len(published)
    report.publish()
    assert len(published) == count, "there is no news"


@pytest.mark.parametrize(
    ("fun", "name"),
    [
        (abs, "abs"),
        (Scale.double, "Scale.double"),
        (Scale(2), "Scale"),
        (functools.partial(functools.partial(times_ten, 1)), "times_ten"),
        (lambda: None, "<lambda>"),
        ("  " + "x + " * 100, ("x + " * 100)[:80]),
    ],
)
def test_names_of_functions(fun: Any, name: str) -> None:
    assert name_of(fun) == name


# What is refused, and what is forgotten


def test_tasks_that_end_with_their_workspace_have_no_places(small: NetWorkSpace) -> None:
    """That they were not stored is said once; to ask again, as who cancels does, is no error."""
    team = Team(small, Members(small, pytest.fail, 1), None, None)
    stored: list[object] = []
    small.server.deleteWs(small.currentWs())
    call = Call(1, "function", 1, 0, *NO_OPTIONS, (), (), False)
    team.submit([Task(call, 0, [[1]])], lambda *each: stored.append(each))
    with pytest.raises(NwsNoWorkSpaceException):
        team.withdraw(list)
    with pytest.raises(NwsNoWorkSpaceException):
        team.withdraw(list)
    assert stored == []
    team.close()


def test_a_refused_report_of_a_call_is_not_a_refused_task(small: NetWorkSpace) -> None:
    team = Team(small, Members(small, pytest.fail, 1), None, None)
    refused: list[object] = []
    team.on_refused = lambda calls, error: refused.append(error)
    fill(small)
    team.report("x" * 1000)
    team.report("y" * 1000)
    team.submit([])
    assert list(team.receive(0.0)) == []
    assert refused == []
    small.deleteVar("ballast")
    team.report("z")
    assert small.find("calls", timeout=PATIENCE) == "z"
    team.close()


def test_deaths_at_former_calls_are_forgotten(lonely: Sleigh, tmp_path: Path) -> None:
    pending = lonely.eachElem(_die_or_arrive, range(2), [tmp_path], chunkSize=1, blocking=False)
    until_file(tmp_path / "0")
    assert variable(lonely.nws, "deaths").values == 1, "it is needed as long as the call goes on"
    (tmp_path / "go").touch()
    assert pending.wait() == [0, 1]
    assert variable(lonely.nws, "deaths").values == 0
    lonely.eachElem(die, ["exit status 7"])
    assert variable(lonely.nws, "deaths").values == 0


def _die_or_arrive(element: int, folder: Path) -> int:
    if element == 0 and is_first(folder, element):
        die("exit status 7")
    return arrive(element, folder)


def test_of_what_is_called_only_the_name_is_kept() -> None:
    """To ask for that may run code of the user, in whose thread it is done; and it may be large."""
    function = Scale(2)
    kept = weakref.ref(function)
    state = CallState("eachElem", function, 1)
    del function
    assert kept() is None
    assert state.content()["function"] == "Scale"
