"""Objects whose coroutines are started at once and give Deferreds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from nws.nonblocking.iterators import LoopValueIterator
from nws.nonblocking.streams import LoopInbox, LoopOutbox, LoopWatch
from nws.nonblocking.textfile import LoopTextFile

__all__ = ["Deferring", "Inbox", "Outbox", "TextFile", "ValueIterator", "Watch", "deferred"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Deferring(Generic[T]):
    """Stands before an object with coroutines."""

    def __init__(self, inner: T) -> None:
        """Take the object."""
        self._inner = inner


def deferred(
    method: Callable[Concatenate[T, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Deferring[T], P], Deferred[R]]:
    """Return the method that starts a coroutine of the inner object. To cancel the Deferred cancels
    what the coroutine waits for."""

    def start(self: Deferring[T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        return Deferred.fromCoroutine(method(self._inner, *args, **kwargs))

    update_wrapper(start, method)
    return start


class ValueIterator(Deferring[LoopValueIterator]):
    """Goes through the values of a fifo or single variable; see `nws.client.NwsValueIterator`.

    `next` gives the next value, or fails with StopAsyncIteration. In a coroutine, use
    ``async for``.
    """

    next = deferred(LoopValueIterator.__anext__)
    writeTo = deferred(LoopValueIterator.writeTo)

    def __aiter__(self) -> ValueIterator:
        return self

    def __anext__(self) -> Deferred[Any]:
        return self.next()

    def restart(self) -> None:
        """Go on behind the last value, after the iterator has ended."""
        self._inner.restart()

    def reset(self) -> None:
        """Begin again with the first value."""
        self._inner.reset()


class TextFile(Deferring[LoopTextFile]):
    """Lines of text in a fifo variable; see `nws.client.NwsTextFile`."""

    read = deferred(LoopTextFile.read)
    readline = deferred(LoopTextFile.readline)
    write = deferred(LoopTextFile.write)
    flush = deferred(LoopTextFile.flush)
    close = deferred(LoopTextFile.close)
    next = deferred(LoopTextFile.__anext__)

    @property
    def name(self) -> str:
        """Of the variable."""
        return self._inner.name

    @property
    def mode(self) -> str:
        """``r``, ``w`` or ``a``."""
        return self._inner.mode

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._inner.closed

    def __aiter__(self) -> TextFile:
        return self

    def __anext__(self) -> Deferred[str]:
        return self.next()

    async def __aenter__(self) -> TextFile:
        return self

    def __aexit__(self, *exception: object) -> Deferred[None]:
        return self.close()


class Watch(Deferring[LoopWatch]):
    """The values of a variable, each seen once and left there; see `ValueIterator`."""

    next = deferred(LoopWatch.__anext__)

    def __aiter__(self) -> Watch:
        return self

    def __anext__(self) -> Deferred[Any]:
        return self.next()

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()


class Inbox(Deferring[LoopInbox]):
    """The values of a variable, fetched as they come; see `ValueIterator`."""

    take = deferred(LoopInbox.take)
    next = deferred(LoopInbox.__anext__)

    def __aiter__(self) -> Inbox:
        return self

    def __anext__(self) -> Deferred[Any]:
        return self.next()

    def close(self) -> None:
        """Close the connection. What has come and was not taken goes back."""
        self._inner.close()


class Outbox(Deferring[LoopOutbox]):
    """Values that are stored without waiting for each reply."""

    store = deferred(LoopOutbox.store)
    confirm = deferred(LoopOutbox.confirm)

    def indexes(self) -> list[int]:
        """Return the indexes of the values that were confirmed last, in the order of the stores;
        none unless they were stored ``numbered``."""
        return self._inner.indexes()

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()
