"""What supervisors tell people about workers: JSON texts that do not grow."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.spans import SHOWN
from nws.sleigh.supervisor.kept_output import KeptOutput
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import Reports, WorkerReport, description
from nws.version import __version__
from tests.sleigh.functions import arrive
from tests.support.deadly import die, times_ten
from tests.support.processes import Aside, until_file, until_gone
from tests.support.server import PATIENCE
from tests.support.sleighs import parent, workers_that_answer
from tests.support.spaces import fill

Report = dict[str, Any]

DOCS = Path(__file__).parents[2] / "docs" / "sleigh.md"


def documented(variable: str) -> set[str]:
    """Return the keys that docs/sleigh.md has for the reports in a variable."""
    _, _, after = DOCS.read_text().partition(f"`{variable}` is written by")
    table = after.partition("| key | value |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall("`(.+?)`", row)}


def of_worker(sleigh: Sleigh, rank: int, holds: Callable[[Report], Any]) -> Report:
    """Return the first report about a worker that is as expected."""
    for text in sleigh.nws.ifind(f"worker {rank}", timeout=PATIENCE):
        assert type(text) is str
        report: Report = json.loads(text)
        if holds(report):
            return report
    raise AssertionError("the workspace is gone")


def is_idle_after(tasks: int) -> Callable[[Report], bool]:
    return lambda report: report["state"] == "idle" and report["tasks"] == tasks


def stored(ws: NetWorkSpace, variable: str) -> int:
    """Return how many values were stored in a variable so far."""
    values = ws.ifindTry(variable)
    next(values)
    return values._cursor.place[1] + 1


# Workers


def test_a_worker_that_is_idle(lonely: Sleigh) -> None:
    began = time.time()
    (pid,) = workers_that_answer(lonely)
    report = of_worker(lonely, 0, is_idle_after(1))
    assert report.keys() == documented("worker <rank>")
    assert (report["rank"], report["pid"], report["nws"]) == (0, pid, __version__)
    assert began - 60 < report["started"] < time.time()
    assert (report["deaths"], report["elements"]) == (0, 1)
    assert (report["current"], report["lines"]) == (None, [])
    assert report["memory"] > 1_000_000
    assert report["cpu_seconds"] >= 0
    ((seconds, elements),) = report["durations"]
    assert (elements, 0 < seconds < 60) == (1, True)
    ((call, first, size, begin, end),) = report["recent"]
    assert (call, first, size) == (1, 0, 1)
    assert report["started"] - 0.1 < begin <= end < time.time() + 0.1


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_worker_that_waits_for_the_others(on_server: dict[str, Any], tmp_path: Path) -> None:
    with Sleigh(**on_server, workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachWorker, _arrive_unless_first, tmp_path))
        report = of_worker(sleigh, 0, lambda report: report["state"] == "waiting")
        assert (report["current"], report["elements"]) == (None, 1)
        report = of_worker(sleigh, 1, lambda report: report["state"] == "running")
        assert report["current"]["element"] == 1
        (tmp_path / "go").touch()
        call.result()
        report = of_worker(sleigh, 1, is_idle_after(1))
        assert report["recent"][0][:3] == [1, 1, 1]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_another_supervisor_goes_on(lonely: Sleigh) -> None:
    lonely.eachElem("print('before')", [1])
    before = of_worker(lonely, 0, lambda report: report["lines"] and is_idle_after(1)(report))
    (pid,) = workers_that_answer(lonely)
    supervisor = parent(pid)
    of_worker(lonely, 0, is_idle_after(2))
    os.kill(supervisor, signal.SIGKILL)
    until_gone([supervisor, pid])  # or else this one may do what the next one is to do
    lonely.eachElem(times_ten, [1])
    after = of_worker(lonely, 0, is_idle_after(3))
    assert (after["rank"], after["id"], after["deaths"]) == (0, before["id"], 1)
    assert after["lines"] == before["lines"]
    assert after["recent"][0] == before["recent"][0]
    assert sum(elements for _, elements in after["durations"]) == 3
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
    assert (listing["worker 0"].values, listing["worker 0"].mode) == (1, "single")


@pytest.mark.slow
def test_who_is_idle_stores_nothing(on_server: dict[str, Any], tmp_path: Path) -> None:
    """Its supervisor goes on to look, as is seen by the other worker."""
    with Sleigh(**on_server, workerCount=2) as sleigh:
        sleigh.eachWorker(times_ten, 1)
        for rank in range(2):
            of_worker(sleigh, rank, lambda report: is_idle_after(1)(report) and report["cpu"] == 0)
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
    print("so it is", file=sys.stderr)


def test_lines_of_all_kinds(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=1, output=None) as sleigh:
        sleigh.eachElem(_complain, [1])
        report = of_worker(sleigh, 0, lambda report: len(report["lines"]) == 2)
    assert [line[3:] for line in report["lines"]] == [
        ["log", "ERROR: that is odd \udc80"],
        ["stderr", "so it is"],
    ]


# What is refused


def test_a_refused_report_of_a_worker_is_stored_later(small: NetWorkSpace) -> None:
    where = Where("", 0, "", "", 1.0, 0)
    process = WorkerProcess(0, where)
    report, reports = (
        WorkerReport(process, description(Settings(where, "0"), ""), {}, KeptOutput(small, 0, 1)),
        Reports(small),
    )
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
    assert len(json.loads(small.find("output 0"))) == 20
    reports.look(1002.0)
    assert stored(small, "worker 0") == 1, "there is no news"
    process.cells.tasks_done += 1
    reports.look(1003.0)
    assert stored(small, "worker 0") == 2
