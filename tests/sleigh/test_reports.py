"""What a sleigh tells people who look at its workspace: JSON texts that do not grow."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.errors import NwsOperationException
from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.shared.messages import Failure
from nws.sleigh.shared.settings import Where
from nws.sleigh.shared.spans import SHOWN
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import Reports, WorkerReport, description
from nws.sleigh.worker.failure_report import FailureReport
from nws.version import __version__
from tests.sleigh.functions import arrive, fail
from tests.support.deadly import die, note_and_wait, times_ten
from tests.support.processes import Aside, until_file, until_gone
from tests.support.server import PATIENCE, running
from tests.support.sleighs import supervisor_of, workers_that_answer
from tests.support.spaces import HOST

Report = dict[str, Any]


def wait_for(ws: NetWorkSpace, variable: str, holds: Callable[[Any], Any]) -> Any:
    """Return the first report that is as it is to be."""
    for text in ws.ifind(variable, timeout=PATIENCE):
        assert type(text) is str
        report = json.loads(text)
        if holds(report):
            return report
    raise AssertionError("the workspace is gone")


def of_worker(sleigh: Sleigh, rank: int, holds: Callable[[Report], Any]) -> Report:
    report: Report = wait_for(sleigh.nws, f"worker {rank}", holds)
    return report


def is_idle_after(tasks: int) -> Callable[[Report], bool]:
    return lambda report: report["state"] == "idle" and report["tasks"] == tasks


def stored(ws: NetWorkSpace, variable: str) -> int:
    """Return how many values were stored in a variable so far."""
    values = ws.ifindTry(variable)
    next(values)
    return values._cookie[1] + 1


# Workers


def test_a_worker_that_is_idle(lonely: Sleigh) -> None:
    began = time.time()
    (pid,) = workers_that_answer(lonely)
    report = of_worker(lonely, 0, is_idle_after(1))
    assert list(report) == [
        *("rank", "pid", "host", "name", "os", "python", "nws", "logfile", "id"),
        *("state", "started", "deaths", "tasks", "elements", "memory"),
        *("current", "recent", "lines"),
    ]
    assert (report["rank"], report["pid"], report["nws"]) == (0, pid, __version__)
    assert began - 60 < report["started"] < time.time()
    assert (report["deaths"], report["elements"]) == (0, 1)
    assert (report["current"], report["lines"]) == (None, [])
    assert report["memory"] is None or report["memory"] > 1_000_000
    ((call, first, size, begin, end),) = report["recent"]
    assert (call, first, size) == (1, 0, 1)
    assert report["started"] - 0.1 < begin <= end < time.time() + 0.1


def test_a_worker_that_runs_an_element(lonely: Sleigh, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    lonely.eachElem(arrive, range(3), [tmp_path], chunkSize=3)
    (tmp_path / "go").unlink()
    (tmp_path / "0").unlink()
    call = Aside(partial(lonely.eachElem, arrive, range(2), [tmp_path], chunkSize=2))
    until_file(tmp_path / "0")
    report = of_worker(lonely, 0, lambda report: report["state"] == "running")
    since = report["current"].pop("since")
    assert report["current"] == {"call": 2, "first": 0, "size": 2, "element": 0}
    assert report["recent"][-1][4] - 0.1 < since < time.time() + 0.1
    assert (report["tasks"], report["elements"]) == (1, 3)
    (tmp_path / "go").touch()
    assert call.result() == [0, 1]
    report = of_worker(lonely, 0, lambda report: report["elements"] == 5)
    assert report["recent"][-1][:3] == [2, 1, 1] or report["recent"][-1][:3] == [2, 0, 2]


class _Door:
    """Cannot be read before somebody opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        arrive("loading", self.folder)  # type: ignore[arg-type]


def test_a_worker_that_loads_the_function(lonely: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(lonely.eachElem, lambda number, _: number, [7], [_Door(tmp_path)]))
    report = of_worker(lonely, 0, lambda report: report["state"] == "loading")
    assert (report["current"]["call"], report["current"]["element"]) == (1, None)
    (tmp_path / "go").touch()
    assert call.result() == [7]


