"""The jobs that wait, in the workspace: a fifo for each priority and set of groups.

A host leases a job, and settles it with its outcome. So a job of a host that is lost is in its
place again as soon as the server knows, and is the next one that runs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from nws.client import DICT, Lease, NetWorkSpace
from nws.depalma.jobs import given_up
from nws.depalma.messages import ENDED, LAST_PID, Queue, SubmittedJob, read, write
from nws.errors import NwsTimeoutException, NwsUnpicklingException

__all__ = ["JobQueues", "drop_unreadable"]

_log = logging.getLogger("nws.depalma")

_LOOK_SECONDS: Final = 60.0
"""For a look at jobs, which come back by themselves if we end meanwhile."""

_MAX_LEASES: Final = 4096
"""At a time, while jobs are looked at."""


class JobQueues:
    """The waiting jobs, as the master sees them. It is used by one thread at a time."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Make one for a cluster's workspace."""
        self._ws = workspace

    def add(self, queue: Queue, job: SubmittedJob) -> None:
        """Let a job wait behind those of its queue.

        Raises:
            NwsOperationException: there is no room on the server.
        """
        self._ws.settle([], [(queue.variable, write(job)), (LAST_PID, str(job.pid))])

    def end_waiting(self, queue: Queue, pid: int, signal: int) -> bool:
        """End a job that waits; return False if it does not."""
        held: list[Lease] = []
        try:
            while leases := self._lease_some(queue, 2 * len(held) + 1):
                for lease in leases:
                    job = _job_of(lease)
                    if job is not None and job.pid == pid:
                        outcome = given_up(job, 0, "it was killed before it ran", signal)
                        lease.settle([(ENDED, write(outcome))])
                        leases.remove(lease)
                        held += leases
                        return True
                held += leases
        finally:
            if held:
                self._ws.release(held, blame=False)
        return False

    def jobs(self, queues: Iterable[Queue]) -> list[SubmittedJob]:
        """Return all jobs that wait."""
        held: list[Lease] = []
        for queue in queues:
            while leases := self._lease_some(queue, _MAX_LEASES):
                held += leases
        if held:
            self._ws.release(held, blame=False)
        return [job for job in map(_job_of, held) if job is not None]

    def _lease_some(self, queue: Queue, limit: int) -> list[Lease]:
        limit, name = min(limit, _MAX_LEASES), queue.variable
        try:
            return self._ws.lease_many(
                name, limit, timeout=0, duration=_LOOK_SECONDS, keep_unreadable=True
            )
        except NwsTimeoutException:
            return []

    def numbers(self, queues: Iterable[Queue]) -> dict[str, int]:
        """Return how many jobs are ``waiting``, and how many ``running``."""
        listing = self._ws.listVars(format=DICT)
        assert isinstance(listing, dict)
        found = [listing[queue.variable] for queue in queues if queue.variable in listing]
        return {
            "waiting": sum(each.values for each in found),
            "running": sum(each.leased for each in found),
        }


def _job_of(lease: Lease) -> SubmittedJob | None:
    try:
        return read(SubmittedJob, lease.value)
    except ValueError:
        return None  # a host will drop it


def drop_unreadable(workspace: NetWorkSpace, variables: Iterable[str]) -> None:
    """Remove what no Depalma has stored, and nobody can read, from the front of variables."""
    for name in variables:
        try:
            (lease,) = workspace.lease_many(name, 1, timeout=0, keep_unreadable=True)
        except NwsTimeoutException:
            continue
        if isinstance(lease.value, NwsUnpicklingException):
            _log.warning("a value in %r that cannot be read is dropped: %s", name, lease.value)
            lease.settle()
        else:
            lease.release(blame=False)
