"""What the master knows of each job."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nws.depalma.messages import STREAMS, JobOutcome
from nws.depalma.parameters import CodeSpec

__all__ = ["MAX_LOSSES", "JobRecord", "JobState", "given_up"]


class JobState(enum.Enum):
    """Where a job stands."""

    WAITING = "waiting"
    ASSIGNED = "assigned"
    """A host has it, or will take it soon."""
    FINISHED = "finished"


class JobRecord:
    """A job of a cluster.

    Attributes:
        pid: its number in the cluster, the same on whichever host it runs.
        code: the number of its code.
        spec: how it is run, with its own options.
        arguments, options: as they go to a host.
        submitted: in seconds since 1970.
        state: where it stands.
        host: the id of the host that has it, or had it last.
        attempt: how many times it was given to a host.
        losses: how many of these hosts were lost.
        failures: how many attempts failed or timed out.
        killed: somebody has asked for its end.
        outcome: of its last attempt, once it is finished.
        output: what has been read of each stream of the present attempt.
        stdin_closed: nothing can be written to it any more.
    """

    def __init__(
        self,
        pid: int,
        code: int,
        spec: CodeSpec,
        arguments: Sequence[str],
        options: Mapping[str, Any],
    ) -> None:
        self.pid = pid
        self.code = code
        self.spec = spec
        self.arguments = arguments
        self.options = options
        self.submitted = time.time()
        self.state = JobState.WAITING
        self.host = ""
        self.attempt = 0
        self.losses = 0
        self.failures = 0
        self.killed = False
        self.outcome: JobOutcome | None = None
        self.output = {stream: bytearray() for stream in STREAMS}
        self.stdin_closed = False

    @property
    def host_name(self) -> str:
        """The name of the host that has it, or had it last; empty if none had."""
        return self.host.rpartition(" ")[0]

    def assign(self, host: str) -> None:
        """Take note that a host gets it."""
        self.state = JobState.ASSIGNED
        self.host = host
        self.attempt += 1
        for output in self.output.values():
            output.clear()

    def is_attempt(self, outcome: JobOutcome) -> bool:
        """Tell whether an outcome is of the present attempt, and not of a host that was put out."""
        return self.state is not JobState.FINISHED and outcome.attempt == self.attempt

    def wants_retry(self, outcome: JobOutcome) -> bool:
        """Tell whether it is to run again after this outcome."""
        return outcome.failed and not self.killed and self.failures < self.spec.retries


MAX_LOSSES: Final = 5
"""Hosts that a job may cost before it is given up."""


def given_up(job: JobRecord, error: str, signal: int = 0) -> JobOutcome:
    """Return the outcome of a job that does not run any more, though no host has said so."""
    return JobOutcome(
        job.pid, job.attempt, job.host, signal=int(signal), error=error, ended=time.time()
    )