def _arrive_unless_first(folder: Path) -> None:
    rank = globals()["SleighRank"]
    if rank:
        arrive(rank, folder)


def test_a_worker_that_waits_for_the_others(tmp_path: Path) -> None:
    with Sleigh(workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachWorker, _arrive_unless_first, tmp_path))
        report = of_worker(sleigh, 0, lambda report: report["state"] == "waiting")
        assert (report["current"], report["elements"]) == (None, 1)
        report = of_worker(sleigh, 1, lambda report: report["state"] == "running")
        assert report["current"]["element"] == 1
        (tmp_path / "go").touch()
        call.result()
        report = of_worker(sleigh, 1, is_idle_after(1))
        assert report["recent"][0][:3] == [1, 1, 1]


def test_a_worker_that_is_stopped(lonely: Sleigh, tmp_path: Path) -> None:
    call = Aside(partial(lonely.eachElem, arrive, [0], [tmp_path]))
    pid = int(until_file(tmp_path / "0"))
    os.kill(pid, signal.SIGSTOP)
    report = of_worker(lonely, 0, lambda report: report["state"] == "stopped")
    assert report["current"]["element"] == 0
    os.kill(pid, signal.SIGCONT)
    of_worker(lonely, 0, lambda report: report["state"] == "running")
    (tmp_path / "go").touch()
    assert call.result() == [0]


def test_a_worker_that_is_killed(lonely: Sleigh) -> None:
    (killed,) = workers_that_answer(lonely)
    of_worker(lonely, 0, is_idle_after(1))
    os.kill(killed, signal.SIGKILL)
    report = of_worker(lonely, 0, lambda report: report["deaths"])
    assert report["deaths"] == 1
    assert report["pid"] not in (0, killed)
    assert report["tasks"] == len(report["recent"]) == 1, "the rank goes on"
    (pid,) = workers_that_answer(lonely)
    report = of_worker(lonely, 0, is_idle_after(2))
    assert (report["pid"], report["deaths"]) == (pid, 1)


def test_another_supervisor_goes_on(lonely: Sleigh) -> None:
    lonely.eachElem("print('before')", [1])
    before = of_worker(lonely, 0, lambda report: report["lines"] and is_idle_after(1)(report))
    supervisor = supervisor_of(lonely)
    of_worker(lonely, 0, is_idle_after(2))
    os.kill(supervisor, signal.SIGKILL)
    until_gone([supervisor])
    lonely.eachElem(times_ten, [1])
    after = of_worker(lonely, 0, is_idle_after(3))
    assert (after["rank"], after["id"], after["deaths"]) == (0, before["id"], 1)
    assert after["lines"] == before["lines"]
    assert after["recent"][0] == before["recent"][0]
    assert [info["rank"] for info in lonely.workerInfo()] == [0]


def test_reports_do_not_grow(lonely: Sleigh) -> None:
    for _ in range(3):
        assert isinstance(lonely.eachElem(die, ["exit status 7"])[0], SleighTaskException)
    report = of_worker(lonely, 0, lambda report: report["deaths"] == 9)
    for _ in range(50):
        lonely.eachElem("print('x' * 1000)", [1, 2], chunkSize=1)
    report = of_worker(lonely, 0, is_idle_after(100))
    assert len(report["recent"]) <= SHOWN
    assert len(report["lines"]) == 20
    listing = lonely.nws.listVars(format="dict")
    assert isinstance(listing, dict)
    for variable in ("worker 0", "failures 0"):
        assert (listing[variable].values, listing[variable].mode) == (1, "single")


