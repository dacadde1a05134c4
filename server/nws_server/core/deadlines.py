"""Things that end at a given time. No clock here: the caller says what time it is."""

from __future__ import annotations

import heapq
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

_MIN_SWEEP_ENTRIES: Final = 64

_MIN_ENTRIES_EACH: Final = 16
"""If a heap has so many entries for each item that is entered, it is not made again for them."""

_MAX_DROPPED_AT_ONCE: Final = 500
"""Void entries. Others have their turn before the next ones are dropped."""


class Timed(Protocol):
    """Something with a deadline. An entry of the heap whose time is not this one is void."""

    deadline: float | None


TimedT = TypeVar("TimedT", bound=Timed)


class Deadlines(Generic[TimedT]):
    """A heap of deadlines, in seconds of the caller's monotonic clock.

    Withdrawing is free: set ``deadline`` to None. Void entries are swept when they are more than
    the others, so that a lease renewed a million times does not fill the memory. The heap does not
    keep items alive: a settled lease would hold its value, and a spooled one's file, until its
    time.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, weakref.ref[TimedT]]] = []
        self._order = count()
        self._sweep_at = _MIN_SWEEP_ENTRIES
        self.on_earlier: Callable[[float], None] | None = None
        """Called with the time whenever a deadline is entered that comes before all others."""

    def enter(self, item: TimedT, deadline: float) -> None:
        """Set the deadline of an item, in place of any that it has."""
        if item.deadline == deadline:
            return  # a second entry would be as valid as the first, and never be swept
        item.deadline = deadline
        earlier = not self._heap or deadline < self._heap[0][0]
        heapq.heappush(self._heap, (deadline, next(self._order), weakref.ref(item)))
        if len(self._heap) > self._sweep_at:
            self._sweep()
        if earlier and self.on_earlier is not None:
            self.on_earlier(deadline)

    def enter_all(self, items: Sequence[TimedT], deadline: float) -> None:
        """Set the deadline of many items, as `enter` does one by one, but in less time."""
        if len(items) * _MIN_ENTRIES_EACH <= len(self._heap) or len(items) == 1:
            for item in items:
                self.enter(item, deadline)
            return
        earlier = bool(items) and (not self._heap or deadline < self._heap[0][0])
        changed = [item for item in items if item.deadline != deadline]
        for item in changed:
            item.deadline = deadline
        order, ref = self._order, weakref.ref
        self._heap += [(deadline, next(order), ref(item)) for item in changed]
        self._sweep()
        if earlier and self.on_earlier is not None:
            self.on_earlier(deadline)

    def _sweep(self) -> None:
        """Drop all void entries."""
        self._heap[:] = [
            entry
            for entry in self._heap
            if (item := entry[2]()) is not None and item.deadline == entry[0]
        ]
        heapq.heapify(self._heap)
        self._sweep_at = 2 * len(self._heap) + _MIN_SWEEP_ENTRIES

    def next(self) -> float | None:
        """Return when the next item is due, or an earlier time if many void entries come first."""
        self._drop_void()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[TimedT]:
        """Take out, one by one, the items whose time has come. Where many void entries come before
        them, some may be left: `next` is then not later than ``now``."""
        while self._drop_void() and self._heap[0][0] <= now:
            item = heapq.heappop(self._heap)[2]()
            if item is not None:
                item.deadline = None
                yield item

    def _drop_void(self) -> bool:
        """Drop void entries that come first, a part of them if they are many. Tell whether an item
        comes first then."""
        heap = self._heap
        for _ in range(_MAX_DROPPED_AT_ONCE):
            if not heap:
                return False
            if _is_due(heap[0][2](), heap[0][0]):
                return True
            heapq.heappop(heap)
        return False


def _is_due(item: Timed | None, when: float) -> bool:
    return item is not None and item.deadline == when
