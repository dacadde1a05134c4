"""Runs jobs on a host, from their lease to their outcome."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from nws.client import Lease, NetWorkSpace
from nws.depalma.followed_table import FollowedTable
from nws.depalma.job_command import start_job
from nws.depalma.jobs import MAX_LOSSES, given_up, host_name
from nws.depalma.messages import (
    ENDED,
    JobOutcome,
    SubmittedJob,
    attempts_of,
    output_of,
    read,
    write,
)
from nws.depalma.parameters import CodeSpec
from nws.depalma.running_jobs import RunningJobs
from nws.depalma.stdin_feeder import StdinFeeder
from nws.errors import (
    DepalmaException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
)
from nws.processes.output_pump import OutputPump
from nws.processes.process_group import ProcessGroup

__all__ = ["JobRunner"]

_log = logging.getLogger("nws.depalma")

_NO_SUCH_PROGRAM: Final = 127
"""Exit status of a job that could not be started, as shells have it."""

Stores = list[tuple[str, bytes]]


class JobRunner:
    """Runs jobs. Several threads may use it."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        table: FollowedTable,
        host: str,
        running: RunningJobs,
        over: threading.Event,
    ) -> None:
        """Make one.

        Args:
            workspace: of the cluster.
            table: of the cluster.
            host: the id of the host.
            running: where jobs stand while they run.
            over: is set when the host ends. What has ended since then is not reported.
        """
        self._ws = workspace
        self._table = table
        self._host = host
        self._running = running
        self._over = over

    def run(self, lease: Lease) -> Callable[[], None]:
        """Run a job to its end.

        Returns:
            What settles it, with its outcome or to run again. It raises a NwsLeaseLostException if
            others have the job, and a NwsException if the server cannot be used.

        Raises:
            NwsException: the server cannot be used.
        """
        try:
            job = read(SubmittedJob, lease.value)
        except ValueError as error:
            _log.warning("what is no job is dropped: %s", error)
            return lease.settle
        losses = job.losses + lease.attempt - 1
        attempt = job.failures + losses + 1
        if losses >= MAX_LOSSES:
            error_text = f"given up: {losses} hosts were lost while they had it"
            given = write(given_up(job, attempt - 1, error_text))
            return lambda: lease.settle([(ENDED, given)])
        try:
            spec = self._table.spec_of(job)
        except DepalmaException as error:
            failure = self._failure(job, attempt, str(error))
            return lambda: self._settle(lease, failure, [])
        outcome, stores, killed = self._run(job, attempt, spec)
        if self._over.is_set():
            return _nothing  # we may have killed it; another host runs it again
        if outcome.status and not killed and job.failures < spec.retries:
            again = msgspec.structs.replace(job, failures=job.failures + 1, losses=losses)
            return lambda: lease.settle([(lease.variable, write(again))])
        return lambda: self._settle(lease, outcome, stores)

    def _settle(self, lease: Lease, outcome: JobOutcome, stores: Stores) -> None:
        try:
            lease.settle([*stores, (ENDED, write(outcome))])
        except (NwsLeaseLostException, NwsNoWorkSpaceException):
            raise
        except NwsOperationException as error:  # there is no room for its output
            text = f"its output could not be kept: {error}"
            lease.settle([(ENDED, write(self._failure(outcome.job, outcome.attempt, text)))])

    def _failure(self, job: SubmittedJob, attempt: int, error: str) -> JobOutcome:
        now = time.time()
        return JobOutcome(
            job,
            attempt,
            self._host,
            status=_NO_SUCH_PROGRAM,
            error=f"on host {host_name(self._host)}: {error}",
            started=now,
            ended=now,
        )

    def _run(
        self, job: SubmittedJob, attempt: int, spec: CodeSpec
    ) -> tuple[JobOutcome, Stores, bool]:
        """Run a job to its end; return that, the output that was not sent yet, and whether
        somebody has killed it."""
        if spec.io:
            self._ws.store(attempts_of(job.pid), str(attempt))
        try:
            process = self._running.start(job, attempt, lambda: start_job(spec, job.arguments))
        except (OSError, ValueError) as error:
            return self._failure(job, attempt, f"it cannot be started: {error}"), [], False
        if isinstance(process, int):
            return JobOutcome(job, attempt, self._host, signal=process), [], True
        pump = self._pump(job, attempt, spec, process)
        if process.stdin is not None:
            StdinFeeder(process, self._ws, job.pid)
        end = process.wait()
        killed = self._running.remove(job.pid)
        rest, dropped = pump.finish() if pump is not None else ({}, 0)
        process.close()
        outcome = JobOutcome(
            job,
            attempt,
            self._host,
            end.status,
            end.signal,
            end.timed_out,
            dropped=dropped,
            started=process.started,
            ended=time.time(),
            cpu=end.cpu,
            memory=end.memory,
        )
        if not (spec.io or spec.returns_output(end.status)):
            rest = {}
        stores = [(output_of(stream, job.pid, attempt), data) for stream, data in rest.items()]
        return outcome, stores, bool(killed)

    def _pump(
        self, job: SubmittedJob, attempt: int, spec: CodeSpec, process: ProcessGroup
    ) -> OutputPump | None:
        if not spec.keeps_output:
            return None

        def send(stream: str, data: bytes) -> bool:
            try:
                self._ws.store(output_of(stream, job.pid, attempt), data)
            except NwsException:
                return False  # there is no room; or the host is about to end
            return True

        return OutputPump(process, spec.buf, self._table.table.max_output, send)


def _nothing() -> None:
    pass