def test_who_is_idle_stores_nothing(tmp_path: Path) -> None:
    """Its supervisor goes on to look, as is seen by the other worker."""
    with Sleigh(workerCount=2) as sleigh:
        sleigh.eachWorker(times_ten, 1)
        of_worker(sleigh, 0, is_idle_after(1))
        of_worker(sleigh, 1, is_idle_after(1))
        pids = [info["pid"] for info in sleigh.workerInfo()]
        before = stored(sleigh.nws, "worker 0")
        for _ in range(2):
            os.kill(pids[1], signal.SIGSTOP)
            of_worker(sleigh, 1, lambda report: report["state"] == "stopped")
            os.kill(pids[1], signal.SIGCONT)
            of_worker(sleigh, 1, lambda report: report["state"] == "idle")
        assert stored(sleigh.nws, "worker 0") == before


def test_what_others_keep_in_the_workspace_does_not_matter(lonely: Sleigh) -> None:
    workers_that_answer(lonely)
    lonely.nws.store("worker", "mine")
    lonely.nws.store("worker of mine", "mine")
    lonely.nws.declare("worker 7", "fifo")
    assert [info["rank"] for info in lonely.workerInfo()] == [0]


# Lines


def _speak(number: int) -> None:
    print(f"{number} {'x' * 1000}")


def test_the_last_lines(lonely: Sleigh) -> None:
    lonely.eachElem(_speak, range(30))
    report = of_worker(lonely, 0, lambda report: report["elements"] == 30)
    report = of_worker(lonely, 0, lambda report: len(report["lines"]) == 20)
    report = of_worker(lonely, 0, lambda report: report["lines"][-1][2] == 29)
    assert [line[1:4] for line in report["lines"]] == [[1, n, "stdout"] for n in range(10, 30)]
    assert {len(line[4]) for line in report["lines"]} == {500}
    assert abs(report["lines"][0][0] - time.time()) < 60


def _complain(_: int) -> None:
    import sys

    logging.getLogger("tests").error("%s \udc80", "that is odd")
    os.write(2, b"\x1d1 0\x1f{}\n")
    print("so it is", file=sys.stderr)


def test_lines_of_all_kinds(nothing_is_left: None) -> None:
    with Sleigh(workerCount=1, output=None) as sleigh:
        sleigh.eachElem(_complain, [1])
        report = of_worker(sleigh, 0, lambda report: len(report["lines"]) == 3)
    assert [line[3:] for line in report["lines"]] == [
        ["log", "ERROR: that is odd \udc80"],
        ["log", "{}"],
        ["stderr", "so it is"],
    ]


# Failures


def failures(ws: NetWorkSpace, rank: int = 0) -> list[Report]:
    """Return what is there; it is there when the results are."""
    text = ws.findTry(f"failures {rank}", "[]")
    assert type(text) is str
    noted: list[Report] = json.loads(text)
    return noted


def seen(noted: list[Report]) -> list[tuple[int, int, int | None]]:
    return [(entry["call"], entry["element"], entry.get("attempt")) for entry in noted]


def test_without_failures_there_is_no_report_of_them(lonely: Sleigh) -> None:
    lonely.eachElem(times_ten, range(100))
    listing = lonely.nws.listVars(format="dict")
    assert not any(name.startswith("failures") for name in listing)


def test_failures(lonely: Sleigh) -> None:
    lonely.eachElem(fail, [[KeyError, ValueError], ["one", "another"]])
    one, other = failures(lonely.nws)
    assert list(one) == ["time", "call", "element", "text"]
    assert abs(one["time"] - time.time()) < 60
    assert seen([one, other]) == [(1, 0, None), (1, 1, None)]
    assert one["text"].startswith("Traceback")
    assert one["text"].endswith("KeyError: 'one'\n")
    assert other["text"].endswith("ValueError: another\n")


def test_failures_that_are_tried_again(lonely: Sleigh, tmp_path: Path) -> None:
    lonely.eachElem("1 / 0", [1, 2], retries=2)
    assert sorted(seen(failures(lonely.nws)), key=str) == [
        *((1, 0, 1), (1, 0, 2), (1, 0, None)),
        *((1, 1, 1), (1, 1, 2), (1, 1, None)),
    ]


