"""The inspector as a client of the space: nothing is left of it, whatever is cancelled and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.hub import Hub
from nws_server.web.local_client import Fetched, LocalClient, OperationFailed
from tests.support.clients import WS, Client, Company
from tests.support.values import text_value


class Place:
    """A space, its hub, the inspector's client and another one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.space = MemorySpace()
        self.hub = Hub(self.space, clock=lambda: self.now)
        self.local = LocalClient(self.hub)
        self.company = Company(self.space)
        self.client: Client = self.company.client()
        self.client.store(b"full", b"v")
        self.client.declare_var(b"empty", b"fifo")

    def payloads(self, var: bytes) -> list[object]:
        return [value.payload for value in self.space.views.values(WS, var, 0, 100)]


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.company.check()


def outcome(deferred: Deferred[Any]) -> Any:
    """Return what has come of an operation; None if it waits or has nothing to say."""
    found: list[Any] = []
    deferred.addErrback(lambda failure: failure.value).addCallback(found.append)
    return found[0] if found else None


def test_operations_are_done_at_once(place: Place) -> None:
    local = place.local
    place.now = 7.0
    assert outcome(local.make(b"new")) is None
    view = place.space.views.workspace(b"new")
    assert view is not None
    assert (view.created, view.owner) == (7.0, b"")
    assert outcome(local.store(WS, b"x", text_value(b"1"))) is None
    assert outcome(local.fetch(WS, b"x")).value.payload == b"1"
    outcome(local.declare(WS, b"y", b"lifo"))
    found = place.space.views.variable(WS, b"y")
    assert found is not None
    assert found.mode == b"lifo"
    outcome(local.delete_variable(WS, b"y"))
    assert place.space.views.variable(WS, b"y") is None
    outcome(local.delete_workspace(b"new"))
    assert place.space.views.workspace(b"new") is None


@pytest.mark.parametrize("name", ["store", "fetch", "await_value", "delete_workspace", "declare"])
def test_a_workspace_that_is_not_there_is_not_made(place: Place, name: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "store": (b"x", text_value(b"")),
        "fetch": (b"x",),
        "await_value": (b"x",),
        "delete_workspace": (),
        "declare": (b"x", b"fifo"),
    }
    failed = outcome(getattr(place.local, name)(b"none", *arguments[name]))
    assert isinstance(failed, OperationFailed)
    assert "there is no workspace 'none'" in str(failed)
    assert place.space.views.workspace(b"none") is None


def test_waiting_ends_with_a_value_or_the_end_of_the_variable(place: Place) -> None:
    waits = place.local.await_value(WS, b"empty")
    place.client.store(b"empty", b"v")
    place.hub.run_queue.drain()
    assert outcome(waits).value.payload == b"v"
    waits = place.local.await_value(WS, b"empty")
    place.client.delete_var(b"empty")
    place.hub.run_queue.drain()
    assert isinstance(outcome(waits), OperationFailed)


OPERATIONS: dict[str, Callable[[LocalClient], Deferred[Any]]] = {
    "make": lambda local: local.make(b"made"),
    "store": lambda local: local.store(WS, b"x", text_value(b"stored")),
    "fetch": lambda local: local.fetch(WS, b"full"),
    "fetch nothing": lambda local: local.fetch(WS, b"empty"),
    "await": lambda local: local.await_value(WS, b"empty"),
    "await what is there": lambda local: local.await_value(WS, b"full"),
    "declare": lambda local: local.declare(WS, b"x", b"single"),
    "delete variable": lambda local: local.delete_variable(WS, b"full"),
    "delete workspace": lambda local: local.delete_workspace(b"other"),
}


class Canceller:
    """Cancels an operation after ``turns`` turns of the run queue."""

    def __init__(self, place: Place, turns: int) -> None:
        self._place = place
        self._turns = turns
        self.deferred: Deferred[Any] | None = None
        place.hub.run_queue.ready.append(self)

    def go_on(self) -> None:
        self._turns -= 1
        if self._turns < 0 and self.deferred is not None:
            self.deferred.cancel()
        elif self._turns > -20:
            self._place.hub.run_queue.ready.append(self)


class Beginner:
    """Begins an operation while the hub is at work, so that its answer does not come at once."""

    def __init__(
        self, place: Place, operation: Callable[[LocalClient], Deferred[Any]], turns: int
    ) -> None:
        self._place = place
        self._operation = operation
        self._turns = turns
        self.results: list[Any] = []

    def go_on(self) -> None:
        canceller = Canceller(self._place, self._turns)
        canceller.deferred = deferred = self._operation(self._place.local)
        deferred.addBoth(self.results.append)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("turns", range(6))
def test_cancelling_at_any_point_loses_nothing(place: Place, name: str, turns: int) -> None:
    place.company.stranger().use_ws(b"other")
    beginner = Beginner(place, OPERATIONS[name], turns)
    place.hub.run_queue.ready.append(beginner)
    place.hub.run_queue.drain()
    check_invariants(place.space)
    (result,) = beginner.results
    if isinstance(result, Fetched):
        assert place.payloads(b"full") == []
    elif name in ("fetch", "await what is there"):
        assert result.check(CancelledError)
        assert place.payloads(b"full") == [b"v"]
    assert place.space.books.waiting == 0
    place.client.store(b"empty", b"later")
    assert place.payloads(b"empty") == [b"later"]


def test_a_value_that_comes_as_its_waiter_is_cancelled_comes_back(place: Place) -> None:
    place.client.store(b"empty", b"first")
    for moment in range(4):
        waits = place.local.await_value(WS, b"other")
        canceller = Canceller(place, moment)
        canceller.deferred = waits
        waits.addErrback(lambda failure: failure.trap(CancelledError))
        place.client.store(b"other", b"v")
        place.hub.run_queue.drain()
        check_invariants(place.space)
        held = place.payloads(b"other")
        assert held in ([b"v"], [])
        assert held == [b"v"] or moment > 0
        place.client.delete_var(b"other")


def test_a_value_can_be_put_back_unless_its_variable_is_gone(place: Place) -> None:
    fetched = outcome(place.local.fetch(WS, b"full"))
    place.local.put_back(fetched)
    assert place.payloads(b"full") == [b"v"]
    fetched = outcome(place.local.fetch(WS, b"full"))
    waiter = place.client.fetch(b"full", wait=True)
    place.local.put_back(fetched)
    assert waiter.values_got[0].payload == b"v"
    place.client.put_back(waiter)
    fetched = outcome(place.local.fetch(WS, b"full"))
    place.client.delete_var(b"full")
    place.local.put_back(fetched)
    assert place.space.views.variable(WS, b"full") is None
