"""Connections that do not say who they are: how many there may be, and how they are logged."""

from __future__ import annotations

import json

import pytest

from nws_server.incidents import LOG_PAUSE_SECONDS
from nws_server.net import NwsProtocol
from nws_server.spool import Spool
from nws_server.unfinished import MIN_BOUND, Unfinished, bound_for
from tests.support.edge import Edge
from tests.support.transports import NarrowClient


class Waiting:
    """A connection whose handshake is not over."""

    def __init__(self, *, is_of_own_user: bool = False) -> None:
        self.is_of_own_user = is_of_own_user
        self.is_there = True

    def give_way(self) -> None:
        self.is_there = False


def test_who_came_first_goes() -> None:
    unfinished = Unfinished(2)
    crowd = [Waiting() for _ in range(5)]
    for each in crowd:
        unfinished.enter(each)
    assert [each.is_there for each in crowd] == [False, False, False, True, True]


def test_those_of_our_user_do_not_count() -> None:
    unfinished = Unfinished(2)
    ours = [Waiting(is_of_own_user=True) for _ in range(5)]
    strangers = [Waiting() for _ in range(3)]
    for each in (strangers[0], *ours, *strangers[1:]):
        unfinished.enter(each)
    assert all(each.is_there for each in ours)
    assert [each.is_there for each in strangers] == [False, True, True]


def test_who_has_said_it_or_left_does_not_count() -> None:
    unfinished = Unfinished(1)
    for _ in range(5):
        each = Waiting()
        unfinished.enter(each)
        unfinished.leave(each)
        unfinished.leave(each)
        assert each.is_there


@pytest.mark.parametrize(("clients", "bound"), [(10, 100), (1000, 100), (10_000, 1000)])
def test_there_is_room_for_a_crowd_of_clients(clients: int, bound: int) -> None:
    assert bound_for(clients) == bound


# At the edge

FLOOD = 3 * MIN_BOUND


@pytest.fixture
def edge(spool: Spool) -> Edge:
    return Edge(spool, max_connections=FLOOD // 2)


def is_there(client: NarrowClient) -> bool:
    client.transport.take_all()
    return bool(client.transport.connected)


def test_a_flood_takes_no_places_from_clients(edge: Edge) -> None:
    """There are fewer places than there are in the flood."""
    member = edge.client()
    silent: list[NarrowClient] = []
    for _ in range(FLOOD):
        silent.append(edge.client(None))
        is_there(silent[-MIN_BOUND - 1 :][0])  # so the end of one that was dropped is noticed
    assert [is_there(each) for each in silent] == (FLOOD - MIN_BOUND) * [False] + MIN_BOUND * [True]
    edge.client().store("x", "v")
    member.store("x", "v")
    hub = edge.server.hub
    assert hub.incidents.counts["refused_handshakes"] == FLOOD - MIN_BOUND + 1
    assert hub.incidents.counts["refused_connections"] == 0
    (warning,) = edge.server.warnings
    assert warning.endswith("too many others have not said who they are either")
    assert not is_there(silent[-MIN_BOUND])
    edge.clock.advance(31)
    assert not any(is_there(each) for each in silent)
    status = json.loads(edge.client("extended").get("server status").payload)
    assert status["refused_handshakes"] + status["overdue_handshakes"] == FLOOD
    edge.client().store("x", "v")
    edge.client().store("x", "v")


def test_each_reason_has_a_line_a_minute(edge: Edge) -> None:
    """Whoever likes to fill the log would need many reasons."""

    def talk(said: bytes) -> None:
        protocol: NwsProtocol = edge.string()[0]
        protocol.dataReceived(said)
        protocol.connectionLost()

    for _ in range(10):
        talk(b"GET / HTTP/1.1\r\n\r\n")
        talk(b"1112 and more")
    assert len(edge.server.warnings) == 2
    edge.server.clock.now += LOG_PAUSE_SECONDS
    talk(b"1112 and more")
    assert edge.server.warnings[2].endswith("(and 9 more since the last such line)")
    assert edge.server.hub.incidents.counts["refused_handshakes"] == 21
