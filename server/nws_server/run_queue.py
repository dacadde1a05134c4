"""The order in which connections go on that have requests in hand.

An operation of one connection may let another one go on. That one is queued, and served when the
operation is over, never from inside it; so no chain of wake-ups can nest.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Ready(Protocol):
    """A connection, or whatever else can go on."""

    def go_on(self) -> None:
        """Do what can be done now."""


class RunQueue:
    """First come, first served.

    Attributes:
        ready: who can go on; mostly connections that have requests in hand.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.ready: deque[Ready] = deque()
        self._draining = False

    def drain(self) -> None:
        """Let everybody go on, also those who join meanwhile. Does nothing from inside itself."""
        if self._draining:
            return
        self._draining = True
        try:
            while self.ready:
                self.ready.popleft().go_on()
        finally:
            self._draining = False
