"""What a supervisor does with workers that take too long, in any way."""

from __future__ import annotations

import time
from typing import Final

from nws.sleigh.shared.messages import MIN_LOADING_SECONDS
from nws.sleigh.shared.status_cells import BUSY, RUNNING
from nws.sleigh.supervisor.worker_process import WorkerProcess

__all__ = ["CANCEL_GRACE_SECONDS", "TimeLimits"]

CANCEL_GRACE_SECONDS: Final = 0.25
"""For a running element of a dropped call to end by itself."""

_TRACEBACK_SECONDS: Final = 0.5
"""For a worker to write its traceback and end."""


class TimeLimits:
    """The limits of a supervisor's workers, in seconds."""

    def __init__(self, longest_stop: float, grace: float) -> None:
        """Set the limits.

        Args:
            longest_stop: how long a worker may be stopped.
            grace: for what a worker runs that others than we have told to leave.
        """
        self._longest_stop = longest_stop
        self._grace = grace

    def enforce(self, worker: WorkerProcess, now: float) -> None:
        """Kill a worker that is stopped for too long, does not leave in time, runs for a dropped
        call, or is overdue."""
        is_late = self._has_to_leave(worker, now) and now > worker.leave_by
        if is_late or (worker.stopped_at and now - worker.stopped_at > self._longest_stop):
            worker.kill()
        elif worker.cells.runs_dropped:
            worker.kill_at = worker.kill_at or now + CANCEL_GRACE_SECONDS
            if now > worker.kill_at:
                worker.kill()
        else:
            worker.kill_at = 0.0
            _end_if_overdue(worker, now)

    def _has_to_leave(self, worker: WorkerProcess, now: float) -> bool:
        """Tell whether a worker is to leave; not only we may have told it."""
        if worker.cells.leaves and not worker.leave_by:
            worker.leave_by = now + self._grace
        return worker.leave_by > 0


def _end_if_overdue(worker: WorkerProcess, now: float) -> None:
    if worker.overdue_since:
        if now - worker.overdue_at > _TRACEBACK_SECONDS:
            worker.kill()
    elif since := _overdue_since(worker):
        worker.end_overdue(since)


def _overdue_since(worker: WorkerProcess) -> int:
    """Return when what the worker runs or reads began, if it takes too long; else 0."""
    cells = worker.cells
    limit, since, state = cells.limit, cells.since, cells.state
    if not limit or state not in BUSY:
        return 0
    if state != RUNNING:
        limit = max(limit, int(MIN_LOADING_SECONDS * 1e9))
    late = time.monotonic_ns() - since > limit and cells.since == since
    return since if late else 0
