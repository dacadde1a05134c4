"""Requests to the inspector have their share of the server's time, however many come at once."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.web.server import Request

from nws_server.web.request_queue import RequestQueue


class Slow:
    """Stands for what responds: each response takes a tenth of a second.

    Attributes:
        done: the requests that were responded to.
        at_end: called at the end of each.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.done: list[object] = []
        self.queue = RequestQueue(self.clock, self.respond)
        self.next: list[object] = []

    def respond(self, request: Request) -> None:
        self.clock.rightNow += 0.1
        self.done.append(request)
        if self.next:
            self.add(self.next.pop(0))

    def add(self, request: object) -> None:
        self.queue.add(cast(Any, request))


def test_a_first_request_is_responded_to_at_once() -> None:
    slow = Slow()
    slow.add(1)
    assert slow.done == [1]


def test_there_is_a_pause_behind_each() -> None:
    slow = Slow()
    for number in range(4):
        slow.add(number)
    assert slow.done == [0]
    slow.clock.advance(0.19)
    assert slow.done == [0]
    slow.clock.advance(0.02)
    assert slow.done == [0, 1]
    while slow.clock.getDelayedCalls():
        slow.clock.advance(0.05)
    assert slow.done == [0, 1, 2, 3]
    assert slow.clock.seconds() > 3 * 0.4, "they took less than half of the time"


def test_requests_that_come_with_the_end_of_others_wait_too() -> None:
    slow = Slow()
    slow.next = [2, 3]
    slow.add(1)
    assert slow.done == [1]
    slow.clock.advance(0.3)
    assert slow.done == [1, 2]


def test_nothing_comes_after_the_end() -> None:
    slow = Slow()
    slow.add(1)
    slow.add(2)
    slow.queue.stop()
    slow.clock.advance(10)
    assert slow.done == [1]
    assert not slow.clock.getDelayedCalls()
