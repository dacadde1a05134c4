"""Connections that have not said who they are yet: how many of them there may be.

Each takes a place among those for clients, and anybody can have one. So there is a bound, far above
what clients need that come at once. Beyond it whoever came first goes: a client needs some
milliseconds, and who is after places stays as long as it can. Programs of the server's user do not
count, as far as the system tells: thousands of workers may start on a machine that is busy.
"""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["MIN_BOUND", "Unfinished", "Unknown", "bound_for"]

MIN_BOUND: Final = 100

_PLACES_PART: Final = 10
"""One place in ten may be taken by those who have not said who they are."""


class Unknown(Protocol):
    """A connection whose handshake is not over."""

    @property
    def is_of_own_user(self) -> bool:
        """Whether the system knows it to be of the server's user."""

    def give_way(self) -> None:
        """End, because there are too many."""


class Unfinished:
    """The connections of one server whose handshake is not over."""

    def __init__(self, bound: int) -> None:
        """Begin with none.

        Args:
            bound: how many there may be.
        """
        self._bound = bound
        self._waiting: dict[Unknown, None] = {}  # in the order in which they came

    def enter(self, connection: Unknown) -> None:
        """Add one that has come. If there are too many, end the one that came first."""
        self._waiting[connection] = None
        while len(self._waiting) > self._bound:
            first = next(iter(self._waiting))
            del self._waiting[first]
            if not first.is_of_own_user:
                first.give_way()

    def leave(self, connection: Unknown) -> None:
        """Forget one that has said who it is, or has ended."""
        self._waiting.pop(connection, None)


def bound_for(max_connections: int) -> int:
    """Return the bound of a server that takes ``max_connections`` clients."""
    return max(MIN_BOUND, max_connections // _PLACES_PART)
