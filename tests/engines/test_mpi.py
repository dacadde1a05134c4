"""Workers that a real Open MPI starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from nws.errors import SleighJoinException
from nws.sleigh import Sleigh
from nws.sleigh.launch.mpi import Mpi
from tests.engines.conftest import MakeSleigh
from tests.engines.elements import note_then_wait
from tests.support.processes import (
    Aside,
    children,
    processes_that_show,
    until,
    until_file,
    until_gone,
)
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST


def runs_of_mpi() -> list[int]:
    return children(os.getpid(), running="mpiexec")


def test_a_worker_then_mpiexec_and_then_all_ranks_are_killed(
    mpiexec: list[str], make_sleigh: MakeSleigh, tmp_path: Path, state_folder: Path
) -> None:
    """The death of a worker ends no rank. When mpiexec ends, another one takes its place; so it is
    when all ranks are killed, as on a node that dies."""
    with make_sleigh(Mpi(command=mpiexec, workers_per_rank=2), 3) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (3, 1)
        assert {info["job"] for info in sleigh.workerInfo()} == {"rank 0", "rank 1"}
        (run,) = runs_of_mpi()
        login = sleigh.nws.server.endpoint.login
        assert login is not None
        assert processes_that_show(login.secret) == []
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(6)], [tmp_path], chunkSize=1))
        workers = [int(until_file(tmp_path / str(number))) for number in range(3)]
        os.kill(workers[0], signal.SIGKILL)
        until_file(tmp_path / "3")
        assert runs_of_mpi() == [run]
        os.kill(run, signal.SIGTERM)
        until(lambda: runs_of_mpi() not in ([run], []), "another run of mpiexec")
        (tmp_path / "go").touch()
        assert call.result() == list(range(0, 60, 10))
        assert sleigh.status() == (3, 1)
        workers = sleigh.eachWorker(os.getpid)
        for rank in psutil.Process(runs_of_mpi()[0]).children():
            rank.kill()
        until_gone(workers)
        assert sleigh.map(abs, range(-6, 0)) == [6, 5, 4, 3, 2, 1]
    assert runs_of_mpi() == []
    assert list((state_folder / "jobs").iterdir()) == []


def test_mpiexec_that_fails(
    mpiexec: list[str], make_sleigh: MakeSleigh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nws.sleigh.launch.processes._FIRST_PAUSE_SECONDS", 0.0)
    launcher = Mpi(command=[*mpiexec, "--hostfile", "/nowhere"])
    with make_sleigh(launcher, 1) as sleigh:
        call = Aside(partial(sleigh.map, abs, [1]))
        with pytest.raises(SleighJoinException, match=r"(?s)hostfile /nowhere.*exit status"):
            call.result()


def test_by_hand(mpiexec: list[str], server: Server) -> None:
    """Ranks are workers of a sleigh that waits for such."""
    made = Aside(lambda: Sleigh(launch="web", nwsHost=HOST, nwsPort=server.port))
    name = until(lambda: sleigh_command(server, "ls"), "the sleigh").splitlines()[-1].split()[0]
    program = [sys.executable, "-m", "nws", "worker", "--sleigh", name]
    ranks = subprocess.Popen(
        [*mpiexec, "-n", "2", *program, "--connect", f"{HOST}:{server.port}"],
        stdin=subprocess.DEVNULL,
    )
    until(lambda: sleigh_command(server, "show", name).count("idle") == 2, "workers")
    sleigh_command(server, "close", name)
    with made.result() as sleigh:
        assert sleigh.status() == (2, 1)
        assert sleigh.map(abs, [-1, -2]) == [1, 2]
    assert ranks.wait(PATIENCE) == 0


def sleigh_command(server: Server, command: str, *words: str) -> str:
    """Run `nws sleigh`, and return what it prints."""
    place = ["--host", HOST, "--port", str(server.port)]
    done = subprocess.run(
        [sys.executable, "-m", "nws", "sleigh", command, *place, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout
