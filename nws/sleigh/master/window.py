"""Windows: how many elements of a call may be outstanding or unread at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nws.sleigh.master.chunks import Chunks
from nws.sleigh.shared.messages import Failure
from nws.sleigh.shared.pickling import size_of

__all__ = ["ElementWindow", "TaskWindow", "TimedWindow", "Window", "window_for"]

_WINDOW_SECONDS: Final = 0.2
"""Of work for all workers, which is outstanding or unread in a `TimedWindow`."""

_MIN_ELEMENTS_PER_WORKER: Final = 10
_MAX_ELEMENTS_PER_WORKER: Final = 4096
_MAX_WINDOW_BYTES: Final = 32 * 1024 * 1024
"""Of arguments and results, by the sizes seen so far."""

_MAX_GROWTH_FACTOR: Final = 4
"""A `TimedWindow` grows by this factor at most from one measurement to the next."""

_MIN_STRIDE_ELEMENTS: Final = 8


class Window:
    """Any number of elements.

    Attributes:
        stride: values that are read before further elements are submitted; each message costs.
    """

    stride = _MIN_STRIDE_ELEMENTS

    def room(self, outstanding: int, unread: int, chunks: Chunks) -> int | None:
        """Return how many elements may be submitted now; None for any number.

        Args:
            outstanding: elements that were submitted and whose values have not come back.
            unread: values that have come back and were not read by the user.
            chunks: of the call.
        """
        return None

    def sent(self, elements: int, weight: int) -> None:
        """Note that elements with arguments of ``weight`` bytes in all were submitted."""

    def learn(self, seconds: float, outcomes: Sequence[Any]) -> None:
        """Note what came of some elements, and how long they took together."""


class TaskWindow(Window):
    """A number of tasks, whatever their size: ``loadFactor`` of `eachElem`."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks

    def room(self, outstanding: int, unread: int, chunks: Chunks) -> int | None:
        return self._tasks * chunks.size - outstanding


class ElementWindow(Window):
    """A number of elements: ``loadFactor`` of `imap`."""

    def __init__(self, elements: int, in_chunk: int) -> None:
        self._elements = elements
        self._in_chunk = in_chunk

    def room(self, outstanding: int, unread: int, chunks: Chunks) -> int | None:
        return _whole_tasks(
            self._elements - outstanding - unread, outstanding + unread, self._in_chunk
        )


class TimedWindow(Window):
    """As many elements as the workers do in 0.2 seconds, within bounds."""

    def __init__(self, workers: int, in_chunk: int) -> None:
        self._workers = workers
        self._in_chunk = in_chunk
        self._min = _MIN_ELEMENTS_PER_WORKER * workers * in_chunk
        self._max = max(_MAX_ELEMENTS_PER_WORKER * workers, self._min)
        self._elements = self._min
        self._sent = self._weight = 0
        self._result_bytes = 0

    def room(self, outstanding: int, unread: int, chunks: Chunks) -> int | None:
        room = _whole_tasks(
            self._elements - outstanding - unread, outstanding + unread, self._in_chunk
        )
        # Small remainders wait, or they would become many small tasks.
        return room if room >= min(chunks.size, self._elements // 4) else 0

    def sent(self, elements: int, weight: int) -> None:
        self._sent += elements
        self._weight += weight

    def learn(self, seconds: float, outcomes: Sequence[Any]) -> None:
        if not outcomes:
            return
        outcome = outcomes[0]
        if outcome is not None and not isinstance(outcome, Failure):
            self._result_bytes = max(self._result_bytes // 2, size_of(outcome))
        pace = max(seconds / len(outcomes), 1e-9)
        in_time = int(self._workers * _WINDOW_SECONDS / pace)
        in_memory = _MAX_WINDOW_BYTES // max(
            1, self._weight // max(1, self._sent) + self._result_bytes
        )
        wanted = min(in_time, in_memory, self._elements * _MAX_GROWTH_FACTOR, self._max)
        self._elements = max(self._min if in_memory >= self._min else self._workers, wanted)
        self.stride = max(_MIN_STRIDE_ELEMENTS, self._elements // 16)


def _whole_tasks(room: int, under_way: int, in_chunk: int) -> int:
    """Return the part of room that has whole tasks of the size that the user wants. There is one
    task at least."""
    return room // in_chunk * in_chunk or (0 if under_way else room)


def window_for(load_factor: float | None, workers: int, in_chunk: int | None) -> tuple[Window, int]:
    """Return the window of an `imap`, and how many elements a task may have.

    Args:
        load_factor: elements, or tasks of ``in_chunk`` elements, for each worker; 0 or less for any
            number; None to go by time.
        workers: how many there are.
        in_chunk: elements in each task, if the user has said so.
    """
    if load_factor is None:
        return TimedWindow(workers, in_chunk or 1), _MAX_ELEMENTS_PER_WORKER // 4
    if load_factor <= 0:
        return Window(), _MAX_ELEMENTS_PER_WORKER
    elements = max(workers, int(load_factor * workers)) * (in_chunk or 1)
    return ElementWindow(elements, in_chunk or 1), max(1, elements // (2 * workers))
