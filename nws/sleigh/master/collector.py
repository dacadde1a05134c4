"""All the values of a call, collected as they come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nws.errors import SleighCancelledException, SleighTaskException
from nws.sleigh.master.engine import LOOK_SECONDS
from nws.sleigh.master.progress import Progress
from nws.sleigh.master.run import Run, Values

__all__ = ["Accumulator", "Collector"]

Accumulator = Callable[[list[Any], list[int]], Any]


class Collector:
    """The values of a run, by element."""

    def __init__(
        self,
        run: Run,
        accumulator: Accumulator | None,
        progress: Progress,
        total: int | None,
        *,
        raising: bool,
    ) -> None:
        """Collect.

        Args:
            run: the call.
            accumulator: is given the values and their elements; None to return a list.
            progress: is told how many values have come.
            total: how many there will be, if that is known.
            raising: raise the exception of the first element that fails.
        """
        self.run = run
        self._accumulator = accumulator
        self._progress = progress
        self._total = total
        self._raising = raising
        self._values: dict[int, Any] = {}

    def take(self, timeout: float) -> bool:
        """Take what has come back; wait up to ``timeout`` seconds for the first of it. Tell whether
        there was anything."""
        collected = self.run.collect(timeout)
        for each in collected:
            if self._raising and self.run.state.failed:
                _raise_first_failure(each)
            if self._accumulator is None:
                self._values.update(zip(each.elements, each.values, strict=True))
            else:
                self._accumulator(each.values, each.elements)
            self._progress(self.run.state.arrived, self._total)
        return bool(collected)

    def all(self) -> list[Any] | None:
        """Wait for all values and return them in order; None if they went to an accumulator.

        Raises:
            SleighCancelledException: another thread has cancelled the call.
            Exception: see `Run.collect`.
        """
        run = self.run
        self._progress(run.state.arrived, self._total)
        while not run.over:
            self.take(LOOK_SECONDS)
            run.submit()
        if run.state.cancelled:
            raise SleighCancelledException(
                f"call {run.state.number} was cancelled by another thread before it was done"
            )
        run.await_lines()
        if self._accumulator is not None:
            return None
        return [self._values[element] for element in range(run.submitted)]


def _raise_first_failure(values: Values) -> None:
    for value in values.values:
        if isinstance(value, SleighTaskException):
            raise value
