"""Taking things from a deque that two threads take from: each is taken by one of them only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["taken", "taken_from_the_end"]

T = TypeVar("T")


def taken(waiting: deque[T]) -> Iterator[T]:
    """Take one after the other from the front."""
    while waiting:  # to find that out by the exception takes as long as the rest
        try:
            thing = waiting.popleft()
        except IndexError:
            return
        yield thing


def taken_from_the_end(waiting: deque[T]) -> Sequence[T]:
    """Take all that the other thread does not take from the front meanwhile."""
    things: deque[T] = deque()
    while True:
        try:
            things.appendleft(waiting.pop())
        except IndexError:
            return things