def test_failures_of_each_worker(lonely: Sleigh) -> None:
    lonely.eachWorker("1 / 0", retries=1)
    assert seen(failures(lonely.nws)) == [(1, 0, 1), (1, 0, None)]


def test_the_last_failures_and_their_ends(lonely: Sleigh) -> None:
    lonely.eachElem(fail, [[ValueError] * 25, [f"{'x' * 5000}{n}" for n in range(25)]])
    noted = failures(lonely.nws)
    assert seen(noted) == [(1, n, None) for n in range(15, 25)]
    assert {len(entry["text"]) for entry in noted} == {4000}
    assert noted[-1]["text"].endswith("x24\n")


def test_a_verdict_about_deaths(lonely: Sleigh) -> None:
    lonely.eachElem("1 / 0", [1])
    lonely.eachElem(die, ["exit status 7"])
    noted = failures(lonely.nws)
    assert seen(noted) == [(1, 0, None), (2, 0, None)], "those of the dead are still there"
    assert "each of the 3 workers that ran it ended" in noted[1]["text"]


def test_an_element_that_takes_too_long(lonely: Sleigh, tmp_path: Path) -> None:
    lonely.eachElem(note_and_wait, [0], [tmp_path], timeout=0.1)
    (entry,) = failures(lonely.nws)
    assert entry["text"].startswith("it took longer than timeout=0.1 seconds")


def test_a_result_that_is_refused(tmp_path: Path) -> None:
    with (
        running(tmp_path, "--max-value-size", "5000") as server,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh,
    ):
        results = sleigh.eachElem("'x' * SleighArguments[0]", [1, 10_000, 2])
        assert [len(result) for result in (results[0], results[2])] == [1, 2]
        (entry,) = failures(sleigh.nws)
        assert (entry["call"], entry["element"]) == (1, 1)
        assert "the server does not take the result" in entry["text"]


def test_a_report_of_failures_that_is_refused(tmp_path: Path) -> None:
    """The results come nevertheless."""
    with (
        running(tmp_path, "--max-value-size", "5000") as server,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh,
    ):
        for n in range(5):
            (failed,) = sleigh.eachElem(fail, [ValueError], [f"{'x' * 1500}{n}"])
            assert str(failed).endswith(f"x{n}\n")
        assert len(failures(sleigh.nws)) < 5


# What is refused


def fill(ws: NetWorkSpace) -> None:
    """Store until nothing more is taken."""
    for size in (10_000, 1000, 100, 10, 0):
        with suppress(NwsOperationException):
            while True:
                ws.store("ballast", "x" * size)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[NetWorkSpace]:
    """A workspace on a server with little room."""
    with running(tmp_path, "--memory-limit", "200000") as server:
        ws = NetWorkSpace("small", HOST, server.port)
        yield ws
        ws.server.close()


def test_a_refused_report_of_a_worker_is_stored_later(small: NetWorkSpace) -> None:
    process = WorkerProcess(0, Where("", 0, "", "", 1.0, 0))
    report, reports = WorkerReport(process, description("", "", "0"), {}), Reports(small)
    reports.add(0, report)
    fill(small)
    report.note_lines([(1, 0, "stdout", "x" * 500)] * 20)
    reports.look(1000.0)
    assert small.findTry("worker 0") is None
    small.deleteVar("ballast")
    reports.look(1000.5)
    assert small.findTry("worker 0") is None, "it is too early"
    reports.look(1001.0)
    assert json.loads(small.find("worker 0"))["state"] == "starting"
    reports.look(1002.0)
    assert stored(small, "worker 0") == 1, "there is no news"
    process.cells.tasks_done += 1
    reports.look(1003.0)
    assert stored(small, "worker 0") == 2


def test_a_refused_report_of_failures(small: NetWorkSpace) -> None:
    report = FailureReport(small, 0)
    fill(small)
    report.note(1, 2, Failure("why"))
    assert report.news() == []
    small.deleteVar("ballast")
    ((variable, text),) = report.news()
    assert (variable, seen(json.loads(text))) == ("failures 0", [(1, 2, None)])
    assert report.news() == []
