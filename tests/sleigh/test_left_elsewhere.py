"""Supervisors elsewhere that leave in order: others take their places, and nothing is wrong."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from nws.sleigh.launch.hosted import HostedSupervisor
from nws.sleigh.launch.hosted_launch import HostedLaunch
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.mpi import Mpi
from nws.sleigh.launch.pbs import Pbs
from nws.sleigh.launch.processes import Processes
from nws.sleigh.master.liveness import Liveness
from tests.support import batch_stub
from tests.support.deadly import times_ten, wait_the_first_time
from tests.support.processes import Aside, until, until_file, until_gone
from tests.support.sleighs import parent, workers

_MPIEXEC = """\
#!/bin/sh
shift
ranks=$1
shift
rank=0
while [ $rank -lt $ranks ]; do
    OMPI_COMM_WORLD_RANK=$rank "$@" &
    pids="$pids $!"
    rank=$((rank + 1))
done
status=0
for pid in $pids; do
    wait $pid || { status=$?; kill $pids; }
done 2>/dev/null
exit $status
"""
"""It ends all ranks when the first one fails."""


@pytest.fixture(autouse=True)
def nothing_is_complained_of(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert caplog.messages == []


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the jobs of a batch system that runs them here."""
    folder = batch_stub.install(tmp_path, monkeypatch)
    monkeypatch.setattr("nws.sleigh.launch.job_queue._QUERY_SECONDS", 0.1)
    monkeypatch.setattr("nws.sleigh.launch.walltime._MAX_MARGIN_SECONDS", 0.2)
    return folder


@pytest.mark.nightly  # as in test_jobs_that_wait_are_not_lost
def test_a_job(jobs: Path, on_server: dict[str, Any], tmp_path: Path) -> None:
    """What it runs has some time to end, and is done by the next one."""
    with Sleigh(**on_server, launch=Pbs(walltime=3600), workerCount=1) as sleigh:
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, [3], [tmp_path]))
        until_file(tmp_path / "3")
        ((_, job),) = batch_stub.running_jobs(jobs).items()
        os.kill(job, signal.SIGTERM)
        assert call.result() == [30]
        assert len(list(jobs.glob("*.script"))) == 2


def test_a_rank(on_server: dict[str, Any], tmp_path: Path) -> None:
    """mpiexec ends with it, and is started again."""
    mpiexec = tmp_path / "mpiexec"
    mpiexec.write_text(_MPIEXEC)
    mpiexec.chmod(0o755)
    with Sleigh(**on_server, launch=Mpi(command=[str(mpiexec)]), workerCount=2) as sleigh:
        before = workers(sleigh)
        (first,) = (info["pid"] for info in sleigh.workerInfo() if info["id"] == "0")
        os.kill(parent(first), signal.SIGTERM)
        until_gone(before)
        assert sleigh.map(times_ten, range(3)) == [0, 10, 20]
        assert set(workers(sleigh)).isdisjoint(before)


class Cluster:
    """A cluster that is this process; a launcher, and the process of a launch."""

    is_local = is_by_hand = False
    name, cluster, interface, first_index, workers_each = "here", "this process", "", 0, 1
    status, is_waiting = None, False

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return HostedLaunch(self, options, processes)

    def host(self, name: str, places: int, order: JobOrder) -> Cluster:
        self.supervisors = [HostedSupervisor(order) for _ in range(places)]
        return self

    def last_output(self) -> str:
        return ""

    def request_end(self) -> None:
        pass

    def wait(self, grace: float) -> None:
        for supervisor in self.supervisors:
            supervisor.stop()

    def kill(self) -> bool:
        return False


def test_all_hosts(on_server: dict[str, Any]) -> None:
    """As all of a cluster are told to leave; the places are taken again."""
    with Sleigh(**on_server, launch=Cluster(), workerCount=2) as sleigh:
        before = workers(sleigh)
        for worker in before:
            os.kill(parent(worker), signal.SIGTERM)
        until_gone(before)
        assert sleigh.map(times_ten, range(3)) == [0, 10, 20]
        assert set(workers(sleigh)).isdisjoint(before)


def test_jobs_that_wait_are_not_lost(
    jobs: Path, on_server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the batch system takes to run those that take the places of others."""
    hold = tmp_path / "hold"
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "qsub").write_text(
        f"#!/bin/sh\nwhile [ -e {hold} ]; do sleep 0.05; done\n{shutil.which('qsub')}"
    )
    (programs / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(programs), os.environ["PATH"])))
    monkeypatch.setattr("nws.sleigh.master.liveness._CHECK_SECONDS", 0.05)
    with Sleigh(**on_server, launch=Pbs(), workerCount=1) as sleigh:
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, [3], [tmp_path]))
        until_file(tmp_path / "3")
        hold.touch()
        (kept,) = sleigh._home.processes._all
        former = kept.process
        (job,) = batch_stub.running_jobs(jobs).values()
        os.kill(job, signal.SIGTERM)
        until(lambda: kept.process is not former, "the job that takes its place")
        with monkeypatch.context() as patch:
            patch.setattr(sleigh._liveness, "_lost_after", 0.0)
            looks = Looks(sleigh._liveness, patch)
            until(lambda: looks.number > 5 or not call.is_alive(), "looks who is there")
        hold.unlink()
        assert call.result() == [30]


class Looks:
    """Counts how often somebody looks who is lost."""

    def __init__(self, liveness: Liveness, patch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._lost_ranks = liveness._lost_ranks
        patch.setattr(liveness, "_lost_ranks", self)

    def __call__(self, gone: dict[int, str], now: float) -> set[int]:
        self.number += 1
        return self._lost_ranks(gone, now)
