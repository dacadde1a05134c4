"""Things that end at a given time. No clock here: the caller says what time it is."""

from __future__ import annotations

import heapq
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

_MIN_SWEEP_ENTRIES: Final = 64


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
            self._heap = [(when, n, ref) for when, n, ref in self._heap if _is_due(ref(), when)]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _MIN_SWEEP_ENTRIES
        if earlier and self.on_earlier is not None:
            self.on_earlier(deadline)

    def next(self) -> float | None:
        """Return when the next item is due."""
        self._drop_void()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[TimedT]:
        """Take out, one by one, the items whose time has come."""
        while True:
            self._drop_void()
            if not self._heap or self._heap[0][0] > now:
                return
            item = heapq.heappop(self._heap)[2]()
            if item is not None:
                item.deadline = None
                yield item

    def _drop_void(self) -> None:
        while self._heap and not _is_due(self._heap[0][2](), self._heap[0][0]):
            heapq.heappop(self._heap)


def _is_due(item: Timed | None, when: float) -> bool:
    return item is not None and item.deadline == when
