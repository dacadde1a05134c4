"""What becomes of a job on a host, without a master."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.depalma.followed_table import FollowedTable
from nws.depalma.job_queues import JobQueues
from nws.depalma.job_runner import JobRunner
from nws.depalma.messages import (
    CLUSTER,
    ENDED,
    ClusterTable,
    JobOutcome,
    Queue,
    SubmittedJob,
    output_of,
    read,
    write,
)
from nws.depalma.parameters import CodeSpec
from nws.depalma.running_jobs import RunningJobs

MAX_OUTPUT = 100_000
CODES = {
    1: CodeSpec(command=["false"], retries=1),
    2: CodeSpec(command=["true"]),
    3: CodeSpec(command=["yes"], timeout=0.3, pickup=True),
}
QUEUE = Queue(0)


class Host:
    """Runs jobs of a workspace, as a host does."""

    def __init__(self, ws: NetWorkSpace) -> None:
        ws.store(CLUSTER, write(ClusterTable(1, 10.0, MAX_OUTPUT, codes=CODES)))
        self.ws = ws
        self.over = threading.Event()
        self.running = RunningJobs()
        self._queues = JobQueues(ws)
        self._runner = JobRunner(ws, FollowedTable(ws), "a 1", self.running, self.over)

    def run(self, job: SubmittedJob | None = None) -> None:
        """Run a job, or the next one."""
        if job is not None:
            self._queues.add(QUEUE, job)
        self._runner.run(self.ws.lease(QUEUE.variable, timeout=0))()

    @property
    def numbers(self) -> tuple[int, int]:
        """How many jobs wait, and how many are leased."""
        found = self._queues.numbers([QUEUE])
        return found["waiting"], found["running"]

    def outcome(self) -> JobOutcome:
        return read(JobOutcome, self.ws.fetch(ENDED, timeout=0))


@pytest.fixture
def a_host(ws: NetWorkSpace) -> Host:
    return Host(ws)


def job(code: int, **fields: Any) -> SubmittedJob:
    return SubmittedJob(7, code, 1, **fields)


def test_a_job_that_fails_waits_again_as_often_as_its_code_says(a_host: Host) -> None:
    a_host.run(job(1, losses=2))
    assert a_host.numbers == (1, 0)
    a_host.run()
    outcome = a_host.outcome()
    assert (outcome.status, outcome.attempt, outcome.job.failures) == (1, 4, 1)
    assert a_host.numbers == (0, 0)


def test_a_job_that_ends_as_its_host_ends_is_not_reported(a_host: Host) -> None:
    """We may have killed it. It comes back with the end of the lease."""
    for code in (1, 2):
        a_host.over.set()
        a_host.run(job(code))
        assert a_host.numbers == (0, code)
    assert a_host.ws.fetchTry(ENDED) is None


def test_a_job_that_was_killed_before_does_not_run(a_host: Host) -> None:
    a_host.running.kill(7, signal.SIGTERM)
    a_host.run(job(1))
    outcome = a_host.outcome()
    assert (outcome.status, outcome.signal, outcome.attempt) == (-1, signal.SIGTERM, 1)
    assert a_host.numbers == (0, 0)


def test_a_job_that_has_cost_five_hosts_is_given_up(a_host: Host) -> None:
    a_host.ws.store(QUEUE.variable, write(job(2, losses=3)))
    for _ in range(2):
        a_host.ws.lease(QUEUE.variable).release()
    a_host.run()
    outcome = a_host.outcome()
    assert outcome.error == "given up: 5 hosts were lost while they had it"
    assert (outcome.status, outcome.attempt) == (-1, 5)


def test_a_job_whose_code_is_gone_or_whose_options_are_wrong_says_so(a_host: Host) -> None:
    a_host.run(job(9))
    assert a_host.outcome().error == "on host a: the code 9 was removed"
    a_host.run(job(2, options={"speed": 3}))
    assert "unknown field `speed`" in a_host.outcome().error


def test_output_without_end_is_kept_up_to_the_bound(a_host: Host) -> None:
    a_host.run(job(3))
    outcome = a_host.outcome()
    assert outcome.timed_out
    assert outcome.dropped > 0
    kept = a_host.ws.fetch_many(output_of("stdout", 7, 1), 1000)
    assert len(b"".join(kept)) == MAX_OUTPUT


def test_signals_for_jobs_that_never_come_are_forgotten() -> None:
    running = RunningJobs()
    for pid in range(10_001):
        running.kill(pid, signal.SIGKILL)
    assert 0 not in running._killed
    assert len(running._killed) == 10_000
