"""A call that was not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final

from nws.errors import SleighGatheredException
from nws.sleigh.master.aside import CallAside
from nws.sleigh.master.collector import Collector
from nws.sleigh.master.error_scope import ErrorScope
from nws.sleigh.master.run import Run

__all__ = ["SleighPending"]

_NEXT_RESULTS_SECONDS: Final = 0.05
"""In which the server sends further results, if it has any."""

_MAX_CHECK_SECONDS: Final = 0.5
"""A check does not last longer while more and more results arrive."""


class SleighPending:
    """An `eachElem` or `eachWorker` under way, from a call with ``blocking=False``.

    The sleigh is occupied until `wait` has returned, `cancel` was called, or this object is not
    referred to any more. A coroutine of asyncio can await it, as `wait` with a thread aside; one
    that is cancelled then leaves the call under way.
    """

    def __init__(self, collector: Collector, scope: Callable[[Run], ErrorScope]) -> None:
        """Made by the methods of `nws.sleigh.Sleigh`."""
        self._collector = collector
        self._scope = scope
        self._gathered = False
        self._waiting = CallAside[list[Any] | None]()
        collector.run.publish()  # nobody waits, so others may want to know

    def check(self) -> int:
        """Return how many elements are not done yet.

        Raises:
            SleighException: as `eachElem` does.
        """
        run = self._collector.run
        if not run.over:
            with self._scope(run):
                end = time.monotonic() + _MAX_CHECK_SECONDS
                more = self._collector.take(0.0)
                while more and not self._collector.run.over and time.monotonic() < end:
                    more = self._collector.take(_NEXT_RESULTS_SECONDS)
        return self._left

    def wait(self) -> list[Any] | None:
        """Wait for all results and return them as `eachElem` does.

        Raises:
            SleighGatheredException: they were returned before, or the call was cancelled.
            SleighCancelledException: another thread has cancelled the call meanwhile.
            SleighException: as `eachElem` does.
        """
        if self._gathered:
            raise SleighGatheredException("the results of this call were gathered already")
        self._gathered = True
        with self._scope(self._collector.run):
            return self._collector.all()

    def __await__(self) -> Generator[Any, Any, list[Any] | None]:
        return self._waiting.result(self.wait).__await__()

    def cancel(self) -> None:
        """Drop the call. Elements that run are stopped: workers that do not end them within a
        quarter of a second are killed and replaced."""
        self._gathered = True
        with self._scope(self._collector.run):
            self._collector.run.cancel()

    @property
    def _left(self) -> int:
        state = self._collector.run.state
        return state.submitted - state.arrived

    def __str__(self) -> str:
        return f"SleighPending({self._left} of {self._collector.run.submitted} to do)"

    __repr__ = __str__
