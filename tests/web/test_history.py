"""Samples of a server, with a clock that is moved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from twisted.internet.task import Clock

from nws_server.core.memory import MemorySpace
from nws_server.core.space import Waiter
from nws_server.hub import Hub
from nws_server.web.history import History
from tests.support.clients import WS, Client, Company


@dataclass(eq=False)
class Connection:
    """A connection, as far as the hub knows it."""

    peer: bytes = b"host:1"
    identity: str = ""
    since: float = 0.0
    performed: int = 0
    received: int = 0
    sent: int = 0
    waiter: Waiter | None = None

    def go_on(self) -> None:
        """Nothing is in hand."""


class Watched:
    """A space with its history."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.space = MemorySpace()
        self.company = Company(self.space)
        self.hub = Hub(self.space, clock=self.clock.seconds)
        self.history = History(self.hub)
        self.client: Client = self.company.client()

    def sample(self, after: float = 2.0) -> None:
        self.clock.advance(after)
        self.history.sample()

    def depth(self, var: bytes) -> list[tuple[float, float]]:
        view = self.space.views.variable(WS, var)
        assert view is not None
        return list(self.history.depth(view.id))


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.company.check()


def test_only_changes_of_a_depth_are_kept(watched: Watched) -> None:
    watched.client.store(b"x", b"1", b"2")
    watched.sample()
    watched.sample()
    watched.client.fetch(b"x")
    watched.sample()
    assert watched.depth(b"x") == [(2, 2), (6, 1)]


def test_a_variable_that_was_always_empty_has_no_picture(watched: Watched) -> None:
    watched.client.declare_var(b"x", b"fifo")
    watched.sample()
    assert watched.depth(b"x") == []


def test_what_is_too_old_is_left_out_but_for_the_number_that_still_held(watched: Watched) -> None:
    watched.client.store(b"x", b"1")
    watched.sample()
    watched.client.store(b"x", b"2")
    watched.sample(after=200)
    watched.client.store(b"x", b"3")
    watched.sample(after=200)
    assert watched.depth(b"x") == [(202, 2), (402, 3)] or watched.depth(b"x")[0] == (2, 1)
    watched.sample(after=200)
    assert watched.depth(b"x") == [(202, 2), (402, 3)]


def test_pictures_begin_a_minute_ago_at_first_and_five_later(watched: Watched) -> None:
    watched.sample()
    assert watched.history.begin == -58
    watched.sample(after=100)
    assert watched.history.begin == 0
    watched.sample(after=500)
    assert watched.history.begin == 602 - 300


def test_the_memory_is_bounded(watched: Watched) -> None:
    for name in itertools.islice(itertools.count(), 1500):
        watched.client.store(b"%d" % name, b"1")
    for _ in range(300):
        watched.client.store(b"0", b"1")
        watched.sample()
    assert len(watched.history._depths) <= 1000
    assert len(watched.depth(b"0")) <= 150
    assert len(watched.history.operations) == len(watched.history.bytes) == 150


def test_of_many_variables_those_are_kept_that_changed_last(watched: Watched) -> None:
    for name in range(1500):
        watched.client.store(b"%d" % name, b"1")
    watched.sample()
    for _ in range(3):
        watched.client.store(b"0", b"1")
        watched.sample()
    assert [depth for _, depth in watched.depth(b"0")][-3:] == [2, 3, 4]


def test_rates_of_connections(watched: Watched) -> None:
    connection = Connection()
    session = watched.hub.sessions.join(connection, b"host:1", acknowledges=False)
    watched.sample()
    connection.performed, connection.received, connection.sent = 20, 400, 600
    watched.sample()
    assert watched.history.rates(connection) == (10, 200, 300)
    assert list(watched.history.operations[-1]) == [4, 10]
    assert list(watched.history.bytes[-1]) == [4, 500]
    watched.sample()
    assert not any(watched.history.rates(connection))
    watched.hub.sessions.leave(connection, session)
    watched.sample()
    assert not any(watched.history.rates(connection))


def test_sampling_takes_a_fiftieth_of_the_time_at_most() -> None:
    ticks = itertools.count(0, 0.5)  # each look at the clock takes half a second
    history = History(Hub(MemorySpace(), clock=lambda: next(ticks)))
    assert history.sample() == 25.0
    assert Watched().history.sample() == 2.0
