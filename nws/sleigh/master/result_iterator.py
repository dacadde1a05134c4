"""Results of a call one after the other, while others are still worked on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nws.sleigh.master.collector import Collect
from nws.sleigh.master.run import WATCH, Run

__all__ = ["SleighResultIterator"]


class SleighResultIterator:
    """Results in the order of the elements; made by `nws.sleigh.Sleigh.imap` and ``starmap``.

    An element that failed is a SleighTaskException object. What the iterable raises, or that the
    arguments of an element cannot be pickled, is raised behind the results of those before. The
    sleigh is occupied until the last result was returned, or `stop` was called, or this object is
    no longer referred to.
    """

    def __init__(self, run: Run, collect: Collect, submit: Callable[[Run, int], None]) -> None:
        """Made by the methods of `nws.sleigh.Sleigh`."""
        self._run = run
        self._collect = collect
        self._submit = submit
        self._waiting: dict[int, Any] = {}
        self._returned = 0
        self._stopped = False
        self._shut_down = False

    @property
    def returned(self) -> int:
        """How many results were returned."""
        return self._returned

    @property
    def buffered(self) -> int:
        """How many results have arrived but were not returned yet."""
        return len(self._waiting)

    @property
    def submitted(self) -> int:
        """How many elements were submitted."""
        return self._run.submitted

    @property
    def stopped(self) -> bool:
        """Whether there are no more results."""
        return self._stopped

    def __iter__(self) -> SleighResultIterator:
        return self

    def __next__(self) -> Any:
        while not self._stopped:
            if self._returned in self._waiting:
                return self._return_next()
            if self._run.over or (self._shut_down and self._returned >= self.submitted):
                self._end()
                break
            self._submit_more(self.buffered)
            for values, tags in self._collect(self._run, WATCH):
                self._waiting.update(zip(tags, values, strict=True))
        raise StopIteration

    def _end(self) -> None:
        if not self._run.over:
            self.stop()
            return
        self._stopped = True
        self._run.finish()
        if self._run.problem is not None:
            raise self._run.problem

    def _return_next(self) -> Any:
        # Not for each one: a message for several costs less for each. And first, for an exception
        # must not cost a result.
        if self.buffered == 1 or self._returned % 8 == 7:
            self._submit_more(self.buffered - 1)
        self._returned += 1
        return self._waiting.pop(self._returned - 1)

    def _submit_more(self, unread: int) -> None:
        if not self._shut_down and not self._run.exhausted:
            self._submit(self._run, unread)

    def shutdown(self) -> None:
        """Submit no more elements; what was submitted can still be had."""
        self._shut_down = True

    def stop(self) -> None:
        """Drop all that was not returned yet. Elements that run are stopped as by
        `SleighPending.cancel`. The sleigh is free for the next call."""
        self._stopped = True
        self._waiting.clear()
        self._run.cancel()
