"""Divides the elements of a call into tasks.

A message costs much more than a tiny element takes, and a task that is too long keeps elements from
idle workers. Without measurements, tasks are a fair share of all elements; workers cut those that
turn out to be long. Where the number of tasks is bounded, their size follows the measured time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nws.errors import SleighIllegalValueException
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
    """

    def __init__(
        self,
        arguments: Iterator[tuple[Any, ...]],
        workers: int,
        size: int | None,
        count: int | None = None,
        largest: int = _MAX_TASK_ELEMENTS,
    ) -> None:
        """Prepare.

        Args:
            arguments: of each element.
            workers: number of workers.
            size: elements in each task; None to choose.
            count: number of elements, if it is known; None to go by measured times.
            largest: maximum number of elements in a task.
        """
        self.taken = self.weight = 0
        self.exhausted = False
        self._arguments = arguments
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

        The list is empty when there are no more.
        """
        first, elements, weight = self.taken, list[Packed](), 0
        size = self._wanted if most is None else min(self._wanted, most)
        try:
            while len(elements) < size and weight < _MAX_TASK_BYTES:
                arguments = next(self._arguments)
                elements.append(packed := self._pack(arguments))
                self.taken += 1
                weight += size_of(packed)
        except StopIteration:
            self.exhausted = True
        except Exception as error:
            self.exhausted, self.problem = True, error
        self.weight = weight
        if weight >= _MAX_TASK_BYTES:
            self._fitting = len(elements)
        elif len(elements) >= self._fitting:
            self._fitting = min(_NO_LIMIT_ELEMENTS, 2 * self._fitting)
        return first, elements

    def _pack(self, arguments: tuple[Any, ...]) -> Packed:
        try:
            return pack(arguments)
        except Exception as error:
            raise SleighIllegalValueException(
                f"the arguments of element {self.taken} cannot be pickled: {error}"
            ) from error
