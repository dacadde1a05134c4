"""Tells which clients do not read what they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

__all__ = ["Sending", "SlowClients"]


class Sending(Protocol):
    """A connection to a client."""

    @property
    def unsent(self) -> object:
        """What the client has still to take, in a form that can be compared; None for nothing."""


C = TypeVar("C", bound=Sending)


class SlowClients(Generic[C]):
    """The clients of one server that have taken nothing between two looks."""

    def __init__(self) -> None:
        self._unsent: dict[C, object] = {}
        self._slow: set[C] = set()

    def look(self, clients: Iterable[C]) -> list[C]:
        """Return the clients that have taken nothing since the look before, though there was
        something to take; each once, until it reads again."""
        now = {each: unsent for each in clients if (unsent := each.unsent) is not None}
        slow = {each for each, unsent in now.items() if self._unsent.get(each) == unsent}
        new = [each for each in slow if each not in self._slow]
        self._unsent, self._slow = now, slow
        return new
