"""Sleighs on a server that speaks TLS: workers of each launcher are told its certificate."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.connection_file import CONNECTION_FILE, SECRET
from nws.sleigh import Sleigh, envcmd
from nws.sleigh.launch.by_hand import RUN_ME
from nws.sleigh.launch.commands import LaunchOptions
from tests.sleigh.functions import server_address, worker
from tests.support import batch_stub
from tests.support.deadly import times_ten, wait_the_first_time
from tests.support.processes import (
    Aside,
    processes_that_show,
    python,
    until,
    until_file,
    until_gone,
)
from tests.support.secured import Secured, secured
from tests.support.server import PATIENCE
from tests.support.sleighs import all_workers, supervisors
from tests.support.spaces import HOST


@pytest.fixture(scope="module")
def server_by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def tls(server_by_tls: Secured, monkeypatch: pytest.MonkeyPatch) -> Secured:
    """The server of the module; its connection file is found by this process only."""
    monkeypatch.setenv(CONNECTION_FILE, str(server_by_tls.file))
    return server_by_tls


def here(machine: str, options: LaunchOptions) -> Sequence[str]:
    """Lead nowhere else."""
    return []


def own_script(machine: str, variables: Sequence[str], options: LaunchOptions) -> list[str]:
    code = "from nws.sleigh.launch.script import main; main()"
    return [*envcmd(machine, variables, options)[:-1], sys.executable, "-c", shlex.quote(code)]


def test_workers_of_a_command(tls: Secured) -> None:
    options: dict[str, Any] = {"launch": here, "scriptExec": own_script, "nodeList": ["a", "b"]}
    with Sleigh(nwsHost=HOST, nwsPort=tls.port, **options) as sleigh:
        assert sleigh.eachWorker(server_address) == 2 * [tls.content.certificate]
        assert processes_that_show(tls.content.secret) == []


@pytest.mark.slow
def test_workers_of_a_batch_system(
    tls: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_folder: Path
) -> None:
    """What they are told is what those of MPI, Dask, Ray and Kubernetes are told, too."""
    jobs = batch_stub.install(tmp_path, monkeypatch)
    with Sleigh(nwsHost=HOST, nwsPort=tls.port, launch="pbs", workerCount=1) as sleigh:
        assert sleigh.eachWorker(server_address) == [tls.content.certificate]
        assert processes_that_show(tls.content.secret) == []
    until(lambda: not batch_stub.running_jobs(jobs), "the end of all jobs")


@pytest.mark.slow
@pytest.mark.nightly  # as without TLS in test_crashes.py
def test_a_worker_that_is_killed_is_replaced_and_all_end(tls: Secured, tmp_path: Path) -> None:
    """The master speaks TLS here, and so do local workers."""
    with tls.connect(), Sleigh(nwsHost=HOST, nwsPort=tls.port, workerCount=2) as sleigh:
        assert sleigh.nws.server.address == tls.content.certificate
        assert sleigh.eachWorker(server_address) == 2 * [tls.content.certificate]
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(2), [tmp_path]))
        for number in range(2):
            until_file(tmp_path / str(number))
        pids = all_workers(os.getpid()) + supervisors(os.getpid())
        for pid in all_workers(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        assert call.result() == [0, 10]
        assert sleigh.eachElem(times_ten, range(20)) == list(range(0, 200, 10))
        assert not set(sleigh.eachWorker(worker)) & set(pids)
        pids += all_workers(os.getpid())
    until_gone(pids)


def test_a_worker_of_a_person(tls: Secured, tmp_path: Path) -> None:
    """The line has the certificate; the secret is the person's to give."""
    options: dict[str, Any] = {"launch": "web", "workerCount": (1, 2)}
    with Sleigh(nwsHost=HOST, nwsPort=tls.port, **options) as sleigh:
        line = sleigh.nws.find(RUN_ME, timeout=PATIENCE)
        assert line.endswith(f", certificate={tls.content.certificate!r})")
        assert tls.content.secret not in line
        with python("-c", line, cwd=tmp_path, env={SECRET: tls.content.secret}):
            assert sleigh.map(server_address, [0]) == [tls.content.certificate]
            sleigh.stop()
