"""A program with a sleigh in a Ray cluster, in a Python that has Ray; prints what it sees."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # all stays on loopback
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import psutil
import ray
from ray.cluster_utils import Cluster

from nws.sleigh import Sleigh
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
    seen: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:
        os.environ["RAY_TMPDIR"] = short  # where it also notes which cluster there is
        memory = 80_000_000
        head = {"num_cpus": 2, "include_dashboard": False}
        cluster = Cluster(
            initialize_head=True, head_node_args={**head, "object_store_memory": memory}
        )
        second = cluster.add_node(num_cpus=1, object_store_memory=memory)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        with Sleigh(launch="ray", workerCount=2, nwsHost=HOST, nwsPort=port) as sleigh:
            seen["status"] = sleigh.status(timeout=PATIENCE)
            call = Aside(
                partial(sleigh.eachElem, note_then_wait, [range(4)], [folder], chunkSize=1)
            )
            workers = [int(until_file(folder / str(number))) for number in range(2)]
            supervisor = psutil.Process(workers[0]).parent()
            actor = supervisor.parent() if supervisor is not None else None
            assert actor is not None
            os.kill(actor.pid, signal.SIGKILL)
            until_gone(workers[:1])
            (folder / "go").touch()
            seen["results"] = call.result()
            seen["ranks"] = len(set(sleigh.eachWorker(os.getpid)))
            seen["after a node died"] = a_node_that_dies(cluster, second, sleigh, folder / "node")
        until(lambda: not supervisors(folder), "the end of what is in the cluster")
        seen["cpus"] = until(_free, "the processors of the cluster")
        ray.shutdown()
        cluster.shutdown()
    print(json.dumps(seen))


def a_node_that_dies(cluster: Cluster, node: Any, sleigh: Sleigh, folder: Path) -> list[int]:
    """Return the results of a call during which the raylet of a node is killed, and all that it has
    started: the actor comes back on the other node."""
    folder.mkdir()
    call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [folder], chunkSize=1))
    workers = [int(until_file(folder / str(number))) for number in range(2)]
    cluster.remove_node(node, allow_graceful=False)
    until(lambda: [runs(worker) for worker in workers].count(False) == 1, "the end of one")
    (folder / "go").touch()
    results: list[int] = call.result()
    assert len(set(sleigh.eachWorker(os.getpid))) == 2
    return results


def _free() -> int:
    """Return how many processors the cluster has, if all are free."""
    free = int(ray.available_resources().get("CPU", 0))
    return free if free == 2 else 0


def supervisors(folder: Path) -> list[int]:
    """Return the processes of ours in the cluster of this program, workers among them."""
    ours = processes_that_show("nws.sleigh.launch.hosted")
    return [pid for pid in ours if pid in started_with(MARK, str(folder))]


MARK = "NWS_RAY_PROGRAM"
"""A variable of the environment, by which the processes of this program are known."""

if __name__ == "__main__":
    os.environ[MARK] = sys.argv[2]
    main(int(sys.argv[1]), Path(sys.argv[2]))
