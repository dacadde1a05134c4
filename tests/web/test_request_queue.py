"""Requests to the inspector have their share of the server's time, however many come at once."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from twisted.web.server import Request

from nws_server.web.request_queue import RequestQueue


class Slow:
    """Stands for what responds: each response takes a tenth of a second.

    Attributes:
        done: the requests that were responded to.
        crowded: whether clients of the space are served in every turn of the reactor.
        next: requests that come with the end of others.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.done: list[object] = []
        self.crowded = False
        self._turns = count()
        self.queue = RequestQueue(self.clock, self.respond, self._last_served)
        self.next: list[object] = []

    def respond(self, request: Request) -> None:
        self.clock.rightNow += 0.1
        self.done.append(request)
        if self.next:
            self.add(self.next.pop(0))

    def add(self, request: object) -> None:
        self.queue.add(cast(Any, request))

    def _last_served(self) -> float:
        return next(self._turns) if self.crowded else 0.0


def test_a_first_request_is_responded_to_at_once() -> None:
    slow = Slow()
    slow.add(1)
    assert slow.done == [1]


def test_the_reactor_has_a_turn_behind_each() -> None:
    slow = Slow()
    for number in range(4):
        slow.add(number)
    assert slow.done == [0]
    slow.clock.advance(0)
    assert slow.done == [0, 1, 2, 3]
    assert slow.clock.seconds() == pytest.approx(0.4), "nobody else had anything to do"


def test_a_pause_follows_when_a_client_was_served() -> None:
    slow = Slow()
    slow.crowded = True
    for number in range(4):
        slow.add(number)
    slow.clock.advance(0)
    slow.clock.advance(0.09)
    assert slow.done == [0]
    slow.clock.advance(0.02)
    assert slow.done == [0, 1]
    while slow.clock.getDelayedCalls():
        slow.clock.advance(0.05)
    assert slow.done == [0, 1, 2, 3]
    assert slow.clock.seconds() > 4 * 0.2, "they took at most half of the time"


def test_requests_that_come_with_the_end_of_others_wait_too() -> None:
    slow = Slow()
    slow.next = [2, 3]
    slow.add(1)
    assert slow.done == [1]
    slow.clock.advance(0)
    assert slow.done == [1, 2, 3]


def test_nothing_comes_after_the_end() -> None:
    slow = Slow()
    slow.add(1)
    slow.add(2)
    slow.queue.stop()
    slow.clock.advance(10)
    assert slow.done == [1]
    assert not slow.clock.getDelayedCalls()
