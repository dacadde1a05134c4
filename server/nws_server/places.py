"""The places of a server's connections: up to a number of them, and some that are reserved.

Who comes into a reserved place can do what an operator needs, and is told why nothing else (see
`nws_server.operations`). When a quarter of these are taken, the one that came first is dropped
for each that comes: so there is always a place for a moment, also in a crowd of clients. The others
are for those that come before the dropped ones are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

__all__ = ["Places"]


class Occupant(Protocol):
    """A connection."""

    def lose_place(self) -> None:
        """End, because another one has come."""


C = TypeVar("C", bound=Occupant)


class Places(Generic[C]):
    """Who has a place; a connection keeps one until it has ended."""

    def __init__(self, bound: int, reserved: int) -> None:
        """Begin with none taken.

        Args:
            bound: how many there are.
            reserved: how many there are beyond those.
        """
        self._bound = bound
        self._reserved = reserved
        self._count = 0  # with those that were dropped, and have not ended yet
        self._regular: set[C] = set()
        self._in_reserve: dict[C, None] = {}  # in the order in which they came

    def __iter__(self) -> Iterator[C]:
        """Yield those that have a place, but for those that were dropped."""
        return iter([*self._regular, *self._in_reserve])

    @property
    def are_taken(self) -> bool:
        """Whether nobody else can have one."""
        return self._count >= self._bound + self._reserved

    def give(self, connection: C) -> bool:
        """Give one to a new connection; return False if it is a reserved one."""
        self._count += 1
        if len(self._regular) < self._bound:
            self._regular.add(connection)
            return True
        self._in_reserve[connection] = None
        if len(self._regular) + len(self._in_reserve) > self._bound + self._reserved // 4:
            first = next(iter(self._in_reserve))
            del self._in_reserve[first]
            first.lose_place()
        return False

    def keep(self, connection: C) -> None:
        """Let a connection stay that came into a reserved place."""
        if connection in self._in_reserve:
            del self._in_reserve[connection]
            self._regular.add(connection)

    def leave(self, connection: C) -> None:
        """Forget a connection that has ended."""
        self._count -= 1
        self._regular.discard(connection)
        self._in_reserve.pop(connection, None)
