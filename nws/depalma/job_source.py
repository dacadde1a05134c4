"""Where a host gets its jobs: it asks for one when it has room."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from nws.client import Lease, NetWorkSpace
from nws.depalma.followed_table import FollowedTable
from nws.depalma.job_queues import drop_unreadable
from nws.depalma.messages import ClusterTable, wake_of
from nws.errors import NwsTimeoutException, NwsUnpicklingException

__all__ = ["JobSource", "queues_for", "rank_of"]

_ROOM_SECONDS: Final = 0.5
"""Between looks whether the machine has room."""

_GRACE_SECONDS: Final = 0.05
"""For each priority of hosts above ours, before we take what those have left; but not where there
is more of it right behind."""


_WAITS_PER_BOUND: Final = 2
"""Waits for a job in the time after which a silent host is lost. One that is stopped stands in line
no more when its jobs come back, or it would get them again."""


class JobSource:
    """The waiting jobs of a cluster, as one host sees them.

    Threads that have nothing to do take turns: one waits at the server, and when it has a job the
    next one does. So a host stands in a queue once, behind those that have asked before.
    """

    def __init__(
        self,
        workspace: NetWorkSpace,
        table: FollowedTable,
        host: str,
        groups: Sequence[str],
        priority: int,
        has_room: Callable[[], bool],
    ) -> None:
        """Make one.

        Args:
            workspace: of the cluster.
            table: of the cluster.
            host: its id.
            groups, priority: of the host.
            has_room: whether the machine can bear another job.
        """
        self._ws = workspace
        self._table = table
        self._wake = wake_of(host)
        self._groups = groups
        self._priority = priority
        self._has_room = has_room
        self._turn = threading.Lock()
        self._last_taken = 0.0
        workspace.declare(self._wake, "single")

    def next(self, over: threading.Event) -> Lease | None:
        """Wait for a job, and lease it.

        Args:
            over: when it is set no job is taken any more.

        Returns:
            None if it is over.
        """
        with self._turn:
            while not over.is_set():
                if not self._has_room():
                    over.wait(_ROOM_SECONDS)
                    continue
                lease = self._try(over)
                if lease is None:
                    continue
                if lease.variable != self._wake:
                    self._last_taken = time.monotonic()
                    return lease
                lease.settle()
                self._table.read()
        return None

    def _try(self, over: threading.Event) -> Lease | None:
        table = self._table.table
        names = [self._wake, *queues_for(table, self._groups)]
        timeout = table.lost_after / _WAITS_PER_BOUND
        try:
            grace = rank_of(table, self._priority) * _GRACE_SECONDS
            if grace:
                # What stays in a queue is wanted by no host that stands in line there.
                self._ws.findAny(names)
                if time.monotonic() - self._last_taken > grace:
                    over.wait(grace)
                timeout = 0.0
            return self._ws.leaseAny(names, timeout=timeout, duration=table.lost_after)
        except NwsTimeoutException:
            return None  # there is none yet, or a host of higher priority has taken it
        except NwsUnpicklingException:
            drop_unreadable(self._ws, names)
            return None


def queues_for(table: ClusterTable, groups: Sequence[str]) -> list[str]:
    """Return the variables from which a host of these groups takes jobs, preferred ones first: of
    one priority those for groups, since others can run the rest."""
    queues = sorted(table.queues, key=lambda each: (-each.priority, not each.groups, each.groups))
    return [
        queue.variable
        for queue in queues
        if not queue.groups or not set(queue.groups).isdisjoint(groups)
    ]


def rank_of(table: ClusterTable, priority: int) -> int:
    """Return how many priorities of hosts are above one."""
    return sum(other > priority for other in table.host_priorities)
