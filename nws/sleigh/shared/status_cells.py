"""The mark: some numbers in memory that a worker and its supervisor share.

The worker writes down what it is at, in nanoseconds and without a system call. So the supervisor
knows which element was running when the worker died, however it died, and for how long an element
has been running, even while C code keeps the interpreter to itself.

The numbers are plain cells, because the worker writes two of them for each element.
"""

from __future__ import annotations

import mmap
from typing import Final

__all__ = [
    "AT_WORK",
    "BARRIER",
    "BEGIN",
    "CALL",
    "CANCELLED",
    "ELEMENTS",
    "END",
    "FIRST",
    "IDLE",
    "LEASE",
    "LIMIT",
    "LOADING",
    "RING",
    "SINCE",
    "SIZE",
    "SPANS",
    "STATE",
    "TAG",
    "TASKS",
    "WAITING",
    "new_cells",
]

(
    STATE,  # one of those below
    CALL,  # number of the call it is at
    LEASE,  # id of the lease of the task it is at
    FIRST,  # first element of that task, as the task has it
    SIZE,  # how many elements the task has
    TAG,  # the element that runs
    BEGIN,  # first element of the task whose result was not yet sent
    END,  # last element, plus one, that has not been passed on to others
    SINCE,  # when the element began; time.monotonic_ns()
    LIMIT,  # nanoseconds that an element may take; 0 for any time
    BARRIER,  # number of the eachWorker call whose task it has done, until that is over
    CANCELLED,  # number of the last cancelled call; written by the supervisor
    TASKS,  # how many tasks this rank has finished; this and the rest outlive a worker
    ELEMENTS,  # how many elements these had
    SPANS,  # how many spans were written; see ``spans.py``
    RING,  # the first cell of the last of them
) = range(16)

IDLE: Final = 0
LOADING: Final = 1
"""It reads the call's function."""
AT_WORK: Final = 2
"""It runs an element, reads its arguments or packs its result."""
WAITING: Final = 3
"""It has done its part of an `eachWorker` and waits for the others."""


def new_cells() -> memoryview:
    """Return cells that a process shares with those it forks from now on."""
    return memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
