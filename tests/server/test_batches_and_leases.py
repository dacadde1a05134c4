"""Storing many, taking many, leases and settling, as they go over the wire."""

from __future__ import annotations

import json

import pytest

from nws.errors import Status
from nws.wire.operations import MAX_BATCH_FIELDS
from tests.support.frames import EXTENDED_KINDS, KINDS, PYTHON_TEXT, Answer, Item, framed_dict
from tests.support.link import Link, MemoryServer

pytestmark = pytest.mark.parametrize("kind", EXTENDED_KINDS)

TEXT = str(PYTHON_TEXT)


def lease(link: Link, count: int = 1, seconds: float = 60, var: str = "x") -> tuple[Item, ...]:
    """Lease values."""
    milliseconds = round(1000 * seconds)
    return link.get_many("lease", "ws", var, count, "0", milliseconds).items


def values(link: Link, var: str = "x") -> list[bytes]:
    """Remove all values."""
    answer = link.get_many("take", "ws", var, "9999", "0")
    return [item.payload for item in answer.items]


# Many at once


def test_many_values_are_stored_in_order(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    numbers = [str(n) for n in range((MAX_BATCH_FIELDS - 3) // 2)]
    pairs = [text for n in numbers for text in (TEXT, n)]
    assert link.ask("store many", "ws", "x", *pairs).status == 0
    assert values(link) == [n.encode() for n in numbers]


def test_each_of_many_has_its_descriptor_and_index(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    assert link.ask("store many", "ws", "x", "1", "a", " 22 ", "b", "333", "").status == 0
    first = link.get("ifind", "ws", "x", "", "")
    assert (first.descriptor, first.index, first.payload) == (1, 0, b"a")
    items = link.get_many("take", "ws", "x", "9999", "").items
    assert items == (Item(b"a", 0, 0, 1), Item(b"b", 0, 0, 22), Item(b"", 0, 0, 333))


def test_take_gives_what_is_there_up_to_a_number(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    for n in range(5):
        link.store("x", n)
    assert [i.payload for i in link.get_many("take", "ws", "x", "3", "").items] == [
        b"0",
        b"1",
        b"2",
    ]
    assert [i.payload for i in link.get_many("take", "ws", "x", "3", "").items] == [b"3", b"4"]
    assert link.get_many("take", "ws", "x", "3", "0") == Answer(Status.TIMED_OUT)


def test_a_take_may_ask_for_more_than_can_be_counted(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    for _ in range(3):
        assert link.ask("store many", "ws", "x", *(4998 * (TEXT, "v"))).status == 0
    assert len(link.get_many("take", "ws", "x", 20 * "9", "").items) == 9999
    assert len(link.get_many("take", "ws", "x", 20 * "9", "").items) == 3 * 4998 - 9999


def test_a_take_waits_for_the_first_value_only(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect(kind)
    link.send("take", "ws", "x", "10", "")
    assert link.silent
    assert other.ask("store many", "ws", "x", TEXT, "a", TEXT, "b").status == 0
    assert [item.payload for item in link.many().items] == [b"a", b"b"]


# Leases


def test_a_leased_value_has_an_id_and_counts_attempts(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.store("x", "a")
    assert lease(link) == (Item(b"a", lease=1, attempt=1),)
    assert link.ask("release", "1", "yes").status == 0
    assert lease(link) == (Item(b"a", lease=2, attempt=2),)
    assert link.ask("release", "2", "no").status == 0
    assert lease(link) == (Item(b"a", lease=3, attempt=2),)


def test_a_lease_that_was_waited_for(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    link.send("lease", "ws", "x", "2", "", "1000")
    other.store("x", "a")
    assert link.many().items == (Item(b"a", lease=1, attempt=1),)
    server.advance(0.9)
    assert other.get("fetchTry", "ws", "x").status == Status.FAILED
    server.advance(0.2)
    assert other.get("fetchTry", "ws", "x").payload == b"a"


def test_a_lease_ends_at_its_deadline(server: MemoryServer, kind: str) -> None:
    link, waiting = server.connect(kind), server.connect()
    link.store("x", "a")
    lease(link, seconds=10)
    waiting.send("fetch", "ws", "x")
    server.advance(9.9)
    assert waiting.silent
    server.advance(0.2)
    assert waiting.long().payload == b"a"
    answer = link.ask("settle", "1")
    assert answer.status == Status.LEASE_LOST
    assert "lease 1" in answer.reason


def test_a_renewed_lease_lasts_from_then_on(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.store("x", "a")
    lease(link, seconds=10)
    for _ in range(5):
        server.advance(9)
        assert link.ask("renew", "1", "10000").status == 0
    server.advance(11)
    assert link.ask("renew", "1", "10000").status == Status.LEASE_LOST
    assert values(link) == [b"a"]


def test_settling_removes_and_stores_in_one_step(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    for text in "abc":
        link.store("x", text)
    lease(link, 2)
    other.send("fetch", "ws", "result")
    answer = link.ask("settle", "1 2", "ws", "result", TEXT, "A", "ws", "other", TEXT, "B")
    assert answer.status == 0
    assert other.long().payload == b"A"
    assert values(link, "other") == [b"B"]
    assert values(link) == [b"c"]
    assert link.ask("release", "1", "no").status == Status.LEASE_LOST


@pytest.mark.parametrize("ids", ["", " ", "1", " 1 1 ", "00000000000000000001"])
def test_the_ways_to_write_ids(server: MemoryServer, kind: str, ids: str) -> None:
    link = server.connect(kind)
    link.store("x", "a")
    lease(link)
    assert link.ask("renew", ids, "1000").status == 0
    assert link.ask("settle", ids, "ws", "y", TEXT, "b").status == 0
    assert values(link, "y") == [b"b"]
    assert server.space.views.totals()["leases"] == (0 if ids.strip() else 1)


def test_all_or_nothing(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.store("x", "a")
    lease(link)
    for fields in (("settle", "1 2"), ("renew", "1 2", "1"), ("release", "1 2", "no")):
        answer = link.ask(*fields)
        assert answer.status == Status.LEASE_LOST
        assert answer.reason == "not held, or not any more: lease 2"
    nowhere = link.ask("settle", "1", "ws", "y", TEXT, "b", "elsewhere", "y", TEXT, "c")
    assert nowhere.status == Status.NOT_OPEN
    assert values(link, "y") == []
    assert link.ask("settle", "1").status == 0


def test_nobody_settles_what_another_holds(server: MemoryServer, kind: str) -> None:
    link, thief = server.connect(kind), server.connect(kind)
    link.store("x", "a")
    lease(link)
    for fields in (("settle", "1"), ("renew", "1", "1"), ("release", "1", "no")):
        assert thief.ask(*fields).status == Status.LEASE_LOST
    assert link.ask("settle", "1").status == 0


def test_leases_end_with_their_session_and_count(server: MemoryServer, kind: str) -> None:
    link, heir = server.connect(kind), server.connect(kind)
    for text in "ab":
        link.store("x", text)
    lease(link, 2)
    link.lose()
    assert lease(heir, 2) == (Item(b"a", 3, 2), Item(b"b", 4, 2))


def test_leases_can_be_listed(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect(kind)
    assert link.get("list leases", "ws") == Answer(0)
    link.store("x", "a")
    link.store("y", "b")
    lease(link, seconds=10)
    lease(other, seconds=20, var="y")
    server.advance(1)
    listing = link.get("list leases", "ws").payload
    assert listing == b"x\t1\t1\t10.0.0.1\t9000\ny\t2\t1\t10.0.0.1\t19000"
    variables = link.get("list vars", "ws").payload
    assert variables == b"x\t0\t0\t0\tfifo\t1\ny\t0\t0\t0\tfifo\t1"
    original = server.connect()
    assert original.get("list vars", "ws").payload == b"x\t0\t0\t0\tfifo\ny\t0\t0\t0\tfifo"


# Metadata


def test_metadata_comes_back_with_each_value(server: MemoryServer, kind: str) -> None:
    reader = server.connect(kind)
    writer = server.connect("everything")
    metadata = {b"batchId": b"7", b"": b"\0"}
    writer.send("store many", "ws", "x", TEXT, "a", TEXT, "b", metadata=metadata)
    assert writer.short().metadata == {}
    writer.send("settle", "", "ws", "x", TEXT, "c", metadata={b"k": b"v"})
    assert writer.short().status == 0
    answer = reader.get_many("take", "ws", "x", "9", "")
    assert answer.metadata == {}
    found = [item.metadata for item in answer.items]
    assert found == [metadata, metadata, {b"k": b"v"}]


def test_metadata_reaches_only_those_who_asked_for_it(server: MemoryServer, kind: str) -> None:
    del kind
    writer = server.connect("metadata")
    writer.send("store", "ws", "x", TEXT, "a", metadata={b"k": b"v"})
    assert writer.short().status == 0
    for name in KINDS:
        reader = server.connect(name)
        answer = reader.get("find", "ws", "x")
        assert answer.payload == b"a"
        assert answer.metadata == ({b"k": b"v"} if reader.kind.metadata_out else {})


def test_long_reasons_are_cut(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    answer = link.get("find", 60_000 * "n", "x")
    assert answer.status == Status.NOT_OPEN
    assert len(answer.reason) == 9999


def test_values_of_original_clients_have_an_empty_dict(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    other.store("x", "a")
    link.send("take", "ws", "x", "1", "")
    assert link.read(12) == framed_dict({}) + b"00000001"
    assert link.read(4) == framed_dict({})
    assert link.read(20 + 20 + 4 + 20 + 1) == b"%020d%020d%04d%020da" % (PYTHON_TEXT, 0, 0, 1)


# The server about itself


def test_the_status_counts_what_there_is(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect(kind)
    for _ in range(3):
        link.store("x", 10 * "v")
    lease(link)
    other.send("fetch", "ws", "y")
    server.advance(12.5)
    status = json.loads(link.get("server status").payload)
    assert {name: status[name] for name in ("connections", "sessions", "uptime")} == {
        "connections": 2,
        "sessions": 2,
        "uptime": 12.5,
    }
    counted = ("workspaces", "variables", "values", "bytes", "leases", "waiting", "spooled")
    assert [status[name] for name in counted] == [2, 2, 2, 20, 1, 1, 0]
    other.send("cancel")
    assert other.long().status == Status.CANCELLED
