"""The status cells: some numbers in memory that a worker and its supervisor share.

The worker writes down what it does, in nanoseconds and without a system call. So the supervisor
knows which element was running when the worker died, however it died, and for how long an element
has been running, even while C code holds the interpreter's lock. The supervisor writes down which
calls are dropped, and the worker skips their tasks.

Order of writes
---------------
The supervisor may look, and the worker may die, between any two writes. So the order matters:

1. `StatusCells.begin_task` writes what names the task, and `StatusCells.keep` which of its elements
   are the worker's own. The state is `IDLE` meanwhile: no element gets the blame.
2. `StatusCells.begin_element` writes the element, then when it began, then the state. So while the
   state is busy, the element is the one that runs, and the time is not that of an earlier task.
3. When the state is `IDLE` again, the last element has ended. The task may still have to be sent.
4. `StatusCells.drop` writes the numbers of dropped calls, then how often that was done. A call that
   is dropped stays dropped, so whatever mixture of old and new numbers the worker reads is true.

The loop that runs elements writes into `StatusCells.numbers` by index, which is the quickest way.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from typing import Any, Final

from nws.sleigh.shared.messages import NO_ELEMENT

__all__ = [
    "BUSY",
    "CUT_OFF",
    "DURATIONS",
    "DURATION_CELLS",
    "ELEMENT",
    "ELEMENTS_DONE",
    "FAILED",
    "FIRST_SPAN",
    "IDLE",
    "INITIALIZING",
    "LEAVES",
    "LIMIT",
    "LOADING",
    "MAX_CANCELLED",
    "MAX_SPANS",
    "RUNNING",
    "SINCE",
    "SPANS",
    "SPAN_CELLS",
    "STATE",
    "TASKS_DONE",
    "WAITING",
    "StatusCells",
]

MAX_CANCELLED: Final = 256
"""Cancelled calls that the cells have room for."""

MAX_SPANS: Final = 41
SPAN_CELLS: Final = 5
"""Cells of each span; see ``spans.py``."""

DURATION_CELLS: Final = 64

(
    STATE,  # one of those below
    CALL,  # number of the call of the worker's task
    LEASE,  # id of the lease of that task
    FIRST,  # first element of that task, as the task has it
    SIZE,  # how many elements the task has
    ELEMENT,  # the element that runs, or ran last; NO_ELEMENT for the function, and at the start
    BEGIN,  # first element of the task whose result was not yet sent
    END,  # last element, plus one, that has not been passed on to others
    SINCE,  # when the element began; time.monotonic_ns()
    LIMIT,  # nanoseconds that an element may take; 0 for any time
    LEAVES,  # 1 if the worker is to leave
    BARRIER,  # number of the eachWorker call whose task it has done, until that is over
    DROPS,  # how often the supervisor has written which calls are dropped
    FLOOR,  # all calls with lower numbers are dropped
    TASKS_DONE,  # how many tasks this rank has finished; this and the rest outlive a worker
    ELEMENTS_DONE,  # how many elements these had
    SPANS,  # how many spans were written
    FIRST_CANCELLED,  # the first of the numbers of cancelled calls; 0 for none
) = range(18)

FIRST_SPAN: Final = FIRST_CANCELLED + MAX_CANCELLED
"""The first cell of the first span."""

DURATIONS: Final = FIRST_SPAN + MAX_SPANS * SPAN_CELLS
"""The first of `DURATION_CELLS`, which outlive a worker: how many elements took how long; see
``durations.py``."""

_CELL_COUNT: Final = DURATIONS + DURATION_CELLS

IDLE: Final = 0
LOADING: Final = 1
"""It reads the call's function."""
RUNNING: Final = 2
"""It runs an element, reads its arguments or packs its result."""
WAITING: Final = 3
"""It has done its part of an `eachWorker` and waits for the others."""
INITIALIZING: Final = 4
"""It runs the sleigh's initializer."""
FAILED: Final = 5
"""The initializer has failed: the worker ends, and no other one takes its place."""

