"""The processes of a sleigh, as the system and the sleigh show them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

from nws.sleigh import Sleigh
from tests.support.processes import children, runs, until
from tests.support.server import PATIENCE

__all__ = [
    "LongLeased",
    "all_workers",
    "newcomer",
    "parent",
    "servers",
    "supervisor_of",
    "supervisors",
    "until_replaced",
    "workers",
    "workers_that_answer",
]


class LongLeased(Sleigh):
    """Its leases outlast any test: what it notices, it notices without waiting for their end."""

    lease_time: ClassVar[float] = 1000.0


def workers(sleigh: Sleigh) -> list[int]:
    """Return the process ids of a sleigh's workers, by rank, once all of them run."""
    count = sleigh.status(timeout=PATIENCE)[0]

    def all_that_run() -> list[int]:
        pids = [info["pid"] for info in sleigh.workerInfo()]
        return pids if len(pids) == count and all(map(runs, pids)) else []

    return until(all_that_run, "all workers run")


def supervisors(master: int) -> list[int]:
    """Return the supervisors that a process has started."""
    return children(master, running="nws.sleigh.supervisor.supervisor")


def servers(master: int) -> list[int]:
    """Return the private servers that a process has started."""
    return children(master, running="nws_server.__main__")


def all_workers(master: int) -> list[int]:
    """Return the workers of all sleighs of a process that have local workers."""
    return sorted(pid for supervisor in supervisors(master) for pid in children(supervisor))


def workers_that_answer(sleigh: Sleigh) -> list[int]:
    """Return the process ids of a sleigh's workers, by rank: none of them is a dead one."""
    pids: list[int] = sleigh.eachWorker(os.getpid)
    return pids


def supervisor_of(sleigh: Sleigh) -> int:
    """Return the supervisor of a sleigh that has only one."""
    (supervisor,) = set(map(parent, workers_that_answer(sleigh)))
    return supervisor


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def newcomer(supervisor: int, known: list[int]) -> int:
    """Return the next worker of a supervisor as soon as it is there."""
    listing = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for pid in map(int, listing.read_text().split()):
            if pid not in known:
                return pid
    raise AssertionError(f"no worker came beside {known}")


def until_replaced(sleigh: Sleigh, former: int) -> None:
    """Wait until there is another worker in the place of one."""
    until(lambda: former not in workers(sleigh), f"another worker than {former}")
