"""Workers that are jobs of a real Slurm."""

from __future__ import annotations

import json
import logging
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from nws.errors import SleighJoinException, SleighScriptException
from nws.sleigh.launch.slurm import Slurm
from tests.engines.conftest import MakeSleigh
from tests.engines.elements import note_then_wait
from tests.support.processes import Aside, python, runs, until, until_file, until_gone
from tests.support.server import PATIENCE, Server
from tests.support.slurm_cluster import SlurmCluster


def until_nothing_is_left(slurm: SlurmCluster) -> None:
    until(lambda: not slurm.jobs(), "the end of all jobs")


def test_a_map(slurm: SlurmCluster, make_sleigh: MakeSleigh, state_folder: Path) -> None:
    """Jobs are known where people look, and leave nothing."""
    with make_sleigh(Slurm(workers_per_job=2, walltime=600, memory=100), 3) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (3, 1)
        assert sleigh.map(abs, range(-100, 0)) == list(range(100, 0, -1))
        jobs = {info["job"] for info in sleigh.workerInfo()}
        assert len(jobs) == 2
        report = json.loads(sleigh.nws.find("jobs"))
        assert report["system"] == "slurm"
        assert {job["job"] for job in report["jobs"]} == jobs
        (folder,) = (state_folder / "jobs").iterdir()
        assert folder.stat().st_mode & 0o077 == 0
    until_nothing_is_left(slurm)
    assert not folder.exists()


def test_jobs_that_are_cancelled_and_killed_are_replaced(
    slurm: SlurmCluster, make_sleigh: MakeSleigh, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every element is done once, and none is blamed."""
    with make_sleigh("slurm", 2) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        before = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [tmp_path], chunkSize=1))
        workers = [int(until_file(tmp_path / str(number))) for number in range(2)]
        slurm.ask("scancel", before[0])
        slurm.ask("scancel", "--signal=KILL", "--full", before[1])
        until_gone(workers)
        (tmp_path / "go").touch()
        assert call.result() == [0, 10, 20, 30]
        after = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        assert after.keys() == before.keys()
        until(lambda: "slurm has ended jobs" in caplog.text, "what is said of it")
    until_nothing_is_left(slurm)


def test_a_node_dies(slurm: SlurmCluster, make_sleigh: MakeSleigh, tmp_path: Path) -> None:
    """Others do what its workers had; its job is run again by Slurm when there is room."""
    with make_sleigh(Slurm(lines=["#SBATCH --exclusive"]), 2) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [tmp_path], chunkSize=1))
        workers = [int(until_file(tmp_path / str(number))) for number in range(2)]
        slurm.fail_node("n1")
        until(lambda: [runs(worker) for worker in workers].count(False) == 1, "the end of one")
        (tmp_path / "go").touch()
        assert call.result() == [0, 10, 20, 30]
        slurm.start_node("n1")
        assert len(set(sleigh.eachWorker(os.getpid))) == 2
    until_nothing_is_left(slurm)
    until(slurm.is_idle, "the nodes")


@pytest.mark.nightly  # Slurm looks at the time of jobs twice a minute only
def test_a_walltime_that_the_sleigh_does_not_know(
    slurm: SlurmCluster, make_sleigh: MakeSleigh, tmp_path: Path
) -> None:
    """Slurm ends the job at work: it is replaced, and no element is blamed."""
    with make_sleigh("slurm", 1) as sleigh:
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(2)], [tmp_path], chunkSize=1))
        worker = int(until_file(tmp_path / "0"))
        job = sleigh.workerInfo()[0]["job"]
        slurm.ask("scontrol", "update", f"JobId={job}", "EndTime=now")
        until_gone([worker], within=120.0)
        (tmp_path / "go").touch()
        assert call.result() == [0, 10]
        assert sleigh.workerInfo()[0]["job"] != job
    until_nothing_is_left(slurm)


def test_jobs_that_wait_or_are_held_are_said(
    slurm: SlurmCluster, make_sleigh: MakeSleigh, caplog: pytest.LogCaptureFixture
) -> None:
    """They are cancelled with the sleigh."""
    caplog.set_level(logging.WARNING, "nws")
    with make_sleigh(Slurm(lines=["#SBATCH --hold"]), 2):
        until(lambda: "slurm: 2 of 2 jobs are held: JobHeldUser" in caplog.text, "what is said")
        assert slurm.jobs() == ["PENDING", "PENDING"]
    until_nothing_is_left(slurm)


def test_what_slurm_refuses(slurm: SlurmCluster, make_sleigh: MakeSleigh) -> None:
    with pytest.raises(SleighScriptException, match=r"slurm: `sbatch` failed.*invalid partition"):
        make_sleigh(Slurm(queue="nowhere"), 1)
    until_nothing_is_left(slurm)


def test_jobs_that_end_at_once(
    slurm: SlurmCluster,
    make_sleigh: MakeSleigh,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is an end, and the error has what the job wrote. It is logged once."""
    monkeypatch.setattr("nws.sleigh.launch.processes._FIRST_PAUSE_SECONDS", 0.0)
    with make_sleigh(Slurm(python="/nowhere/python"), 2) as sleigh:
        call = Aside(partial(sleigh.map, abs, [1]))
        with pytest.raises(SleighJoinException, match=r"exit status 127: .*no /nowhere/python on"):
            call.result()
    assert caplog.text.count("there is no /nowhere/python on") == 1
    until_nothing_is_left(slurm)


def test_growth_and_shrinking(slurm: SlurmCluster, make_sleigh: MakeSleigh) -> None:
    """Jobs that wait for room are cancelled when they are not wanted any more."""
    with make_sleigh("slurm", 1) as sleigh:
        sleigh.scale(2)
        assert sorted(sleigh.eachWorker("SleighRank")) == [0, 1]
        sleigh.scale(50)
        until(lambda: "PENDING" in slurm.jobs(), "jobs that wait")
        sleigh.scale(1)
        until(lambda: slurm.jobs() == ["RUNNING"], "the end of all others")
        assert sleigh.eachWorker("SleighRank") == [0]
    until_nothing_is_left(slurm)


MASTER = """
import sys
from pathlib import Path
from nws.sleigh import Sleigh
from tests.engines.elements import note_then_wait

sleigh = Sleigh(launch="slurm", workerCount=2, nwsHost="127.0.0.1", nwsPort=int(sys.argv[1]))
sleigh.eachElem(note_then_wait, [range(2)], [Path(sys.argv[2])])
"""


def test_the_master_is_killed(slurm: SlurmCluster, server: Server, tmp_path: Path) -> None:
    with python("-c", MASTER, str(server.port), str(tmp_path), cwd=tmp_path) as master:
        workers = [int(until_file(tmp_path / str(number))) for number in range(2)]
        assert all(map(runs, workers))
        os.kill(master.pid, signal.SIGKILL)
        until_gone(workers)
    until_nothing_is_left(slurm)
