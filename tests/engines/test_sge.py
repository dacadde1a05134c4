"""Workers that are jobs of a real Grid Engine."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import psutil
import pytest

from nws.sleigh.launch.sge import GridEngine
from tests.engines.conftest import MakeSleigh
from tests.engines.elements import note_then_wait
from tests.support.grid_engine import GridEngineHost
from tests.support.processes import Aside, until, until_file, until_gone
from tests.support.server import PATIENCE


def until_nothing_is_left(sge: GridEngineHost) -> None:
    until(lambda: not sge.jobs(), "the end of all jobs")


def test_a_map_with_a_cancelled_job(
    sge: GridEngineHost, make_sleigh: MakeSleigh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grid Engine tells the job before it kills it. What runs does not end by itself."""
    monkeypatch.setattr("nws.sleigh.launch.walltime._MAX_MARGIN_SECONDS", 2.0)
    with make_sleigh("sge", 2) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        before = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [tmp_path], chunkSize=1))
        workers = [int(until_file(tmp_path / str(number))) for number in range(2)]
        sge.ask("qdel", *before.values())
        until_gone(workers)
        (tmp_path / "go").touch()
        assert call.result() == [0, 10, 20, 30]
        assert len(set(sleigh.eachWorker(os.getpid))) == 2
        after = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        assert after.keys() == before.keys()
        assert set(after.values()).isdisjoint(before.values())
    until_nothing_is_left(sge)


def test_a_walltime(sge: GridEngineHost, make_sleigh: MakeSleigh, tmp_path: Path) -> None:
    """Jobs leave before their time is over and are replaced, and their elements are done."""
    with make_sleigh(GridEngine(walltime=4), 2) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [tmp_path], chunkSize=1))
        until_gone([int(until_file(tmp_path / str(number))) for number in range(2)])
        (tmp_path / "go").touch()
        assert call.result() == [0, 10, 20, 30]
    until_nothing_is_left(sge)


def test_a_walltime_that_the_sleigh_does_not_know(
    sge: GridEngineHost, make_sleigh: MakeSleigh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grid Engine ends the jobs at work (h_rt): they are replaced, and no element is blamed."""
    monkeypatch.setattr("nws.sleigh.launch.walltime._MAX_MARGIN_SECONDS", 2.0)
    with make_sleigh(GridEngine(lines=["#$ -l h_rt=00:00:04"]), 2) as sleigh:
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [tmp_path], chunkSize=1))
        until_gone([int(until_file(tmp_path / str(number))) for number in range(2)])
        (tmp_path / "go").touch()
        assert call.result() == [0, 10, 20, 30]
    until_nothing_is_left(sge)


def test_a_killed_job(sge: GridEngineHost, make_sleigh: MakeSleigh, tmp_path: Path) -> None:
    with make_sleigh("sge", 1) as sleigh:
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(2)], [tmp_path], chunkSize=1))
        worker = int(until_file(tmp_path / "0"))
        before = sleigh.workerInfo()[0]["job"]
        psutil.Process(psutil.Process(worker).ppid()).kill()  # the supervisor
        until_gone([worker])
        (tmp_path / "go").touch()
        assert call.result() == [0, 10]
        assert sleigh.workerInfo()[0]["job"] != before
    until_nothing_is_left(sge)


def test_growth_and_shrinking(sge: GridEngineHost, make_sleigh: MakeSleigh) -> None:
    """Jobs that wait for room are cancelled when they are not wanted any more."""
    with make_sleigh("sge", 1) as sleigh:
        sleigh.scale(2)
        assert sorted(sleigh.eachWorker("SleighRank")) == [0, 1]
        sleigh.scale(50)
        until(lambda: len(sge.jobs()) == 50, "jobs that wait")
        sleigh.scale(1)
        until(lambda: len(sge.jobs()) == 1, "the end of all others")
        assert sleigh.eachWorker("SleighRank") == [0]
    until_nothing_is_left(sge)


def test_jobs_that_are_held_are_said(
    sge: GridEngineHost, make_sleigh: MakeSleigh, caplog: pytest.LogCaptureFixture
) -> None:
    with make_sleigh(GridEngine(lines=["#$ -h"]), 1):
        until(lambda: "sge: 1 of 1 jobs are held: hqw" in caplog.text, "what is said of it")
    until_nothing_is_left(sge)
