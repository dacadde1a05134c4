"""Waiting jobs in a workspace, as the master sees them."""

from __future__ import annotations

import pytest

from nws.client import NetWorkSpace
from nws.depalma.job_queues import JobQueues
from nws.depalma.messages import ENDED, JobOutcome, Queue, SubmittedJob, read

QUEUE = Queue(1, ("g",))


@pytest.fixture
def queues(ws: NetWorkSpace) -> JobQueues:
    """With the jobs 1 to 50, and something else among them."""
    queues = JobQueues(ws)
    for pid in range(1, 51):
        queues.add(QUEUE, SubmittedJob(pid, 1, 1))
        if pid == 20:
            ws.store(QUEUE.variable, "no job")
    return queues


def leased(ws: NetWorkSpace) -> list[tuple[int, int]]:
    """Take all jobs as a host does; return pids and attempts."""
    leases = ws.lease_many(QUEUE.variable, 100, timeout=0)
    return [
        (read(SubmittedJob, each.value).pid, each.attempt) for each in leases if "{" in each.value
    ]


@pytest.mark.parametrize("pid", [1, 21, 50])
def test_a_job_that_waits_is_ended_and_the_others_keep_their_places(
    ws: NetWorkSpace, queues: JobQueues, pid: int
) -> None:
    assert queues.end_waiting(QUEUE, pid, 15)
    outcome = read(JobOutcome, ws.fetch(ENDED, timeout=0))
    assert (outcome.job.pid, outcome.attempt, outcome.signal) == (pid, 0, 15)
    assert leased(ws) == [(other, 1) for other in range(1, 51) if other != pid]


def test_a_job_that_a_host_has_is_not_ended(ws: NetWorkSpace, queues: JobQueues) -> None:
    ws.lease(QUEUE.variable)
    assert not queues.end_waiting(QUEUE, 1, 15)
    assert not queues.end_waiting(Queue(0), 2, 15)
    assert queues.numbers([QUEUE, Queue(0)]) == {"waiting": 50, "running": 1}


def test_all_jobs_are_found_and_stay(ws: NetWorkSpace, queues: JobQueues) -> None:
    assert [job.pid for job in queues.jobs([Queue(0), QUEUE])] == [*range(1, 51)]
    assert len(leased(ws)) == 50
