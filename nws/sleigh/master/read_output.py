"""What workers have written, as the master reads it: passed on, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nws.sleigh.shared.messages import Lines, output_size
from nws.sleigh.shared.output import Line

__all__ = ["ReadOutput"]

_TELL_BYTES: Final = 1024 * 1024
"""Of a worker's output that was read, before supervisors are told so."""


class ReadOutput:
    """The lines that have come."""

    def __init__(self, show: Callable[[Sequence[Line]], None] | None) -> None:
        """Prepare. ``show`` is given the lines; None if nobody wants them."""
        self._show = show
        self._heard: dict[int, int] = {}  # lines that came, by process id
        self._read: dict[int, int] = {}  # and their size, by rank
        self._told: dict[int, int] = {}  # what supervisors know of that

    def count(self, message: Lines) -> dict[int, int] | None:
        """Count what a worker has written. Return how much was read of each rank's output if the
        supervisors are to be told that."""
        pid, count = message.lines
        self._heard[pid] = count
        rank = message.rank
        self._read[rank] = self._read.get(rank, 0) + output_size(message.texts)
        if self._read[rank] - self._told.get(rank, 0) <= _TELL_BYTES:
            return None
        self._told = dict(self._read)
        return self._told

    def show(self, message: Lines) -> None:
        """Pass on what a worker has written."""
        if self._show is not None and message.texts:
            self._show([Line(message.rank, *each[1:], each[0]) for each in message.texts])

    def missing_lines(self, said: dict[int, int]) -> int:
        """Return how many lines have not come of those that workers, by process id, wrote."""
        heard = self._heard
        return sum(max(0, count - heard.get(pid, 0)) for pid, count in said.items())