CUT_OFF: Final = 6
"""Its connection was closed in this process: by the task, as by `os.closerange`, most likely."""

BUSY: Final = (LOADING, RUNNING, INITIALIZING)
"""Code of the user runs."""


class _Cell:
    """One of the numbers, as an attribute."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, cells: StatusCells, _: Any) -> int:
        number: int = cells.numbers[self._index]
        return number

    def __set__(self, cells: StatusCells, number: int) -> None:
        cells.numbers[self._index] = number


class StatusCells:
    """The numbers of one rank, shared with all processes that are forked after this was made.

    Attributes:
        numbers: all of them, by index, for who writes or reads them often.
    """

    state = _Cell(STATE)
    call = _Cell(CALL)
    lease = _Cell(LEASE)
    first = _Cell(FIRST)
    size = _Cell(SIZE)
    element = _Cell(ELEMENT)
    begin = _Cell(BEGIN)
    end = _Cell(END)
    since = _Cell(SINCE)
    limit = _Cell(LIMIT)
    leaves = _Cell(LEAVES)
    barrier = _Cell(BARRIER)
    tasks_done = _Cell(TASKS_DONE)
    elements_done = _Cell(ELEMENTS_DONE)

    def __init__(self) -> None:
        self.numbers = memoryview(mmap.mmap(-1, 8 * _CELL_COUNT)).cast("q")
        self._drops_seen = 0
        self._floor = 0
        self._cancelled: frozenset[int] = frozenset()
        self.reset()

    # The worker's side

    def begin_task(self, call: int, lease: int, first: int, size: int) -> None:
        """Write which task the worker does from now on."""
        numbers = self.numbers
        numbers[CALL], numbers[LEASE], numbers[FIRST], numbers[SIZE] = call, lease, first, size

    def keep(self, begin: int, end: int) -> None:
        """Write which elements of the task are still this worker's own to do or to send."""
        self.numbers[BEGIN], self.numbers[END] = begin, end

    def begin_element(self, element: int, state: int = RUNNING) -> int:
        """Write that an element runs from now on; return when that is."""
        numbers = self.numbers
        numbers[ELEMENT] = element
        numbers[SINCE] = now = time.monotonic_ns()
        numbers[STATE] = state
        return now

    # The supervisor's side

    def reset(self) -> None:
        """Forget what the last worker did; not its `eachWorker`, nor what is counted."""
        for index in range(BARRIER):
            self.numbers[index] = 0
        self.element = NO_ELEMENT

    @property
    def is_busy(self) -> bool:
        """Whether the worker runs an element or the initializer, or loads a function."""
        return self.state in BUSY

    @property
    def was_cut_off(self) -> bool:
        """Whether its connection was closed in it after it has run an element of its task."""
        return bool(self.state == CUT_OFF and self.begin <= self.element < self.end)

    @property
    def runs_dropped(self) -> bool:
        """Whether what the worker runs belongs to a dropped call."""
        return self.is_busy and self.is_dropped(self.call)

    # Dropped calls

    def drop(self, floor: int, cancelled: Sequence[int]) -> None:
        """Write which calls are dropped: lower numbers than ``floor``, and the ``cancelled`` ones,
        of which there is room for the last `MAX_CANCELLED`."""
        known = cancelled[-MAX_CANCELLED:]
        for place in range(MAX_CANCELLED):
            self.numbers[FIRST_CANCELLED + place] = known[place] if place < len(known) else 0
        self.numbers[FLOOR] = floor
        self.numbers[DROPS] += 1

    def is_dropped(self, call: int) -> bool:
        """Tell whether nobody wants the results of a call any more."""
        if self.numbers[DROPS] != self._drops_seen:
            self._drops_seen = self.numbers[DROPS]
            self._floor = self.numbers[FLOOR]
            self._cancelled = frozenset(self.numbers[FIRST_CANCELLED:FIRST_SPAN])
        return call < self._floor or call in self._cancelled
