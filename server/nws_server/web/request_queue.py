"""The order in which requests are responded to, and their share of the server's time.

Requests that come one behind the other on a connection, or on many, are not responded to in one go:
clients of the space have their turn in between, and at least half of the time if they use it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.web.server import Request

__all__ = ["RequestQueue"]


class RequestQueue:
    """First come, first served. After each the reactor has a turn; if a client of the space was
    served in it, the next request waits for as long as the last one took."""

    def __init__(
        self, reactor: Any, respond: Callable[[Request], None], last_served: Callable[[], float]
    ) -> None:
        """Begin without requests.

        Args:
            reactor: for turns and pauses.
            respond: responds to a request, and does not wait for anything.
            last_served: tells when a client of the space was last served, by any clock.
        """
        self._reactor = reactor
        self._respond = respond
        self._last_served = last_served
        self._waiting: deque[Request] = deque()
        self._next: IDelayedCall | None = None
        self._responding = False

    def add(self, request: Request) -> None:
        """Respond to a request, at once if that is possible."""
        self._waiting.append(request)
        if self._next is None and not self._responding:
            self._go_on()

    def stop(self) -> None:
        """Respond to nothing more."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go_on(self) -> None:
        """Respond to the next request. If that took time, give the reactor a turn."""
        self._next = None
        while self._waiting and self._next is None:
            begin = self._reactor.seconds()
            self._responding = True  # the end of one request may bring the next one
            try:
                self._respond(self._waiting.popleft())
            finally:
                self._responding = False
            if busy := self._reactor.seconds() - begin:
                before = self._last_served()
                self._next = self._reactor.callLater(0, self._after_turn, busy, before)

    def _after_turn(self, busy: float, last_served: float) -> None:
        """Go on, after a pause if somebody else had something to do."""
        if self._last_served() != last_served:
            self._next = self._reactor.callLater(busy, self._go_on)
        else:
            self._go_on()
