"""Several connections that are one client."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.support.frames import EXTENDED_KINDS, PYTHON_TEXT
from tests.support.link import Link, MemoryServer

pytestmark = pytest.mark.parametrize("kind", EXTENDED_KINDS)


def join(server: MemoryServer, kind: str, first: Link) -> Link:
    """Begin a connection in the session of another."""
    link = server.connect(kind, ws=None)
    assert link.ask("attach", first.get("session").payload).status == 0
    return link


def test_a_session_has_one_secret_that_cannot_be_guessed(server: MemoryServer, kind: str) -> None:
    first, second = server.connect(kind), server.connect(kind)
    token = first.get("session").payload
    assert len(token) == 32
    assert first.get("session").payload == token
    assert second.get("session").payload != token


@pytest.mark.parametrize("token", [b"", b"x", 32 * b"0", 60_000 * b"f"])
def test_nobody_joins_by_another_word(server: MemoryServer, kind: str, token: bytes) -> None:
    server.connect(kind).get("session")
    link = server.connect(kind)
    answer = link.ask("attach", token)
    assert (answer.status, answer.reason) == (Status.REFUSED, "there is no such session")
    assert link.get("list vars", "ws").status == 0  # its own session is as it was


def test_what_one_opened_is_open_to_the_other(server: MemoryServer, kind: str) -> None:
    first = server.connect(kind)
    second = join(server, kind, first)
    second.store("x", "v")
    second.open_ws("mine")
    assert first.get("fetch", "ws", "x").payload == b"v"
    first.store("x", "v", ws="mine")
    assert first.get("session").payload == second.get("session").payload
    assert first.get("list wss", "mine").payload.startswith(b">mine\t")


def test_leases_belong_to_the_session(server: MemoryServer, kind: str) -> None:
    first = server.connect(kind)
    second = join(server, kind, first)
    first.store("x", "v")
    first.get_many("lease", "ws", "x", "1", "0", "60000")
    first.lose()
    assert second.ask("renew", "1", "1000").status == 0
    assert second.ask("settle", "1").status == 0


def test_a_session_ends_with_its_last_connection(server: MemoryServer, kind: str) -> None:
    first, witness = server.connect(kind), server.connect()
    first.open_ws("mine")
    token = first.get("session").payload
    second = join(server, kind, first)
    third = join(server, kind, first)
    for link in (first, third):
        link.lose()
        assert witness.get("list wss", "mine").payload.startswith(b" mine\t")
    second.lose()
    assert witness.get("list wss", "mine").payload == b"\n"
    late = server.connect(kind)
    assert late.ask("attach", token).status == Status.REFUSED
    assert not server.hub.sessions._tokens
    assert not server.hub.sessions._by_token


def test_attaching_ends_the_session_that_the_connection_had(
    server: MemoryServer, kind: str
) -> None:
    first, second, witness = server.connect(kind), server.connect(kind), server.connect()
    second.open_ws("left behind")
    witness.ask("use ws", "left behind", "", "no")
    witness.send("fetch", "left behind", "x")
    old_token = second.get("session").payload
    assert second.ask("attach", first.get("session").payload).status == 0
    assert witness.long().status == Status.FAILED
    assert witness.get("list wss", "left behind").payload == b"\n"
    assert witness.connection.hub.sessions.connection_count() == 3
    third = server.connect(kind)
    assert third.ask("attach", old_token).status == Status.REFUSED


def test_attaching_to_itself_changes_nothing(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.open_ws("mine")
    assert link.ask("attach", link.get("session").payload).status == 0
    assert link.get("list wss", "mine").payload.startswith(b">mine\t")
    link.lose()
    assert server.connect().get("list wss", "mine").payload == b"\n"


def test_both_connections_can_wait_at_once(server: MemoryServer, kind: str) -> None:
    first = server.connect(kind)
    second = join(server, kind, first)
    first.send("fetch", "ws", "x")
    second.send("fetch", "ws", "x")
    first.send("cancel")
    assert first.long().status == Status.CANCELLED
    assert second.silent
    first.store("x", "v")
    assert second.long().payload == b"v"


def test_only_the_connection_that_ends_gives_back_what_it_was_sent(
    server: MemoryServer, kind: str
) -> None:
    first = server.connect(kind)
    second = join(server, kind, first)
    first.store("x", "1")
    first.store("x", "2")
    assert first.get("fetch", "ws", "x").payload == b"1"
    assert second.get("fetch", "ws", "x").payload == b"2"
    second.lose()
    assert server.connect().get("fetchTry", "ws", "x").payload == b"2"
    first.send("nack")
    assert server.connect().get("fetchTry", "ws", "x").payload == b"1"


def test_a_value_stored_through_one_serves_the_other(server: MemoryServer, kind: str) -> None:
    first = server.connect(kind)
    second = join(server, kind, first)
    first.send("find", "ws", "x")
    text = str(PYTHON_TEXT)
    assert second.ask("store many", "ws", "x", text, "a", text, "b").status == 0
    assert first.long().payload == b"a"
