"""Workers that are jobs of batch systems that cannot be had here: their commands run the jobs as
processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.errors import SleighIllegalValueException, SleighJoinException, SleighScriptException
from nws.sleigh import Sleigh
from nws.sleigh.launch.pbs import Pbs
from tests.support import batch_stub
from tests.support.deadly import wait_the_first_time
from tests.support.processes import Aside, processes_that_show, until, until_file
from tests.support.server import PATIENCE


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the jobs. None may be left."""
    folder = batch_stub.install(tmp_path, monkeypatch)
    monkeypatch.setattr("nws.sleigh.launch.job_queue._QUERY_SECONDS", 0.1)
    yield folder
    until(lambda: not batch_stub.running_jobs(folder), "the end of all jobs")


# Each system's own commands and states are in test_batch_systems.py.
@pytest.mark.slow
@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("launch", ["pbs", "lsf", "htcondor"])
def test_a_job_that_ends_is_replaced(
    stub: Path, on_server: dict[str, Any], launch: str, tmp_path: Path, state_folder: Path
) -> None:
    """By one of the same rank; jobs are known to people by the names of their systems."""
    with Sleigh(**on_server, launch=launch, workerCount=2) as sleigh:
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(2), [tmp_path]))
        for number in range(2):
            until_file(tmp_path / str(number))
        jobs = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        assert {job["job"] for job in json.loads(sleigh.nws.find("jobs"))["jobs"]} == set(
            jobs.values()
        )
        for pid in batch_stub.running_jobs(stub).values():
            os.killpg(pid, signal.SIGKILL)
        assert call.result() == [0, 10]
        assert sleigh.status() == (2, 1)
        login = sleigh.nws.server.endpoint.login
        assert login is not None
        assert processes_that_show(login.secret) == []
        assert all(login.secret not in path.read_text() for path in stub.glob("*.script"))
    assert list((state_folder / "jobs").iterdir()) == []


@pytest.mark.slow
@pytest.mark.nightly  # by a command in test_unreachable_server.py
def test_a_worker_that_cannot_reach_the_server(
    stub: Path, on_server: dict[str, Any], impatient: None
) -> None:
    """It says what it tried, and the master does."""
    said = r"127\.0\.0\.1:1 \(.*refused\).*nws server start --interface"
    with Sleigh(**on_server, launch="pbs", workerCount=1, nwsPortRemote=1) as sleigh:
        call = Aside(partial(sleigh.map, abs, [1]))
        with pytest.raises(SleighJoinException, match=said):
            call.result()


def test_many_workers_are_one_submission(stub: Path, on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, launch=Pbs(workers_per_job=2), workerCount=4) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (4, 1)
        assert len(list(stub.glob("*.script"))) == 1
        assert len({info["job"] for info in sleigh.workerInfo()}) == 2


def test_a_batch_system_that_is_not_there(on_server: dict[str, Any]) -> None:
    with pytest.raises(SleighScriptException, match=r"lsf: `bsub` cannot be run: .*No such file"):
        Sleigh(**on_server, launch="lsf", workerCount=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"queue": "a queue"}, "queue='a queue' is not a name"),
        ({"memory": "4G"}, "memory='4G' is not a whole number of megabytes"),
        ({"walltime": "1:00:00"}, "walltime='1:00:00' is not a whole number of seconds"),
        ({"walltime": float("inf")}, "walltime=inf is not a whole number of seconds"),
        ({"workers_per_job": 0}, "workers_per_job=0 is less than 1"),
        ({"lines": "#PBS -m e"}, "lines='#PBS -m e' is not a list"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        Pbs(**options)


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/tmp/a folder"])
def test_folders_that_do_not_fit(on_server: dict[str, Any], folder: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=r"by folder="):
        Sleigh(**on_server, launch=Pbs(folder=folder), workerCount=1)


@pytest.mark.nightly  # in tests/sleigh/test_scale.py without a batch system
def test_growth_and_shrinking(stub: Path, on_server: dict[str, Any]) -> None:
    """The difference is one array; jobs that are not wanted any more end."""
    with Sleigh(**on_server, launch=Pbs(workers_per_job=2), workerCount=1) as sleigh:
        sleigh.scale(6)
        assert sleigh.eachWorker("SleighRank") == list(range(6))
        assert len(batch_stub.running_jobs(stub)) == 3
        assert len(list(stub.glob("*.script"))) == 2
        sleigh.scale(2)
        until(lambda: len(batch_stub.running_jobs(stub)) == 1, "the end of two jobs")
        assert len(sleigh.eachWorker("SleighRank")) == 2
        sleigh.scale(3)
        assert len(sleigh.eachWorker("SleighRank")) == 3


def test_the_number_of_workers_is_fixed(on_server: dict[str, Any]) -> None:
    with pytest.raises(SleighIllegalValueException, match="'mpi' the number of workers cannot"):
        Sleigh(**on_server, launch="mpi", workerCount=(1, 3))
