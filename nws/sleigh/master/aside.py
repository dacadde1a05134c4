"""A call that waits, for coroutines of asyncio: it runs on a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import Future

__all__ = ["CallAside"]

R = TypeVar("R")


class CallAside(Generic[R]):
    """A call whose result is given to one coroutine. If that is cancelled, the call goes on, and
    who asks next is given its result; so none is lost.

    It keeps no reference to its owner while nobody waits: calls that nobody refers to are dropped.
    """

    _under_way: Future[R] | None = None

    async def result(self, call: Callable[[], R]) -> R:
        """Make the call, unless it is under way, and wait for its result."""
        import asyncio  # takes 30 ms, which no other program should wait for

        if self._under_way is None:
            self._under_way = asyncio.get_running_loop().run_in_executor(None, call)
        future = self._under_way
        await asyncio.wait([future])
        self._under_way = None
        return future.result()
