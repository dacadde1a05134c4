"""What workers tell people about elements that failed: JSON texts that do not grow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.shared.messages import Failure
from nws.sleigh.worker.failure_report import FailureReport
from tests.sleigh.functions import fail
from tests.support.deadly import die, note_and_wait, times_ten
from tests.support.server import running
from tests.support.spaces import HOST, fill

Report = dict[str, Any]
Noted = Callable[[], list[Report]]


class Unreadable:
    """An object whose pickle cannot be read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return fail, (ValueError, "not a number")


def failures(ws: NetWorkSpace, rank: int = 0) -> list[Report]:
    """Return what is there; it is there when the results are."""
    return [json.loads(text) for text in ws.ifindTry(f"failures {rank}")]


@pytest.fixture
def noted(alone: Sleigh) -> Noted:
    """Returns those of the test so far."""
    before = len(failures(alone.nws))
    return lambda: failures(alone.nws)[before:]


def seen(noted: list[Report]) -> list[tuple[int, int, int | None]]:
    """Return call, element and attempt of each; calls count from the first one that has failed."""
    before = noted[0]["call"] - 1
    return [(entry["call"] - before, entry["element"], entry.get("attempt")) for entry in noted]


def test_without_failures_there_is_no_report_of_them(lonely: Sleigh) -> None:
    lonely.eachElem(times_ten, range(100))
    listing = lonely.nws.listVars(format="dict")
    assert not any(name.startswith("failures") for name in listing)


def test_failures(alone: Sleigh, noted: Noted) -> None:
    alone.eachElem(fail, [[KeyError, ValueError], ["one", "another"]])
    first, other = noted()
    assert first.keys() == {"time", "call", "element", "summary", "text"}
    assert abs(first["time"] - time.time()) < 60
    assert seen([first, other]) == [(1, 0, None), (1, 1, None)]
    assert first["text"].startswith("Traceback")
    assert first["text"].endswith("KeyError: 'one'\n")
    assert other["text"].endswith("ValueError: another\n")
    assert [first["summary"], other["summary"]] == ["KeyError: 'one'", "ValueError: another"]


def test_failures_that_are_tried_again(alone: Sleigh, noted: Noted) -> None:
    alone.eachElem("1 / 0", [1, 2], retries=2)
    assert sorted(seen(noted()), key=str) == [
        *((1, 0, 1), (1, 0, 2), (1, 0, None)),
        *((1, 1, 1), (1, 1, 2), (1, 1, None)),
    ]


def test_failures_of_each_worker(alone: Sleigh, noted: Noted) -> None:
    alone.eachWorker("1 / 0", retries=1)
    assert seen(noted()) == [(1, 0, 1), (1, 0, None)]


def test_the_last_failures_and_their_ends(lonely: Sleigh) -> None:
    for chunk_size in (1, 70):
        lonely.eachElem(
            fail,
            [[ValueError] * 70, [f"{'x' * 5000}{n}" for n in range(70)]],
            chunkSize=chunk_size,
        )
    noted = failures(lonely.nws)
    expected = [(1, n, None) for n in range(40, 70)] + [(2, n, None) for n in range(70)]
    assert seen(noted) == expected
    assert {len(entry["text"]) for entry in noted} == {4000}
    assert noted[-1]["text"].endswith("x69\n")


def test_a_verdict_about_deaths(alone: Sleigh, noted: Noted) -> None:
    alone.eachElem("1 / 0", [1])
    alone.eachElem(die, ["exit status 7"])
    entries = noted()
    assert seen(entries) == [(1, 0, None), (2, 0, None)], "those of the dead are still there"
    said = "each of the 3 workers that ran it ended before it was done: exit status 7 (3 times)"
    assert entries[1]["text"].startswith(f"{said}\n")
    assert entries[1]["summary"] == said


def test_an_element_that_takes_too_long(alone: Sleigh, noted: Noted, tmp_path: Path) -> None:
    alone.eachElem(note_and_wait, [0], [tmp_path], timeout=0.1)
    (entry,) = noted()
    assert entry["text"].startswith("it took longer than timeout=0.1 seconds\n")
    assert entry["summary"] == "it took longer than timeout=0.1 seconds"


def test_arguments_that_cannot_be_read(alone: Sleigh, noted: Noted) -> None:
    alone.eachElem(times_ten, [Unreadable()])
    (entry,) = noted()
    assert entry["text"].startswith("the arguments cannot be read by the worker\nTraceback")
    assert entry["summary"] == "ValueError: not a number"


def test_a_result_that_is_refused(tmp_path: Path) -> None:
    with (
        running(tmp_path, "--max-value-size", "5000") as server,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh,
    ):
        results = sleigh.eachElem("'x' * SleighArguments[0]", [1, 10_000, 2])
        assert [len(result) for result in (results[0], results[2])] == [1, 2]
        assert isinstance(results[1], SleighTaskException)
        assert "the server does not take the result" in str(results[1])
        (entry,) = failures(sleigh.nws)
        assert (entry["call"], entry["element"]) == (1, 1)
        assert "the server does not take the result" in entry["text"]
        assert sleigh.eachElem(times_ten, [1]) == [10]


def test_a_report_of_failures_that_is_refused(tmp_path: Path) -> None:
    """The results come nevertheless. Escapes make the report longer than they are."""
    with (
        running(tmp_path, "--max-value-size", "5000") as server,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh,
    ):
        for n in range(5):
            (failed,) = sleigh.eachElem(fail, [ValueError], [f"{'é' * 800}{n}"])
            assert str(failed).endswith(f"é{n}\n")
        assert failures(sleigh.nws) == []


def test_a_refused_report_of_failures(small: NetWorkSpace) -> None:
    report = FailureReport(small, 0)
    fill(small)
    report.note(1, 2, Failure("why"))
    assert report.news() == []
    small.deleteVar("ballast")
    report.note(1, 2, Failure("why"))
    ((variable, text),) = report.news()
    assert (variable, seen([json.loads(text)])) == ("failures 0", [(1, 2, None)])
    assert report.news() == []


def test_another_worker_goes_on(serial: Sleigh) -> None:
    """It does not know how many failures there are, or what others have stored there."""
    space = serial.nws
    space.store("failures 0", Unreadable())
    for _ in range(2):
        report = FailureReport(space, 0)
        for number in range(70):
            report.note(1, number, Failure("why"))
        space.settle([], report.news())
    noted = failures(space)
    assert seen(noted) == [(1, n, None) for n in [*range(40, 70), *range(70)]]
    for _ in range(3):
        report.note(2, 1, Failure("why"))
        space.settle([], report.news())
    assert len(failures(space)) == 100
