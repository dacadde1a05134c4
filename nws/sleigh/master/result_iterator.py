"""Results of a call one after the other, while others are still being computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from nws.errors import SleighTaskException
from nws.sleigh.master.aside import CallAside
from nws.sleigh.master.engine import LOOK_SECONDS
from nws.sleigh.master.error_scope import ErrorScope
from nws.sleigh.master.run import Run, Values
from nws.sleigh.master.window import Window

__all__ = ["SleighResultIterator"]

_END: Final = object()


class SleighResultIterator:
    """Results in the order of the elements; made by `nws.sleigh.Sleigh.imap` and ``starmap``.

    An element that failed is a SleighTaskException object, unless the call was made with
    ``raising=True``. What the iterable raises, or that the arguments of an element cannot be
    pickled, is raised after the results of the elements before. The sleigh is occupied until the
    last result was returned, or `stop` was called, or this object is no longer referred to.

    It is for ``async for`` of asyncio too; a thread waits then. A coroutine that is cancelled
    leaves it where it was; call `stop` if nobody goes on.
    """

    def __init__(
        self, run: Run, window: Window, scope: Callable[[Run], ErrorScope], *, raising: bool
    ) -> None:
        """Made by the methods of `nws.sleigh.Sleigh`."""
        self._run = run
        self._window = window
        self._scope = scope
        self._raising = raising
        self._ready = deque[Any]()  # values that come next, in order
        self._ahead: dict[int, Any] = {}  # values behind one that has not come yet
        self._returned = 0
        self._submit_at = 0
        self._stopped = False
        self._shut_down = False
        self._waiting = CallAside[Any]()

    @property
    def returned(self) -> int:
        """How many results were returned."""
        return self._returned

    @property
    def buffered(self) -> int:
        """How many results have arrived but were not returned yet."""
        return len(self._ready) + len(self._ahead)

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
        try:
            while not self._ready:
                self._advance()
            if self._returned >= self._submit_at or len(self._ready) == 1:
                self._submit_more(self.buffered - 1)  # first: what it raises costs no result
            self._returned += 1
            value = self._ready.popleft()
        except Exception:
            raise
        except BaseException:
            self.stop()  # as a generator ends: Ctrl-C may have cost a value
            raise
        if self._raising and isinstance(value, SleighTaskException):
            self.stop()
            raise value
        return value

    def __aiter__(self) -> SleighResultIterator:
        return self

    async def __anext__(self) -> Any:
        if len(self._ready) > 1 and self._returned < self._submit_at:
            return next(self)  # which waits for nothing
        value = await self._waiting.result(self._next_or_end)
        if value is _END:
            raise StopAsyncIteration
        return value

    def _next_or_end(self) -> Any:
        return next(self, _END)

    def _advance(self) -> None:
        """Wait for results."""
        if self._stopped:
            raise StopIteration
        if self._run.over or (self._shut_down and self._returned >= self.submitted):
            self._end()
            raise StopIteration
        self._submit_more(self.buffered)
        with self._scope(self._run):
            for values in self._run.collect(LOOK_SECONDS):
                self._sort(values)

    def _sort(self, values: Values) -> None:
        """Put values that come next behind those that are ready."""
        following = self._returned + len(self._ready)
        if values.elements[0] == following and values.elements[-1] - following < len(values.values):
            self._ready.extend(values.values)
        else:
            self._ahead.update(zip(values.elements, values.values, strict=True))
        ready, ahead = self._ready, self._ahead
        if ahead:
            following = self._returned + len(ready)
            while following in ahead:
                ready.append(ahead.pop(following))
                following += 1

    def _end(self) -> None:
        if not self._run.over:
            self.stop()
            return
        self._stopped = True
        self._run.await_lines()
        if self._run.problem is not None:
            raise self._run.problem

    def _submit_more(self, unread: int) -> None:
        self._submit_at = self._returned + self._window.stride
        if not self._shut_down and not self._run.exhausted:
            with self._scope(self._run):
                self._run.submit_up_to_problem(unread)

    def shutdown(self) -> None:
        """Submit no more elements; results of those that were submitted are still returned."""
        self._shut_down = True

    def stop(self) -> None:
        """Drop all that was not returned yet. Elements that run are stopped as by
        `SleighPending.cancel`. The sleigh is free for the next call. The input is let go of, soon
        after this returns: a generator that nobody else has is closed."""
        self._stopped = True
        self._ready.clear()
        self._ahead.clear()
        self._run.cancel()
