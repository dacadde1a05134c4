"""Incidents are counted by kind, and logged at most once a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nws.workspace.server_requests import ServerStatus
from nws_server import net
from nws_server.incidents import (
    INCIDENTS,
    LOG_PAUSE_SECONDS,
    OVERDUE_HANDSHAKES,
    REFUSED_HANDSHAKES,
    REFUSED_REQUESTS,
    REFUSED_VALUES,
    SLOW_CLIENTS,
    UNREADABLE_VALUES,
    UNWRITABLE_VALUES,
    VANISHED_CLIENTS,
    Incidents,
)
from nws_server.slow_clients import SlowClients
from nws_server.spool import Spool
from tests.support.edge import MEBI, Edge
from tests.support.link import Clock, spool_files
from tests.support.server import ROOT


@pytest.fixture
def edge(spool: Spool) -> Iterator[Edge]:
    edge = Edge(spool, max_connections=10_000)
    edge.factory.startFactory()
    yield edge
    edge.factory.stopFactory()
    edge.server.space.close()


def counted(edge: Edge) -> dict[str, int]:
    """Return the kinds of which there was an incident."""
    return {kind: count for kind, count in edge.server.hub.incidents.counts.items() if count}


def test_the_first_is_logged_at_once_and_then_one_a_minute() -> None:
    clock = Clock()
    log: list[str] = []
    incidents = Incidents(clock, log.append)
    incidents.add(REFUSED_VALUES, "a")
    for _ in range(1000):
        incidents.add(REFUSED_VALUES, "b")
    assert log == ["a"]
    clock.now += LOG_PAUSE_SECONDS
    incidents.add(REFUSED_VALUES, "c")
    incidents.add(REFUSED_VALUES, "d")
    assert log[1:] == ["c (and 1000 more since the last such line)"]
    clock.now += 10 * LOG_PAUSE_SECONDS
    incidents.add(REFUSED_VALUES, "e")
    assert log[2:] == ["e (and 1 more since the last such line)"]
    clock.now += LOG_PAUSE_SECONDS
    incidents.add(REFUSED_VALUES, "f")
    assert log[3:] == ["f"]
    assert incidents.counts[REFUSED_VALUES] == 1005


def test_each_kind_and_each_reason_has_a_line_of_its_own() -> None:
    log: list[str] = []
    incidents = Incidents(Clock(), log.append)
    for _ in range(3):
        incidents.add(REFUSED_VALUES, "a")
        incidents.add(UNWRITABLE_VALUES, "b")
        for reason in ("c", "d"):
            incidents.add(REFUSED_HANDSHAKES, reason, reason)
    assert log == ["a", "b", "c", "d"]
    assert sum(incidents.counts.values()) == 12


def test_a_flood_of_requests_that_cannot_be_read(edge: Edge) -> None:
    for number in range(100):
        client = edge.client()
        client.write(b"garbage %d" % number)
        client.transport.take_all()
    assert counted(edge) == {REFUSED_REQUESTS: 100}
    assert len(edge.server.warnings) == 1


def test_a_flood_of_handshakes_that_are_overdue(edge: Edge) -> None:
    for _ in range(100):
        edge.client(None)
    edge.clock.advance(31)
    assert counted(edge) == {OVERDUE_HANDSHAKES: 100}
    assert edge.server.warnings == ["refused 10.0.0.1: its handshake took too long"]


def test_machines_that_vanish(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "tcp_socket", lambda _: True)
    monkeypatch.setattr(net, "keep_alive", lambda *_: None)
    monkeypatch.setattr(net, "has_vanished", lambda *_: True)
    for _ in range(3):
        edge.string()
    edge.clock.advance(6)
    assert counted(edge) == {VANISHED_CLIENTS: 3}
    (warning,) = edge.server.warnings
    assert "its machine did not answer for 25 s" in warning


def test_values_that_cannot_be_read(edge: Edge, spool: Spool) -> None:
    edge.client().store("x", 2 * MEBI * b"v")
    for path in spool_files(spool):
        path.unlink()
    for _ in range(3):
        client = edge.client()
        client.send("find", "ws", "x")
        client.transport.take_all()
    assert counted(edge) == {UNREADABLE_VALUES: 3}
    assert len(edge.server.warnings) == 1


def test_a_client_that_does_not_read(edge: Edge) -> None:
    """It is counted once, until it reads again."""
    client, quick = edge.client(), edge.client()
    client.store("x", 4 * MEBI * b"v")
    quick.send("find", "ws", "x")

    def look() -> int:
        quick.transport.take(MEBI // 4)
        edge.clock.advance(5)
        return counted(edge).get(SLOW_CLIENTS, 0)

    for turn in range(2):
        client.send("find", "ws", "x")
        assert [look() for _ in range(4)] == [turn, turn + 1, turn + 1, turn + 1]
        client.transport.take_all()
        assert look() == turn + 1
    assert edge.server.warnings == ["10.0.0.1 has not read what it was sent for 5 s"]
    quick.transport.hang_up()


class Reader:
    unsent: object = None


def test_who_is_slow() -> None:
    clients = SlowClients[Reader]()
    readers = slow, quick, idle = Reader(), Reader(), Reader()
    slow.unsent, quick.unsent = (1,), (1,)
    assert clients.look(readers) == []
    quick.unsent = (0,)
    assert clients.look(readers) == [slow]
    assert clients.look(readers) == [quick]
    slow.unsent = None
    assert clients.look(readers) == []
    slow.unsent = (1,)
    assert clients.look(readers) == []
    assert clients.look([slow]) == [slow]
    assert idle not in clients.look(readers)


def test_all_kinds_are_documented() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    for kind in INCIDENTS:
        assert f"| `{kind}` |" in operations
    assert set(INCIDENTS) <= set(ServerStatus.__annotations__)
