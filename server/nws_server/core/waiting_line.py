"""A fair line: first come, first served, and anyone may leave at any time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

_T = TypeVar("_T")


class WaitingLine(OrderedDict[_T, None]):
    """Members in the order in which they joined. Joining and leaving cost O(1).

    It is an OrderedDict because that is a linked list with an index: a plain dict would have to
    step over the places of all who left the front.
    """

    __slots__ = ()

    def join(self, member: _T) -> None:
        """Add a member at the end."""
        self[member] = None

    def leave(self, member: _T) -> None:
        """Remove a member, wherever it stands."""
        del self[member]

    def first(self) -> _T:
        """Return the member that joined first. The line may not be empty."""
        return next(iter(self))
