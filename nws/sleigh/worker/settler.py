"""Finished tasks, until they are settled: each together with its results, in one step."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from nws.client import Lease, NetWorkSpace
from nws.errors import NwsLeaseLostException, NwsNoWorkSpaceException, NwsOperationException
from nws.sleigh.shared.messages import (
    MAX_BATCH_BYTES,
    RESULT,
    Call,
    Failure,
    Results,
    Task,
    cut_at,
    message_to_wire,
    task_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import OutputWriter
from nws.sleigh.shared.pickling import Packed
from nws.sleigh.worker.failure_report import FailureReport
from nws.sleigh.worker.leaving import LeaveError
from nws.sleigh.worker.runner import failure
from nws.sleigh.worker.taking import taken

__all__ = ["Settler", "Stores"]

R = TypeVar("R")

Stores = list[tuple[str, Any]]

_LARGE_BYTES: Final = 256 * 1024


class Settler:
    """Settles finished tasks, of whatever calls, in one message. Two threads may use it."""

    def __init__(
        self, workspace: NetWorkSpace, rank: int, writer: OutputWriter, failures: FailureReport
    ) -> None:
        """Prepare.

        Args:
            workspace: of the sleigh.
            rank: of the worker.
            writer: for what elements write.
            failures: is told of elements that fail here, and sent along.
        """
        self._workspace = workspace
        self._rank = rank
        self._writer = writer
        self._failures = failures
        self._finished: deque[tuple[Lease, Stores]] = deque()
        self._bytes = 0  # about what large results in these take
        self._pid = os.getpid()

    def end_fork(self) -> None:
        """End this process if it is a fork that C code has made: Python does not tell of these."""
        if os.getpid() != self._pid:
            os._exit(0)

    @property
    def is_empty(self) -> bool:
        """Whether all that was finished has been settled."""
        return not self._finished

    @property
    def may_wait_for_tasks(self) -> bool:
        """Whether tasks are to be asked for with what is finished: not with large results. They
        would stay here until these tasks have come, which then need memory besides."""
        return bool(self._finished) and self._bytes < _LARGE_BYTES

    @property
    def is_heavy(self) -> bool:
        """Whether the results have to be sent before there are more of them."""
        return self._bytes > MAX_BATCH_BYTES

    def add(self, lease: Lease, stores: Stores, large_bytes: int = 0) -> None:
        """Add a task that is finished, and what is stored when it is settled."""
        self.end_fork()
        self._bytes += large_bytes
        self._finished.append((lease, stores))

    def outcome(self, call: Call, element: int, outcome: Packed | Failure) -> tuple[str, Any]:
        """Return what is stored as the outcome of one element. A failure is noted."""
        if isinstance(outcome, Failure):
            self._failures.note(call.number, element, outcome)
        lines = self._writer.lines
        results = Results(call.number, self._rank, element, [outcome], 0.0, lines)
        return RESULT, message_to_wire(results)

    def settle(self) -> None:
        """Settle all tasks that are finished."""
        if self._finished:
            self.settle_by(self._workspace.settle)

    def settle_by(self, send: Callable[[Sequence[Lease], Stores], R]) -> R | None:
        """Settle all tasks that are finished by a message that may do more.

        Args:
            send: is given the leases, and what is stored with them.

        Returns:
            What it returns; None if it was refused. Then the tasks were settled one by one.

        Raises:
            LeaveError: it has raised this. The tasks are settled.
            NwsException: the workspace was deleted, or the server is gone.
        """
        self._bytes = 0
        finished = list(taken(self._finished))
        leases = [lease for lease, _ in finished]
        stores = [store for _, each in finished for store in each]
        stores += self._failures.news()
        try:
            return send(leases, stores)
        except NwsOperationException:
            self._settle_each(finished)
            return None
        except LeaveError:
            self._settle_each(finished)  # it may have come too soon
            raise

    def _settle_each(self, finished: Iterable[tuple[Lease, Stores]]) -> None:
        for lease, each in finished:
            self._settle_one(lease, each)

    def _settle_one(self, lease: Lease, stores: Stores) -> None:
        try:
            lease.settle(stores)
        except NwsLeaseLostException:
            pass  # it was too late: another worker has the task
        except NwsNoWorkSpaceException:
            raise
        except NwsOperationException as error:  # the results are too long, say
            task = task_from_wire(lease.value)
            if task is not None:  # it was one
                self._settle_refused(lease, task, error)

    def _settle_refused(self, lease: Lease, task: Task, error: NwsOperationException) -> None:
        """The server refuses the results: have the elements done one by one, or report that."""
        if len(task.elements) > 1:
            end = task.first + len(task.elements)
            pieces = cut_at(task, range(task.first + 1, end))
            lease.settle((task.call.queue, task_to_wire(piece)) for piece in pieces)
            return
        element = self._rank if task.call.everyone else task.first
        reason = failure(error, "the server does not take the result\n")
        store = self.outcome(task.call, element, reason)
        try:
            lease.settle([store, *self._failures.news()])
        except NwsOperationException:
            lease.settle([store])
