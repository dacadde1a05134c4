"""Elements cut into tasks: how many go into each.

A message costs much more than a tiny element takes, and a task that is too long keeps elements from
idle workers. Without any knowledge, tasks are a fair share of all elements; workers cut those that
turn out to be long. Where the number of tasks is bounded, their size follows the measured time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.pickling import Packed, pack, size_of

__all__ = ["Chunks"]

_LARGEST: Final = 4096
"""Elements."""

_HEAVIEST: Final = 256 * 1024
"""Bytes. A task that has so much gets no further element."""

_ANY: Final = 2**62
"""Elements: any number of them fits into a task, as far as one knows."""

_SHARES: Final = 8
"""Into so many tasks for each worker a known number of elements is cut."""

_AIM: Final = 0.05
"""Seconds that a task is to take."""

_GROWTH: Final = 4
"""Tasks grow by this factor at most from one measurement to the next."""


class Chunks:
    """The elements of a call, taken from their iterator as they are needed.

    Attributes:
        taken: how many elements were taken so far.
        exhausted: there are no more.
        problem: why there are no more, if the iterator has raised that or arguments cannot be
            pickled; then it is a SleighIllegalValueException that names the element.
        weight: bytes in the last task.
    """

    def __init__(
        self,
        arguments: Iterator[tuple[Any, ...]],
        workers: int,
        size: int | None,
        count: int | None = None,
        largest: int = _LARGEST,
    ) -> None:
        """Prepare.

        Args:
            arguments: of each element.
            workers: how many there are.
            size: elements in each task; None to choose.
            count: how many elements there are, if that is known; None to go by measured times.
            largest: so many elements a task has at most.
        """
        self.taken = self.weight = 0
        self.exhausted = False
        self._arguments = arguments
        self._fixed = size is not None
        self._largest = largest
        if size is None:
            size = 1 if count is None else -(-count // (workers * _SHARES))
        self._wanted = size if self._fixed else max(1, min(size, largest))
        self._fitting = _ANY
        self.problem: Exception | None = None

    @property
    def size(self) -> int:
        """About how many elements the next task has."""
        return min(self._wanted, self._fitting)

    def learn(self, elements: int, seconds: float) -> None:
        """Take note of how long elements took."""
        if self._fixed or not elements:
            return
        in_time = int(_AIM / max(seconds / elements, 1e-9))
        self._wanted = max(1, min(in_time, self.size * _GROWTH, self._largest))

    def next(self, most: int | None = None) -> tuple[int, list[Packed]]:
        """Return the first element's place and the packed arguments of the next task.

        The list is empty when there are no more.
        """
        first, elements, weight = self.taken, list[Packed](), 0
        size = self._wanted if most is None else min(self._wanted, most)
        try:
            while len(elements) < size and weight < _HEAVIEST:
                arguments = next(self._arguments)
                elements.append(packed := self._pack(arguments))
                self.taken += 1
                weight += size_of(packed)
        except StopIteration:
            self.exhausted = True
        except Exception as error:
            self.exhausted, self.problem = True, error
        self.weight = weight
        if weight >= _HEAVIEST:
            self._fitting = len(elements)
        elif len(elements) >= self._fitting:
            self._fitting = min(_ANY, 2 * self._fitting)
        return first, elements

    def _pack(self, arguments: tuple[Any, ...]) -> Packed:
        try:
            return pack(arguments)
        except Exception as error:
            raise SleighIllegalValueException(
                f"the arguments of element {self.taken} cannot be pickled: {error}"
            ) from error
