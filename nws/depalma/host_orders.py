"""What the master tells its hosts, in the workspace."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from nws.client import NetWorkSpace
from nws.depalma.dispatcher import ClusterHost
from nws.depalma.jobs import JobRecord
from nws.depalma.messages import (
    CODES,
    Assignment,
    CodeTable,
    Order,
    control_of,
    jobs_of,
    read,
    write,
)
from nws.errors import NwsOperationException
from nws.workspace.presence import gone_of

__all__ = ["HostOrders"]

_log = logging.getLogger("nws.depalma")


class HostOrders:
    """Messages to hosts. It is used by one thread at a time."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Make one for a cluster's workspace."""
        self._ws = workspace
        workspace.declare(CODES, "single")

    def publish(self, table: CodeTable, hosts: Iterable[str]) -> None:
        """Store the codes, and tell hosts, by id, to read them."""
        orders = [(control_of(host), write(Order())) for host in hosts]
        self._ws.settle([], [(CODES, write(table)), *orders])

    def assign(self, jobs: Collection[JobRecord], step: int) -> None:
        """Give each job to its host; ``step`` is that of the codes.

        Raises:
            NwsOperationException: there is no room on the server; no job was given away.
        """
        self._ws.settle([], [(jobs_of(job.host), write(_assignment(job, step))) for job in jobs])

    def take_back(self, host: ClusterHost) -> JobRecord | None:
        """Take a job from a host that it has not begun; None if it has begun all."""
        while (text := self._ws.fetchTry(jobs_of(host.id))) is not None:
            try:
                return host.jobs[read(Assignment, text).pid]
            except (ValueError, KeyError) as error:
                _log.warning("what is no job of host %s is dropped: %s", host.name, error)
        return None

    def send_signal(self, job: JobRecord, number: int) -> None:
        """Have a job's host send it a signal; if it does not run yet it never will."""
        self._ws.store(control_of(job.host), write(Order(job.pid, job.attempt, number)))

    def end(self, host: str) -> None:
        """Delete what is there for a host, so that it loses its jobs and ends. Its reports are
        refused from now on, since they come with the end of its leases."""
        for name in (jobs_of(host), control_of(host), gone_of(host)):
            try:
                self._ws.deleteVar(name)
            except NwsOperationException:
                pass  # nobody has stored anything there


def _assignment(job: JobRecord, step: int) -> Assignment:
    return Assignment(job.pid, job.attempt, job.code, step, job.arguments, job.options)
