"""Divides the elements of a call into tasks.

A message costs much more than a tiny element takes, and a task that is too long keeps elements from
idle workers. Without measurements, tasks are a fair share of all elements; workers cut those that
turn out to be long. Where the number of tasks is bounded, their size follows the measured time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.master.input_reader import InputReader, NotYet
from nws.sleigh.shared.pickling import Packed, pack, size_of

__all__ = ["Chunks"]

_MAX_TASK_ELEMENTS: Final = 4096

_MAX_TASK_BYTES: Final = 256 * 1024
"""A task with this many bytes of arguments gets no further element."""

_NO_LIMIT_ELEMENTS: Final = 2**62
"""The size of a task while no element has been found to be heavy."""

_TASKS_PER_WORKER: Final = 8
"""When the number of elements is known, they are divided into this many tasks for each worker."""

_TASK_SECONDS: Final = 0.05
"""The time that a task should take."""

_MAX_GROWTH_FACTOR: Final = 4
"""From one measurement to the next, tasks grow by at most this factor."""


class Chunks:
    """The elements of a call, taken from their iterator as they are needed.

    Attributes:
        taken: how many elements were taken so far.
        exhausted: there are no more.
        problem: why there are no more: what the iterator has raised, or a
            SleighIllegalValueException that names the element whose arguments cannot be pickled;
            None if the iterator just ended.
        weight: bytes in the last task.
        reader: reads the elements, if that may take long.
    """

    def __init__(
        self,
        arguments: Iterator[tuple[Any, ...]],
        workers: int,
        size: int | None,
        count: int | None = None,
        largest: int = _MAX_TASK_ELEMENTS,
        *,
        may_wait: bool = False,
    ) -> None:
        """Prepare.

        Args:
            arguments: of each element.
            workers: number of workers.
            size: elements in each task; None to choose.
            count: number of elements, if it is known; None to go by measured times.
            largest: maximum number of elements in a task.
            may_wait: the iterator may keep us waiting. Then tasks have what it has given so far.
        """
        self.taken = self.weight = 0
        self.exhausted = False
        self._packed = 0
        source = map(self._pack, arguments)
        self.reader = InputReader(source, _MAX_TASK_BYTES) if may_wait else None
        self._source: Iterator[Packed] = self.reader or source
        self._fixed = size is not None
        self._largest = largest
        if size is None:
            size = 1 if count is None else -(-count // (workers * _TASKS_PER_WORKER))
        self._wanted = size if self._fixed else max(1, min(size, largest))
        self._fitting = _NO_LIMIT_ELEMENTS
        self.problem: Exception | None = None

    @property
    def size(self) -> int:
        """The number of elements that the next task is meant to have."""
        return min(self._wanted, self._fitting)

    def learn(self, elements: int, seconds: float) -> None:
        """Note how long elements took together."""
        if self._fixed or not elements:
            return
        in_time = int(_TASK_SECONDS / max(seconds / elements, 1e-9))
        self._wanted = max(1, min(in_time, self.size * _MAX_GROWTH_FACTOR, self._largest))

    def next(self, most: int | None = None) -> tuple[int, list[Packed]]:
        """Return the first element's number and the packed arguments of the next task.

        The list is empty when there are no more, or the reader has no more yet.
        """
        first, weight = self.taken, 0
        elements: list[Packed] = []
        size = self._wanted if most is None else min(self._wanted, most)
        if self.reader is not None:
            self.reader.prepare(size)
        try:
            while len(elements) < size and weight < _MAX_TASK_BYTES:
                elements.append(packed := next(self._source))
                self.taken += 1
                weight += size_of(packed)
        except NotYet:
            pass
        except StopIteration:
            self.exhausted = True
        except Exception as error:
            self.exhausted, self.problem = True, error
        if self.exhausted and self.reader is not None:
            self.reader.close()  # its thread would keep us, and a traceback in the problem the call
        self.weight = weight
        if weight >= _MAX_TASK_BYTES:
            self._fitting = len(elements)
        elif len(elements) >= self._fitting:
            self._fitting = min(_NO_LIMIT_ELEMENTS, 2 * self._fitting)
        return first, elements

    def _pack(self, arguments: tuple[Any, ...]) -> Packed:
        self._packed += 1
        try:
            return pack(arguments)
        except Exception as error:
            raise SleighIllegalValueException(
                f"the arguments of element {self._packed - 1} cannot be pickled: {error}"
            ) from error
