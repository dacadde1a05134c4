"""What a supervisor does with the tasks of a worker that has ended: it notes why, and gives them
back."""

from __future__ import annotations

from nws.client import Lease, NetWorkSpace
from nws.errors import NwsLeaseLostException
from nws.sleigh.shared.messages import (
    DEATHS,
    EXCUSED,
    IN_INITIALIZER,
    RESULT,
    TASK,
    Death,
    Lines,
    cancelled_results,
    message_to_wire,
)
from nws.sleigh.shared.status_cells import INITIALIZING
from nws.sleigh.supervisor.worker_process import WorkerProcess

__all__ = ["excuse", "give_back", "note_death"]


def note_death(workspace: NetWorkSpace, worker: WorkerProcess) -> None:
    """Note what has killed a worker. If it was told to leave, that was not its element."""
    element = EXCUSED if worker.is_told_to_leave else _element_of(worker)
    _note(workspace, worker, element, worker.describe_end())


def excuse(workspace: NetWorkSpace, worker: WorkerProcess) -> None:
    """Note for a worker that is told to leave that its task is not to be blamed: whoever has told
    it may kill it and us at any moment, before it is done."""
    _note(workspace, worker, EXCUSED, "it was told to leave\n")


def _element_of(worker: WorkerProcess) -> int:
    cells = worker.cells
    return IN_INITIALIZER if cells.state == INITIALIZING else cells.element


def _note(workspace: NetWorkSpace, worker: WorkerProcess, element: int, text: str) -> None:
    """Note the end of a worker, and let the master know that there is a note."""
    cells = worker.cells
    overdue = worker.overdue_since == cells.since and element != EXCUSED
    span = cells.begin, cells.end
    death = Death(cells.call, cells.first, cells.size, element, *span, overdue, text)
    last = Lines(worker.rank, worker.lines, [], died=death.call)
    workspace.settle([], [(DEATHS, tuple(death)), (RESULT, message_to_wire(last))])


def give_back(worker: WorkerProcess) -> None:
    """Give back leases: only that of the current task counts as attempted. If no death was noted
    for it, it had been done but not sent: perhaps sending its results is deadly."""
    cells = worker.cells
    current = Lease(worker.workspace, TASK, cells.lease, 0, None)
    try:
        if cells.runs_dropped:
            size = cells.end - cells.begin
            dropped = cancelled_results(cells.call, worker.rank, cells.begin, size)
            current.settle([(RESULT, message_to_wire(dropped))])
        else:
            current.release(blame=True)
        cells.barrier = 0  # its part of an eachWorker, if it was that, is not done
    except NwsLeaseLostException:
        pass  # it was settled already
    worker.workspace.release(None, blame=False)
