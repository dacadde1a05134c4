"""Where a worker gets its tasks; what it has finished is settled in the same message, or before it
if that is large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nws.client import Lease, NetWorkSpace
from nws.sleigh.shared.groups import queue_of
from nws.sleigh.shared.messages import TASK
from nws.sleigh.worker.leaving import Leaving
from nws.sleigh.worker.settler import Settler, Stores

__all__ = ["TaskSource"]


class TaskSource:
    """The tasks that wait for a worker."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        settler: Settler,
        leaving: Leaving,
        lease_time: float,
        group: str,
        meanwhile: Callable[[], object],
    ) -> None:
        """Prepare.

        Args:
            workspace: of the sleigh.
            settler: has the tasks that are finished.
            leaving: whether the worker is to leave, which may interrupt its wait.
            lease_time: seconds for which tasks are leased.
            group: whose tasks come first; empty for none.
            meanwhile: is called when tasks were asked for, before the wait.
        """
        self._workspace = workspace
        self._settler = settler
        self._leaving = leaving
        self._duration = lease_time
        self._meanwhile = meanwhile
        self._queues = [queue_of(group), TASK] if group else TASK

    def next(self, limit: int) -> Sequence[Lease]:
        """Settle what is finished, and take up to ``limit`` tasks. Wait for the first of them.

        Raises:
            LeaveError: the worker is to leave. What was finished is settled.
            NwsException: the workspace was deleted, or the server is gone.
        """
        if isinstance(self._queues, str) and self._settler.may_wait_for_tasks:
            tasks = self._settler.settle_by(partial(self._settle_and_lease, limit))
            if tasks is not None:
                return tasks
        self._settler.settle()
        lease = partial(self._workspace.lease_many, self._queues, limit, keep_unreadable=True)
        return self._leaving.may_interrupt(
            partial(lease, duration=self._duration, meanwhile=self._meanwhile)
        )

    def _settle_and_lease(
        self, limit: int, finished: Sequence[Lease], stores: Stores
    ) -> Sequence[Lease]:
        settle_and_lease = partial(self._workspace.settle_and_lease, finished, stores, TASK, limit)
        return self._leaving.may_interrupt(
            partial(settle_and_lease, duration=self._duration, meanwhile=self._meanwhile)
        )
