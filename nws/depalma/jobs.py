"""What the master knows of each job."""

from __future__ import annotations

import time
from typing import Final

from nws.client import Lease
from nws.depalma.messages import STREAMS, JobOutcome, Queue, SubmittedJob
from nws.depalma.parameters import CodeSpec

__all__ = ["MAX_LOSSES", "JobRecord", "given_up", "host_name"]

MAX_LOSSES: Final = 5
"""Hosts that a job may cost before it is given up."""


class JobRecord:
    """A job of a cluster.

    Attributes:
        job: as it was submitted.
        spec: how it is run, with its own options.
        attempt: the last one that is known; 0 if none is.
        killed: the signal that somebody has asked for; 0 for none.
        outcome: of its last attempt, once it has ended.
        lease: on that outcome, which lasts until it is picked up.
        output: what has been read of each stream of that attempt.
        stdin_closed: nothing can be written to it any more.
    """

    def __init__(self, job: SubmittedJob, spec: CodeSpec) -> None:
        self.job = job
        self.spec = spec
        self.attempt = 0
        self.killed = 0
        self.outcome: JobOutcome | None = None
        self.lease: Lease | None = None
        self.output = {stream: bytearray() for stream in STREAMS}
        self.stdin_closed = False

    @property
    def pid(self) -> int:
        return self.job.pid

    @property
    def queue(self) -> Queue:
        """Where it waits."""
        return Queue(self.spec.priority, tuple(self.spec.groups))

    def note_attempt(self, attempt: int) -> None:
        """Take note that an attempt has begun: what earlier ones wrote does not count any more."""
        if attempt > self.attempt:
            self.attempt = attempt
            for output in self.output.values():
                output.clear()

    def finish(self, outcome: JobOutcome, lease: Lease) -> None:
        """Take note of its end."""
        self.note_attempt(outcome.attempt)
        self.outcome, self.lease = outcome, lease


def given_up(job: SubmittedJob, attempt: int, error: str, signal: int = 0) -> JobOutcome:
    """Return the outcome of a job that does not run, or not any more."""
    return JobOutcome(job, attempt, signal=signal, error=error, ended=time.time())


def host_name(host: str) -> str:
    """Return the name of a host, given its id; empty if there is none."""
    return host.rpartition(" ")[0]
