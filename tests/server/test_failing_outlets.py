"""A reply that cannot be sent ends its own connection, loses nothing and disturbs nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.frames import BLANK, EXTENDED_KINDS, KINDS
from tests.support.link import Link, MemoryServer

LONG = "x" * 100_000
"""Longer than what a connection collects before it writes."""

any_kind = pytest.mark.parametrize("kind", KINDS)
extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    """A server some of whose outlets fail; its books must be right at the end."""
    server = MemoryServer()
    yield server
    for link in server.links:
        if link.outlet.writes_left is not None:
            link.lose()
            link.outlet.sent.clear()
    server.crashed.clear()
    server.check()


def breaking(server: MemoryServer, kind: str, writes: int = 0) -> Link:
    """Connect a client to which only ``writes`` more writes succeed."""
    link = server.connect(kind)
    link.outlet.writes_left = writes
    return link


def assert_ended(server: MemoryServer, link: Link) -> None:
    assert link.closed
    assert server.crashed == [(b"10.0.0.1", "a reply could not be sent")]


@any_kind
@pytest.mark.parametrize("operation", ["find", "fetch", "ifind", "ifetch"])
def test_a_waiting_get(server: MemoryServer, kind: str, operation: str) -> None:
    other, link = server.connect("extended"), breaking(server, kind)
    link.send(operation, "ws", "x", BLANK, "")
    other.store("x", "v")
    assert_ended(server, link)
    link.lose()
    assert other.get("fetch", "ws", "x").payload == b"v"
    assert other.get("fetchTry", "ws", "x").status == other.no_value


@extended_kind
@pytest.mark.parametrize("operation", [("take", "3", ""), ("lease", "3", "", "60000")])
def test_a_waiting_take(server: MemoryServer, kind: str, operation: tuple[str, ...]) -> None:
    other, link = server.connect("extended"), breaking(server, kind)
    link.send(operation[0], "ws", "x", *operation[1:])
    assert other.ask("store many", "ws", "x", *["0", "a", "0", "b"]).status == 0
    assert_ended(server, link)
    assert server.space.views.totals()["leases"] == 0
    taken = other.get_many("take", "ws", "x", "9", "").items
    assert [item.payload for item in taken] == [b"a", b"b"]


@extended_kind
def test_settle_is_whole_when_a_finder_cannot_be_told(server: MemoryServer, kind: str) -> None:
    worker, link = server.connect("extended"), breaking(server, kind)
    worker.store("task", "6 x 7")
    worker.get_many("lease", "ws", "task", "1", "", "60000")
    link.send("find", "ws", "result")
    assert worker.ask("settle", "1", "ws", "result", "0", "42").status == 0
    assert_ended(server, link)
    assert worker.get("find", "ws", "result").payload == b"42"
    assert server.space.views.totals()["leases"] == 0


@any_kind
@pytest.mark.parametrize("writes", [0, 1])
def test_a_long_value(server: MemoryServer, kind: str, writes: int) -> None:
    other, link = server.connect("extended"), breaking(server, kind, writes)
    other.store("x", LONG)
    link.send("fetch", "ws", "x")
    assert_ended(server, link)
    assert other.get("fetch", "ws", "x").payload == LONG.encode()


@any_kind
def test_what_follows_is_not_performed(server: MemoryServer, kind: str) -> None:
    other, link = server.connect("extended"), breaking(server, kind)
    other.store("x", LONG)
    link.write(link.form("fetch", "ws", "x") + link.form("delete var", "ws", "x"))
    assert_ended(server, link)
    assert other.get("fetch", "ws", "x").payload == LONG.encode()


@extended_kind
def test_a_listing(server: MemoryServer, kind: str) -> None:
    other, link = server.connect("extended"), breaking(server, kind)
    for number in range(800):
        other.store(f"{number:0100}", "v")
    link.send("list vars", "ws")
    assert_ended(server, link)
