"""What jobs read and write, in the workspace."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from nws.client import NetWorkSpace
from nws.depalma.jobs import JobRecord
from nws.depalma.messages import END_OF_STDIN, STREAMS, attempts_of, output_of, stdin_of
from nws.errors import DepalmaStateException, NwsOperationException, NwsTimeoutException
from nws.workspace.presence import FOREVER_SECONDS

__all__ = ["JobStreams"]

_READ_VALUES: Final = 1000
"""Pieces of output that are read at a time."""


class JobStreams:
    """The standard streams of jobs. It is used by one thread at a time.

    What is read stays leased until the job is picked up: so another master finds it if this one is
    killed.
    """

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Make one for the jobs of a cluster's workspace."""
        self._ws = workspace

    def write(self, record: JobRecord, data: bytes, close: bool) -> None:
        """Write to a job's stdin, also before it runs.

        Raises:
            DepalmaStateException: its code has no ``io``, or its stdin was closed, or it has ended.
        """
        if not record.spec.io:
            raise DepalmaStateException(f"job {record.pid} has no stdin: its code has no io")
        if record.stdin_closed or record.outcome is not None:
            raise DepalmaStateException(f"job {record.pid} has ended, or its stdin was closed")
        values = ([data] if data else []) + ([END_OF_STDIN] if close else [])
        self._ws.settle([], [(stdin_of(record.pid), value) for value in values])
        record.stdin_closed = close

    def read(self, record: JobRecord, stream: str) -> bytes:
        """Return what the last attempt at a job has written so far."""
        if record.outcome is None:
            for attempt in self._taken(attempts_of(record.pid)):
                if isinstance(attempt, str) and attempt.isdecimal():
                    record.note_attempt(int(attempt))
        output = record.output[stream]
        if not record.attempt:
            return b""  # to ask for a value would make a variable
        for piece in self._taken(output_of(stream, record.pid, record.attempt)):
            output += piece if isinstance(piece, bytes) else b""
        return bytes(output)

    def _taken(self, variable: str) -> Iterable[object]:
        """Lease all values that are there."""
        with suppress(NwsTimeoutException):
            while True:
                yield from (
                    lease.value
                    for lease in self._ws.lease_many(
                        variable, _READ_VALUES, timeout=0, duration=FOREVER_SECONDS
                    )
                )

    def discard(self, record: JobRecord, *, keep_last: bool) -> None:
        """Delete what attempts at a job that has ended have left.

        Args:
            record: of the job.
            keep_last: but for the output of the last attempt, which somebody may read.
        """
        names = []
        if record.spec.keeps_output:
            attempts = range(1, record.attempt + (not keep_last))
            names += [
                output_of(each, record.pid, number) for number in attempts for each in STREAMS
            ]
        if record.spec.io and not keep_last:
            names += [stdin_of(record.pid), attempts_of(record.pid)]
        for name in names:
            with suppress(NwsOperationException):  # nobody has stored anything there
                self._ws.deleteVar(name)
