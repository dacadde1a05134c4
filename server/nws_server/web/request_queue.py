"""The order in which requests are responded to, and their share of the server's time.

Requests that come one behind the other on a connection, or on many, are not responded to in one go:
clients of the space have their turn in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.web.server import Request

from nws_server.web.duty_cycle import DutyCycle

__all__ = ["RequestQueue"]

_DUTY_CYCLE: Final = DutyCycle(1 / 2)


class RequestQueue:
    """First come, first served, with a pause after each that took time."""

    def __init__(self, reactor: Any, respond: Callable[[Request], None]) -> None:
        """Respond to requests by this function, which does not wait for anything."""
        self._reactor = reactor
        self._respond = respond
        self._waiting: deque[Request] = deque()
        self._pause: IDelayedCall | None = None
        self._responding = False

    def add(self, request: Request) -> None:
        """Respond to a request, at once if that is possible."""
        self._waiting.append(request)
        if self._pause is None and not self._responding:
            self._go_on()

    def stop(self) -> None:
        """Respond to nothing more."""
        self._waiting.clear()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _go_on(self) -> None:
        self._pause = None
        while self._waiting and self._pause is None:
            begin = self._reactor.seconds()
            self._responding = True  # the end of one request may bring the next one
            try:
                self._respond(self._waiting.popleft())
            finally:
                self._responding = False
            busy = self._reactor.seconds() - begin
            if busy > 0:
                pause = _DUTY_CYCLE.pause_after(busy)
                self._pause = self._reactor.callLater(pause, self._go_on)
