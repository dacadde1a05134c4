"""The jobs of a sleigh, in a batch system that runs them here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh.launch.batch_jobs import BatchJobs
from nws.sleigh.launch.job_folder import JobFolder
from nws.sleigh.launch.job_queue import BatchJob, JobQueue, Slot
from nws.sleigh.launch.pace import Pace
from nws.sleigh.launch.pbs import Pbs
from tests.support import batch_stub
from tests.support.processes import until


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the jobs."""
    return batch_stub.install(tmp_path, monkeypatch)


class Queue:
    """A queue of jobs that sleep, two at first, and what it publishes."""

    def __init__(self, folder: Path) -> None:
        self.folder = JobFolder(str(folder / "files"))
        self.published: list[list[dict[str, Any]]] = []
        self.leaving: set[str] = set()
        jobs = BatchJobs(Pbs(), self.folder, self._request)
        self.queue = JobQueue(jobs, self.published.append, self.leaving.__contains__)
        self.jobs = [self.add(), self.add()]
        self.queue.start()

    def _request(self, number: int, slots: Any) -> Any:
        request = Pbs().request("sleepers", len(slots), self.folder.path, number)
        return request._replace(program=["sh", "-c", "'sleep 600'"])

    def add(self) -> BatchJob:
        return self.queue.add(Slot("0", 1))


@pytest.fixture
def queue(stub: Path, tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(tmp_path)
    yield queue
    for job in queue.jobs:
        job.request_end()
    for job in queue.jobs:
        job.wait(0.0)
    until(lambda: not batch_stub.running_jobs(stub), "the end of all jobs")
    assert not os.path.exists(queue.folder.path)


def test_one_is_ended(queue: Queue, stub: Path) -> None:
    """The other goes on."""
    queue.jobs[0].wait(0.0)
    until(lambda: list(batch_stub.running_jobs(stub)) == [("1", 1)], "the end of the first job")
    assert [job.status is None for job in queue.jobs] == [False, True]


def test_what_is_wanted_together_is_submitted_together(queue: Queue, stub: Path) -> None:
    more = [queue.add() for _ in range(3)]
    queue.jobs += more
    until(lambda: all(job.key is not None for job in more), "the submission")
    assert len(list(stub.glob("*.script"))) <= 3
    until(lambda: len(batch_stub.running_jobs(stub)) == 5, "all jobs")
    until(lambda: len(queue.published[-1]) == 5, "the report")


def test_one_that_waits_is_not_submitted_if_it_is_to_leave(queue: Queue, stub: Path) -> None:
    """Those that run leave by themselves."""
    queue.queue._pace = Pace(1, 600.0)
    queue.queue._pace.note(time.monotonic())
    queue.jobs.append(queue.queue.add(Slot("1", 1)))
    queue.leaving.update("01")
    until(lambda: queue.jobs[2].status is not None, "the end of the one that waits")
    assert [job.status for job in queue.jobs[:2]] == [None, None]
    assert len(list(stub.glob("*.script"))) == 1


def test_the_folder_of_a_master_that_was_killed_is_removed(tmp_path: Path) -> None:
    """Not those of masters that live, and of other machines."""
    living = JobFolder(str(tmp_path))
    pid, host, _ = os.path.basename(living.path).split("@")
    assert int(pid) == os.getpid()
    others = [tmp_path / f"99999999@{host}@dead", tmp_path / "99999999@elsewhere@dead"]
    for other in others:
        other.mkdir()
    last = JobFolder(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [os.path.basename(living.path), os.path.basename(last.path), others[1].name]
    )
