"""A value that is handed out is either known to have arrived, or still there."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.support.frames import BLANK, EXTENDED_KINDS, ORIGINAL_KINDS
from tests.support.link import Link, MemoryServer

extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)

REMOVING: dict[str, tuple[str | bytes, ...]] = {
    "fetch": ("fetch", "ws", "x"),
    "fetchTry": ("fetchTry", "ws", "x"),
    "ifetch": ("ifetch", "ws", "x", BLANK, ""),
    "ifetchTry": ("ifetchTry", "ws", "x", BLANK, ""),
    "take": ("take", "ws", "x", "1", ""),
    "take any": ("take any", "ws", "1", "", "none", "x"),
}
each_removal = pytest.mark.parametrize("name", REMOVING)
each_waiting_removal = pytest.mark.parametrize("name", ["fetch", "ifetch", "take", "take any"])


def remove(link: Link, name: str) -> bytes:
    """Remove the first value of x."""
    link.send(*REMOVING[name])
    return delivered(link, name)


def delivered(link: Link, name: str) -> bytes:
    """Read the answer to a removal."""
    if name == "take any":
        return link.any().items[0].payload
    return link.many().items[0].payload if name == "take" else link.long().payload


def left(link: Link) -> list[bytes]:
    """Remove all values of x."""
    values = []
    while not (answer := link.get("fetchTry", "ws", "x")).status:
        values.append(answer.payload)
    return values


@pytest.fixture
def other(server: MemoryServer) -> Link:
    """An original client that has stored three values into x."""
    link = server.connect()
    for text in "123":
        link.store("x", text)
    return link


@extended_kind
@each_removal
def test_a_value_comes_back_if_the_connection_ends_at_once(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    link = server.connect(kind)
    assert remove(link, name) == b"1"
    link.lose()
    assert left(other) == [b"1", b"2", b"3"]


@extended_kind
@each_removal
def test_it_is_gone_once_it_was_acknowledged(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    link = server.connect(kind)
    remove(link, name)
    link.send("ack")
    assert link.silent
    link.lose()
    assert left(other) == [b"2", b"3"]


@extended_kind
@each_removal
@pytest.mark.parametrize("request_", [("list wss",), ("fetchTry", "ws", "y"), ("nonsense",)])
def test_the_next_request_acknowledges_too(
    server: MemoryServer, other: Link, kind: str, name: str, request_: tuple[str, ...]
) -> None:
    link = server.connect(kind)
    remove(link, name)
    if request_[0] == "nonsense":
        link.ask(*request_)
    else:
        link.get(*request_)
    link.lose()
    assert left(other) == [b"2", b"3"]


@extended_kind
@each_removal
def test_a_request_that_is_not_complete_acknowledges_nothing(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    link = server.connect(kind)
    remove(link, name)
    link.write(link.form("list wss")[:-1])
    link.lose()
    assert left(other) == [b"1", b"2", b"3"]


@extended_kind
@each_removal
@pytest.mark.parametrize("acks", [0, 1, 2])
def test_nack_gives_it_back(
    server: MemoryServer, other: Link, kind: str, name: str, acks: int
) -> None:
    link = server.connect(kind)
    remove(link, name)
    for _ in range(acks):
        link.send("ack")
    link.send("nack")
    assert link.silent
    assert left(other) == [b"1", b"2", b"3"]
    link.send("nack")
    link.lose()
    assert left(other) == []


@extended_kind
@each_removal
def test_a_cancel_that_crosses_the_value_acknowledges_nothing(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    first, second = server.connect(kind), server.connect(kind)
    remove(first, name)
    first.send("cancel")
    first.send("nack")
    remove(second, name)
    second.send("cancel")
    second.lose()
    assert left(other) == [b"1", b"2", b"3"]


@extended_kind
@each_waiting_removal
def test_the_same_holds_for_values_that_were_waited_for(
    server: MemoryServer, kind: str, name: str
) -> None:
    lost, refused, done = (server.connect(kind) for _ in range(3))
    storer = server.connect()
    for link in (lost, refused, done):
        link.send(*REMOVING[name])
    for n in range(3):
        storer.store("x", n)
    assert [delivered(link, name) for link in (lost, refused, done)] == [b"0", b"1", b"2"]
    lost.lose()
    refused.send("nack")
    done.send("ack")
    done.lose()
    assert left(storer) == [b"0", b"1"]


@extended_kind
@each_removal
def test_who_waits_gets_what_comes_back(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    left(other)
    other.store("x", "the only one")
    link, heir = server.connect(kind), server.connect()
    remove(link, name)
    heir.send("fetch", "ws", "x")
    assert heir.silent
    link.lose()
    assert heir.long().payload == b"the only one"


@extended_kind
def test_all_values_of_a_take_come_back_to_their_places(
    server: MemoryServer, other: Link, kind: str
) -> None:
    link = server.connect(kind)
    assert len(link.get_many("take", "ws", "x", "2", "").items) == 2
    link.lose()
    assert left(other) == [b"1", b"2", b"3"]


@extended_kind
def test_reading_needs_no_acknowledgement(server: MemoryServer, other: Link, kind: str) -> None:
    link = server.connect(kind)
    assert link.get("find", "ws", "x").payload == b"1"
    link.send("nack")
    link.lose()
    assert left(other) == [b"1", b"2", b"3"]


@extended_kind
def test_a_lease_is_not_given_back_by_nack(server: MemoryServer, other: Link, kind: str) -> None:
    link = server.connect(kind)
    assert link.get_many("lease", "ws", "x", "1", "", "1000").items[0].payload == b"1"
    link.send("nack")
    assert left(other) == [b"2", b"3"]


@extended_kind
@each_removal
def test_nothing_comes_back_to_a_variable_that_was_deleted(
    server: MemoryServer, other: Link, kind: str, name: str
) -> None:
    link = server.connect(kind)
    remove(link, name)
    assert other.ask("delete var", "ws", "x").status == 0
    other.store("x", "new")
    link.send("nack")
    link.lose()
    assert left(other) == [b"new"]


@extended_kind
def test_nothing_comes_back_over_a_newer_single_value(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    assert other.ask("declare var", "ws", "x", "single").status == 0
    other.store("x", "old")
    assert remove(link, "fetch") == b"old"
    other.store("x", "new")
    link.lose()
    assert left(other) == [b"new"]


@pytest.mark.parametrize("kind", ORIGINAL_KINDS)
def test_for_original_clients_what_was_sent_is_gone(
    server: MemoryServer, other: Link, kind: str
) -> None:
    link = server.connect(kind)
    assert link.get("fetch", "ws", "x").payload == b"1"
    assert link.ask("ack").status == Status.FAILED
    assert link.ask("nack").status == Status.FAILED
    link.lose()
    assert left(other) == [b"2", b"3"]


@extended_kind
def test_a_value_comes_back_when_the_next_request_cannot_be_read(
    server: MemoryServer, other: Link, kind: str
) -> None:
    link = server.connect(kind)
    remove(link, "fetch")
    link.write(b"garbage")
    assert link.closed
    link.lose()
    assert left(other) == [b"1", b"2", b"3"]


# What the server keeps


def kept(server: MemoryServer) -> int:
    """Return the memory that values cost, as it is counted."""
    return server.space.views.totals()["memory"]


@extended_kind
@each_removal
def test_a_delivered_value_counts_until_it_is_acknowledged(
    server: MemoryServer, kind: str, name: str
) -> None:
    other = server.connect()
    other.store("x", "small")
    other.get("fetch", "ws", "x")
    empty = kept(server)
    other.store("x", 100_000 * "v")
    link = server.connect(kind)
    remove(link, name)
    assert kept(server) > empty + 100_000
    link.send("ack")
    assert kept(server) == empty


@extended_kind
@each_waiting_removal
def test_one_that_was_waited_for_counts_too(server: MemoryServer, kind: str, name: str) -> None:
    other, link = server.connect(), server.connect(kind)
    link.send(*REMOVING[name])
    empty = kept(server)
    other.store("x", 100_000 * "v")
    delivered(link, name)
    assert kept(server) > empty + 100_000
    link.get("list wss")
    assert kept(server) == empty


def test_stores_are_refused_while_readers_hold_what_there_is_room_for(server: MemoryServer) -> None:
    full = MemoryServer(memory_limit=250_000)
    other, link = full.connect(), full.connect("extended")
    other.store("x", 100_000 * "v")
    other.store("x", 100_000 * "v")
    link.get("fetch", "ws", "x")
    assert other.ask("store", "ws", "y", "0", 100_000 * "v").status == Status.FAILED
    link.send("ack")
    assert other.ask("store", "ws", "y", "0", 100_000 * "v").status == 0


@extended_kind
@pytest.mark.parametrize("name", ["fetch", "take"])
def test_a_large_value_is_given_up_a_moment_after_its_ack(
    server: MemoryServer, kind: str, name: str
) -> None:
    """Its reader may work on without a request for as long as it likes."""
    other, link = server.connect(), server.connect(kind)
    other.store("x", 100_000 * "v")
    remove(link, name)
    link.send("ack")
    link.send("nack")
    assert len(remove(link, name)) == 100_000, "in that moment it can still be given back"
    link.send("ack")
    server.advance(1)
    link.send("nack")
    assert left(other) == []
    assert server.hub.next_deadline() is None


@extended_kind
def test_the_moment_is_that_of_one_value(server: MemoryServer, kind: str) -> None:
    other, link = server.connect(), server.connect(kind)
    other.store("x", 100_000 * "1")
    other.store("x", 100_000 * "2")
    remove(link, "fetch")
    link.send("ack")
    remove(link, "fetch")
    server.advance(1)
    link.lose()
    assert left(other) == [100_000 * b"2"]


@extended_kind
def test_a_small_value_is_kept_for_a_nack_however_long_that_takes(
    server: MemoryServer, other: Link, kind: str
) -> None:
    link = server.connect(kind)
    remove(link, "fetch")
    link.send("ack")
    server.advance(1e6)
    link.send("nack")
    assert left(other) == [b"1", b"2", b"3"]
