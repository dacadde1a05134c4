"""All the values of a call, gathered as they come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nws.sleigh.master.progress import Progress
from nws.sleigh.master.run import WATCH, Run, Values

__all__ = ["Accumulator", "Collect", "Collector"]

Accumulator = Callable[[list[Any], list[int]], Any]
Collect = Callable[[Run, float], Sequence[Values]]
"""Waits so many seconds at most for values that come back, and looks after the workers."""


class Collector:
    """The values of a run, by element."""

    def __init__(
        self,
        run: Run,
        collect: Collect,
        accumulator: Accumulator | None,
        progress: Progress,
        total: int | None,
    ) -> None:
        """Gather for a list, or for an accumulator, which is given lists of values and places."""
        self.run = run
        self._collect = collect
        self._accumulator = accumulator
        self._progress = progress
        self._total = total
        self._values: dict[int, Any] = {}

    def take(self, timeout: float) -> bool:
        """Take what has come back; wait so many seconds at most for the first of it. Tell whether
        there was anything."""
        came = self._collect(self.run, timeout)
        for values, tags in came:
            if self._accumulator is None:
                self._values.update(zip(tags, values, strict=True))
            else:
                self._accumulator(values, tags)
            self._progress(self.run.arrived, self._total)
        return bool(came)

    def all(self) -> list[Any] | None:
        """Wait for all values and return them in order; None if they went to an accumulator."""
        run = self.run
        self._progress(run.arrived, self._total)
        while not run.over:
            self.take(WATCH)
            run.submit()
        run.finish()
        if self._accumulator is not None:
            return None
        return [self._values[tag] for tag in range(run.submitted)]
