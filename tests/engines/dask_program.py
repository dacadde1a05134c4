"""A program with a sleigh in a Dask cluster, in a Python that has Dask; prints what it sees."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from distributed import Client, LocalCluster

from nws.sleigh import Sleigh
from nws.sleigh.launch.dask import Dask
from tests.engines.elements import note_then_wait
from tests.support.processes import (
    Aside,
    processes_that_show,
    runs,
    started_with,
    until,
    until_file,
    until_gone,
)
from tests.support.server import PATIENCE
from tests.support.spaces import HOST


def main(port: int, folder: Path) -> None:
    print(json.dumps({"fixed": a_fixed_cluster(port, folder), "adaptive": adaptive(port, folder)}))


def new_cluster(folder: Path, workers: int) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=tempfile.mkdtemp(dir=folder),
    )


def a_fixed_cluster(port: int, folder: Path) -> dict[str, object]:
    seen: dict[str, object] = {}
    with new_cluster(folder, 2) as cluster, Client(cluster) as client:
        with Sleigh(launch=Dask(client), workerCount=2, nwsHost=HOST, nwsPort=port) as sleigh:
            seen["status"] = sleigh.status(timeout=PATIENCE)
            call = Aside(
                partial(sleigh.eachElem, note_then_wait, [range(4)], [folder], chunkSize=1)
            )
            workers = [int(until_file(folder / str(number))) for number in range(2)]
            # Its nanny starts another one, where a supervisor takes the place.
            os.kill(client.run(os.getpid).popitem()[1], signal.SIGKILL)
            until(lambda: not all(map(runs, workers)), "the end of a worker of ours")
            (folder / "go").touch()
            seen["results"] = call.result()
            cluster.scale(3)
            client.wait_for_workers(3, timeout=PATIENCE)
            seen["ranks"] = len(set(sleigh.eachWorker(os.getpid)))
            # Two with a worker, which is a fork, and one that waits for a place.
            until(lambda: len(supervisors(folder)) == 5, "a third supervisor")
            seen["after one retired"] = a_worker_that_is_retired(client, sleigh, folder / "retired")
        until(lambda: not supervisors(folder), "the end of what is in the cluster")
        seen["of Dask"] = client.submit(abs, -5).result()
    return seen


def a_worker_that_is_retired(client: Client, sleigh: Sleigh, folder: Path) -> list[int]:
    """Return the results of a call during which a worker of Dask is retired that has one of ours: a
    supervisor that waits elsewhere takes its place."""
    folder.mkdir()
    call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [folder], chunkSize=1))
    workers = [int(until_file(folder / str(number))) for number in range(2)]
    above = {each.pid for each in psutil.Process(workers[0]).parents()}
    places = client.run(os.getpid)
    client.retire_workers([place for place, pid in places.items() if pid in above])
    until_gone(workers[:1])
    (folder / "go").touch()
    results: list[int] = call.result()
    assert len(set(sleigh.eachWorker(os.getpid))) == 2
    return results


def adaptive(port: int, folder: Path) -> dict[str, object]:
    """Return what is seen in a cluster that has more workers while tasks of Dask wait."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    seen: dict[str, object] = {}
    with (
        new_cluster(folder, 1) as cluster,
        Client(cluster) as client,
        Sleigh(launch=Dask(client), workerCount=2, nwsHost=HOST, nwsPort=port) as sleigh,
    ):
        cluster.adapt(minimum=1, maximum=2, interval="100ms", wait_count=2, target_duration="0.1s")
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(3)], [folder], chunkSize=1))
        until_file(folder / "0")
        with grown(client, folder / "first"):
            until_file(folder / "1")
        until(lambda: len(client.scheduler_info()["workers"]) == 1, "the end of a worker of Dask")
        (folder / "go").touch()
        seen["results"] = call.result()
        with grown(client, folder / "second"):
            seen["ranks"] = sleigh.eachWorker("SleighRank")
    return seen


@contextmanager
def grown(client: Client, end: Path) -> Iterator[None]:
    """Let tasks of Dask wait, for which the cluster grows."""
    tasks = [client.submit(wait_for, end, number) for number in range(4)]
    yield
    end.touch()
    client.gather(tasks)


def wait_for(path: Path, number: int) -> None:
    while not path.exists():
        time.sleep(0.05)


def supervisors(folder: Path) -> list[int]:
    """Return the processes of ours in the cluster of this program, workers among them."""
    ours = processes_that_show("nws.sleigh.launch.hosted")
    return [pid for pid in ours if pid in started_with(MARK, str(folder))]


MARK = "NWS_DASK_PROGRAM"
"""A variable of the environment, by which the processes of this program are known."""

if __name__ == "__main__":
    os.environ[MARK] = sys.argv[2]
    main(int(sys.argv[1]), Path(sys.argv[2]))
