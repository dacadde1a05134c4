"""Spans: when a worker was busy, and with what, in a ring of the status cells.

There is room for few, and they have to cover at least a minute of work. So tasks that follow each
other without a pause share a span as long as that is short. Of very short calls only the last one
in a span is named.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nws.sleigh.shared.status_cells import (
    DURATIONS,
    ELEMENTS_DONE,
    FIRST_SPAN,
    MAX_SPANS,
    SPAN_CELLS,
    SPANS,
    TASKS_DONE,
    StatusCells,
)

__all__ = ["SHOWN", "Span", "Spans", "spans_in"]

SHOWN: Final = MAX_SPANS - 1
"""Spans that can be read: the worker may be overwriting the oldest one of all."""

_MAX_GAP_NS: Final = 10_000_000
"""A longer pause ends a span."""

_MAX_SPAN_NS: Final = 3_000_000_000
"""No task is added that makes a span longer. Two neighbours take longer than that, or
there is a pause between them: so all of them cover a minute of work without pauses."""

_SHORT_CALL_NS: Final = 10_000_000
"""A call that took no longer may share a span with the next one."""


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
    """The worker's side: counts what is finished, by how long it took, and writes spans."""

    def __init__(self, cells: StatusCells) -> None:
        """Write into these cells. The first span is a new one."""
        self._numbers = cells.numbers
        self._place = 0
        self._call = self._size = 0
        self._begin = self._end = 0
        self._call_begin = 0

    def add(self, call: int, first: int, size: int, begin: int, end: int) -> None:
        """Note a task, or what was done of it, that has just ended. It is counted last: who reads
        that it was done finds all the rest."""
        numbers = self._numbers
        numbers[ELEMENTS_DONE] += size
        numbers[DURATIONS + ((end - begin) // (size or 1)).bit_length()] += size
        if begin - self._end > _MAX_GAP_NS or end - self._begin > _MAX_SPAN_NS:
            self._open(call, first, size, begin, end)
        elif call == self._call:
            self._extend(size, end)
        elif self._end - self._call_begin > _SHORT_CALL_NS or end - begin > _SHORT_CALL_NS:
            self._open(call, first, size, begin, end)
        else:
            self._extend(size, end)
            self._call, self._call_begin = call, begin
            numbers[self._place], numbers[self._place + 1] = call, first
        numbers[TASKS_DONE] += 1

    def _open(self, *span: int) -> None:
        numbers, count = self._numbers, self._numbers[SPANS]
        self._place = _place(count)
        for cell, value in enumerate(span, self._place):
            numbers[cell] = value
        numbers[SPANS] = count + 1
        self._call, _, self._size, self._begin, self._end = span
        self._call_begin = self._begin

    def _extend(self, size: int, end: int) -> None:
        numbers, place = self._numbers, self._place
        self._size += size
        self._end = end
        numbers[place + 2], numbers[place + 4] = self._size, end


def spans_in(cells: StatusCells) -> list[Span]:
    """The supervisor's side: return the last spans, the newest one last."""
    numbers = cells.numbers
    count = numbers[SPANS]
    places = map(_place, range(max(0, count - SHOWN), count))
    return [Span(*numbers[place : place + SPAN_CELLS]) for place in places]


def _place(number: int) -> int:
    return FIRST_SPAN + number % MAX_SPANS * SPAN_CELLS
