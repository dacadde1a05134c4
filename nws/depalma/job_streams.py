"""What jobs read and write, in the workspace."""

from __future__ import annotations

from nws.client import NetWorkSpace
from nws.depalma.jobs import JobRecord, JobState
from nws.depalma.messages import END_OF_STDIN, STREAMS, output_of, stdin_of
from nws.errors import DepalmaStateException, NwsOperationException, NwsTimeoutException

__all__ = ["JobStreams"]

_READ_VALUES = 1000
"""Pieces of output that are read at a time."""


class JobStreams:
    """The standard streams of jobs. It is used by one thread at a time."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Make one for the jobs of a cluster's workspace."""
        self._ws = workspace

    def write(self, job: JobRecord, data: bytes, close: bool) -> None:
        """Write to a job's stdin, also before it runs.

        Raises:
            DepalmaStateException: its code has no ``io``, or its stdin was closed, or it has ended.
        """
        if not job.spec.io:
            raise DepalmaStateException(f"job {job.pid} has no stdin: its code has no io")
        if job.stdin_closed or job.outcome is not None:
            raise DepalmaStateException(f"job {job.pid} has ended, or its stdin was closed")
        values = ([data] if data else []) + ([END_OF_STDIN] if close else [])
        self._ws.settle([], [(stdin_of(job.pid), value) for value in values])
        job.stdin_closed = close

    def read(self, job: JobRecord, stream: str) -> bytes:
        """Return what the present attempt at a job has written so far."""
        output = job.output[stream]
        variable = output_of(stream, job.pid, job.attempt)
        try:
            while pieces := self._ws.fetch_many(variable, _READ_VALUES, timeout=0):
                output += b"".join(piece for piece in pieces if isinstance(piece, bytes))
        except NwsTimeoutException:
            pass  # that is all
        return bytes(output)

    def discard(self, job: JobRecord) -> None:
        """Delete what the present attempt at a job has left. If that was the last one delete all:
        a host that was put out may have stored something later."""
        finished = job.state is JobState.FINISHED
        names: list[str] = []
        if job.spec.keeps_output:
            first = 1 if finished else job.attempt
            attempts = range(max(1, first), job.attempt + 1)
            names += [output_of(each, job.pid, number) for number in attempts for each in STREAMS]
        if job.spec.io and finished:
            names.append(stdin_of(job.pid))
        for name in names:
            try:
                self._ws.deleteVar(name)
            except NwsOperationException:
                pass  # nobody has stored anything there
