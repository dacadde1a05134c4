"""A call that was not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from nws.errors import SleighGatheredException
from nws.sleigh.master.collector import Collector
from nws.sleigh.master.error_scope import ErrorScope
from nws.sleigh.master.run import Run

__all__ = ["SleighPending"]

_NEXT: Final = 0.01
"""Seconds in which the server sends further results, if it has any."""

_MORE: Final = 0.1
"""Seconds. A look does not last longer while more and more comes."""


class SleighPending:
    """An `eachElem` or `eachWorker` under way, from a call with ``blocking=False``.

    The sleigh is occupied until `wait` has returned, `cancel` was called, or this object is not
    referred to any more.
    """

    def __init__(self, gathering: Collector, guard: Callable[[Run], ErrorScope]) -> None:
        """Made by the methods of `nws.sleigh.Sleigh`."""
        self._gathering = gathering
        self._scope = guard
        self._gathered = False
        gathering.run.report()  # nobody waits, so others may want to know

    def check(self) -> int:
        """Return how many elements are not done yet.

        Raises:
            SleighException: as `eachElem` does.
        """
        run = self._gathering.run
        if not run.over:
            with self._scope(run):
                end = time.monotonic() + _MORE
                more = self._gathering.take(0.0)
                while more and not self._gathering.run.over and time.monotonic() < end:
                    more = self._gathering.take(_NEXT)
        return run.submitted - run.arrived

    def wait(self) -> list[Any] | None:
        """Wait for all results and return them as `eachElem` does.

        Raises:
            SleighGatheredException: they were returned before, or the call was cancelled.
            SleighException: as `eachElem` does.
        """
        if self._gathered:
            raise SleighGatheredException("the results of this call were gathered already")
        self._gathered = True
        with self._scope(self._gathering.run):
            return self._gathering.all()

    def cancel(self) -> None:
        """Drop the call. Elements that run are stopped: workers that do not end them within a
        quarter of a second are killed and replaced."""
        self._gathered = True
        with self._scope(self._gathering.run):
            self._gathering.run.cancel()

    def __str__(self) -> str:
        run = self._gathering.run
        return f"SleighPending({run.submitted - run.arrived} of {run.submitted} to do)"

    __repr__ = __str__
