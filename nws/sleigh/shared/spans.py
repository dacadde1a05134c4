"""Spans: when a worker was busy, and with what, in a ring of cells of the mark.

There is room for few, and they are to cover at least a minute of work. So tasks that follow each
other at once share a span as long as that is short. Of calls that are over in a moment only the
last one in a span is named.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nws.sleigh.shared import status_cells

__all__ = ["SHOWN", "Span", "Spans", "spans_in"]

SHOWN: Final = 40
"""So many spans can be read."""

_ROOM: Final = SHOWN + 1  # the worker may be writing the oldest one anew while it is read
_CELLS: Final = 5

_GAP: Final = 10_000_000
"""Nanoseconds. A longer pause ends a span."""

_LONGEST: Final = 3_000_000_000
"""Nanoseconds. No task is added that makes a span longer. Two neighbours take longer than that, or
there is a pause between them: so all of them cover a minute of work without pauses."""

_MOMENT: Final = 10_000_000
"""Nanoseconds. A call that took no longer may share a span with the next one."""


class Span(NamedTuple):
    """A time in which a worker was busy."""

    call: int
    first: int
    """The first element that is known to have been done then."""
    size: int
    """How many elements were done."""
    begin: int
    """This and the end are readings of time.monotonic_ns()."""
    end: int


class Spans:
    """The worker's side: counts what is finished and writes spans."""

    def __init__(self, cells: memoryview) -> None:
        """Write into the cells of a mark. The first span is a new one."""
        self._cells = cells
        self._place = 0
        self._call = self._size = 0
        self._begin = self._end = 0
        self._call_begin = 0

    def add(self, call: int, first: int, size: int, begin: int, end: int) -> None:
        """Note a task, or what was done of it, that has just ended."""
        cells = self._cells
        cells[status_cells.TASKS] += 1
        cells[status_cells.ELEMENTS] += size
        if begin - self._end > _GAP or end - self._begin > _LONGEST:
            self._open(call, first, size, begin, end)
        elif call == self._call:
            self._extend(size, end)
        elif self._end - self._call_begin > _MOMENT or end - begin > _MOMENT:
            self._open(call, first, size, begin, end)
        else:
            self._extend(size, end)
            self._call, self._call_begin = call, begin
            cells[self._place], cells[self._place + 1] = call, first

    def _open(self, *span: int) -> None:
        cells, number = self._cells, self._cells[status_cells.SPANS]
        self._place = status_cells.RING + number % _ROOM * _CELLS
        for cell, value in enumerate(span, self._place):
            cells[cell] = value
        cells[status_cells.SPANS] = number + 1
        self._call, _, self._size, self._begin, self._end = span
        self._call_begin = self._begin

    def _extend(self, size: int, end: int) -> None:
        cells, place = self._cells, self._place
        self._size += size
        self._end = end
        cells[place + 2], cells[place + 4] = self._size, end


def spans_in(cells: memoryview) -> list[Span]:
    """The supervisor's side: return the last spans, the newest one last."""
    end = cells[status_cells.SPANS]
    places = (status_cells.RING + n % _ROOM * _CELLS for n in range(max(0, end - SHOWN), end))
    return [Span(*cells[place : place + _CELLS]) for place in places]
