"""Clients beyond those that a server takes, and the places that are reserved for operators."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.spool import Spool
from tests.support.edge import Edge
from tests.support.frames import KINDS
from tests.support.transports import NarrowClient


def shaken(edge: Edge, kind: str = "extended") -> NarrowClient:
    """Return a client that has shaken hands and asked for nothing."""
    client = edge.client(None)
    client.shake_hands(KINDS[kind])
    return client


def is_over(client: NarrowClient) -> bool:
    """Whether the server has hung up, and this client has read all before that."""
    client.transport.take_all()
    return not client.transport.connected and not client.transport.sent


def test_there_can_be_too_many(spool: Spool) -> None:
    edge = Edge(spool, max_connections=3)
    clients = [edge.client() for _ in range(3)]
    for count in (1, 2):
        refused = shaken(edge)
        answer = refused.ask("use ws", "ws", "", "no")
        assert answer.status == Status.REFUSED
        assert answer.reason.startswith("3 clients are connected already, and the server takes no ")
        assert is_over(refused)
        assert edge.server.hub.incidents.counts["refused_connections"] == count
    clients[0].transport.hang_up()
    edge.client().store("x", "v")
    clients[1].store("x", "v")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_client_without_a_place_may_ask(spool: Spool, kind: str) -> None:
    edge = Edge(spool, max_connections=1, reserved=12)
    first = edge.client("extended")
    operator = shaken(edge, kind)
    assert operator.get("list wss", "ws").payload == b" ws\t\tFalse\t0\t\n"
    if operator.kind.extended:
        assert operator.get("session").payload
        assert b'"refused_connections": 0' in operator.get("server status").payload
    store, open_ws = ("store", "ws", "x", "0", "v"), ("open ws", "their", "42", "no")
    for asked in (store, open_ws, ("delete ws", "ws")):
        refused = shaken(edge, kind)
        assert refused.ask(*asked).status != 0
        assert is_over(refused)
    waiting = shaken(edge, kind)
    waiting.send("fetch", "ws", "x")
    assert waiting.long().status != 0
    assert is_over(waiting)
    first.store("x", "v")
    assert not is_over(operator)


def test_a_babelfish_is_given_a_place(spool: Spool) -> None:
    edge = Edge(spool, max_connections=1, reserved=8)
    first = edge.client()
    babelfish = shaken(edge)
    assert babelfish.ask("open ws", "Python babelfish", "42", "no").status == 0
    babelfish.send("fetch", "Python babelfish", "food")
    for _ in range(5):
        edge.client(None).transport.take_all()
    assert first.ask("use ws", "Python babelfish", "", "no").status == 0
    assert first.ask("store", "Python babelfish", "food", "0", "v").status == 0
    assert babelfish.long().payload == b"v"


def test_who_came_first_leaves_the_reserve_when_it_is_full(spool: Spool) -> None:
    edge = Edge(spool, max_connections=1, reserved=8)
    edge.client()
    silent = [edge.client(None) for _ in range(3)]
    assert [is_over(client) for client in silent] == [True, False, False]
    operator = shaken(edge)
    assert operator.get("server status").payload
    assert is_over(silent[1])
    assert edge.server.hub.incidents.counts["refused_connections"] == 2


def test_babelfishes_can_fill_the_reserve(spool: Spool) -> None:
    edge = Edge(spool, max_connections=1, reserved=8)
    edge.client()
    for name in ("A babelfish", "B babelfish"):
        assert shaken(edge).ask("open ws", name, "42", "no").status == 0
    assert is_over(edge.client(None))


def test_a_crowd_that_comes_at_once_is_turned_away_at_once(spool: Spool) -> None:
    """Those that are dropped have their file descriptor for a moment longer."""
    edge = Edge(spool, max_connections=1, reserved=4)
    clients = [edge.client(), *(edge.client(None) for _ in range(4))]
    assert edge.factory.buildProtocol(None) is None
    for client in clients:
        client.transport.take_all()
    assert edge.factory.buildProtocol(None) is not None
    assert edge.server.hub.incidents.counts["refused_connections"] == 4
