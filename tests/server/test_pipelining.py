"""Requests that are sent before earlier ones were answered: in order, bounded, and never stuck."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.hub import Limits
from tests.support.cases import each
from tests.support.costs import cost_of
from tests.support.frames import EXTENDED_KINDS, KINDS, ORIGINAL_KINDS
from tests.support.link import Link, MemoryServer

any_kind = pytest.mark.parametrize("kind", KINDS)
original_kind = pytest.mark.parametrize("kind", ORIGINAL_KINDS)
extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)


def several(link: Link, *requests: tuple[object, ...]) -> bytes:
    """Form several requests at once."""
    return b"".join(link.form(*map(str, fields)) for fields in requests)


@any_kind
def test_requests_that_need_not_wait_are_answered_in_order(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    numbers = range(50)
    stores = several(link, *(("store", "ws", "x", 0, n) for n in numbers))
    fetches = several(link, *(("fetch", "ws", "x") for _ in numbers))
    link.write(stores + fetches)
    assert [link.short().status for _ in numbers] == [0 for _ in numbers]
    assert [link.long().payload for _ in numbers] == [b"%d" % n for n in numbers]


@extended_kind
def test_requests_behind_a_waiting_one_wait_for_it(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    link.write(
        several(
            link,
            ("fetch", "ws", "x"),
            ("store", "ws", "y", 0, "early"),
            ("list vars", "ws"),
            ("fetch", "ws", "z"),
            ("nonsense",),
        )
    )
    assert link.silent
    assert other.get("findTry", "ws", "y").status == Status.FAILED
    other.store("x", "1")
    assert link.long().payload == b"1"
    assert link.short().status == 0
    lines = link.long().payload.splitlines()
    assert [line[:6] for line in lines] == [b"x\t0\t0\t", b"y\t1\t0\t"]
    assert link.silent
    other.store("z", "2")
    assert link.long().payload == b"2"
    assert link.short().status == 1


@extended_kind
def test_requests_that_come_later_wait_too(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    link.send("fetch", "ws", "x")
    link.send("fetch", "ws", "y")
    link.send("store", "ws", "z", "0", "late")
    assert link.silent
    other.store("y", "2")
    assert link.silent
    other.store("x", "1")
    assert [link.long().payload, link.long().payload] == [b"1", b"2"]
    assert link.short().status == 0
    assert other.get("fetch", "ws", "z").payload == b"late"


@extended_kind
def test_a_request_that_comes_in_pieces_behind_a_waiting_one(
    server: MemoryServer, kind: str
) -> None:
    link, other = server.connect(kind), server.connect()
    link.send("find", "ws", "x")
    data = link.form("store", "ws", "y", "0", "value")
    for n in range(len(data)):
        link.write(data[n : n + 1])
    other.store("x", "1")
    assert link.long().payload == b"1"
    assert link.short().status == 0


def test_one_store_can_set_a_whole_chain_going(server: MemoryServer) -> None:
    """Each link waits for the one before it; nothing may nest as deep as the chain is long."""
    links = [server.connect("extended") for _ in range(2000)]
    for n, link in enumerate(links):
        link.write(several(link, ("fetch", "ws", n), ("store", "ws", n + 1, 0, "go")))
    first, last = server.connect(), server.connect()
    last.send("fetch", "ws", "2000")
    first.store("0", "go")
    assert last.long().payload == b"go"
    for link in links:
        assert link.long().payload == b"go"
        assert link.short().status == 0


@pytest.mark.nightly(but_each=3)
@extended_kind
@pytest.mark.parametrize("between", [(), ("store", "ws", "y", 0, "v"), ("find", "ws", "z")])
def test_pairs_of_a_wait_and_its_cancel_cost_the_same_however_many(
    kind: str, between: tuple[object, ...]
) -> None:
    """Each request is moved a few times at most, whatever lies behind it."""
    requests = [("fetch", "ws", "x"), *([between] if between else []), ("cancel",)]

    def steps(count: int) -> int:
        server = MemoryServer(limits=Limits(max_backlog=10**9))
        link = server.connect(kind)
        data = several(link, *(requests * count))
        return cost_of(lambda: link.write(data)).steps

    few, many = steps(20), steps(200)
    assert many < 11 * few


# Original clients


@original_kind
@each("second", [("findTry", "ws", "y"), ("store", "ws", "y", 0, "v")])
@each("part", [1, 3, 4, 20, None])
@each("how", ["later", "together", "while it does not read"])
def test_an_original_client_that_sends_behind_a_wait_is_hung_up_on(
    kind: str, second: tuple[object, ...], part: int | None, how: str
) -> None:
    """Its user interrupted the wait: each answer would be taken for that of another call. Any part
    of the second request tells."""
    server = MemoryServer()
    link, other = server.connect(kind), server.connect()
    first, rest = several(link, ("fetch", "ws", "x")), several(link, second)[:part]
    if how == "while it does not read":
        link.connection.stall()
    if how == "later":
        link.write(first)
        link.write(rest)
    else:
        link.write(first + rest)
        link.connection.unstall()
    assert link.closed
    assert link.silent
    assert server.warnings == ["refused 10.0.0.1: it sent a request behind one that waits"]
    link.lose()
    other.store("x", "kept")
    assert other.get("fetchTry", "ws", "x").payload == b"kept"
    assert other.get("findTry", "ws", "y").status == Status.FAILED
    server.check()


# The backlog is bounded


@extended_kind
def test_reading_stops_while_too_much_is_in_hand(kind: str) -> None:
    server = MemoryServer(limits=Limits(max_backlog=1000))
    link, other = server.connect(kind), server.connect()
    link.send("fetch", "ws", "x")
    sent = 0
    while link.reads():
        link.send("store", "ws", "y", "0", sent)
        sent += 1
        assert sent < 30
    assert sent > 2
    other.store("x", "go")
    assert link.reads()
    assert link.long().payload == b"go"
    assert [link.short().status for _ in range(sent)] == [0 for _ in range(sent)]
    server.check()


@extended_kind
def test_a_long_request_may_arrive_behind_a_waiting_one(kind: str) -> None:
    """It does not lie in the backlog before it is complete; then one is enough to stop reading."""
    server = MemoryServer(limits=Limits(max_backlog=1000))
    link, other = server.connect(kind), server.connect()
    link.send("fetch", "ws", "x")
    request = link.form("store", "ws", "y", "0", 5000 * b"v")
    link.write(request[:2000])
    assert link.reads()
    link.write(request[2000:])
    assert not link.reads()
    other.store("x", "go")
    assert link.reads()
    assert link.long().payload == b"go"
    assert link.short().status == 0
    server.check()


@extended_kind
def test_the_backlog_does_not_grow_however_often_it_moves(kind: str) -> None:
    """Each answer lets one request go; the rest counts in full, and reading stays as it was."""
    server = MemoryServer(limits=Limits(max_backlog=1000))
    link, other = server.connect(kind), server.connect()
    waiting = 0
    for _ in range(50):
        if link.reads():
            link.write(several(link, ("fetch", "ws", "x"), ("fetch", "ws", "x")))
            waiting += 2
        assert waiting < 10
        other.store("x", "v")
        assert link.long().payload == b"v"
        waiting -= 1
    for _ in range(waiting):
        other.store("x", "v")
        assert link.long().payload == b"v"
    assert link.reads()
    server.check()


@extended_kind
def test_what_comes_with_the_waiting_request_counts_too(kind: str) -> None:
    server = MemoryServer(limits=Limits(max_backlog=1000))
    link, other = server.connect(kind), server.connect()
    link.write(several(link, *(("fetch", "ws", "x") for _ in range(30))))
    assert not link.reads()
    for n in range(30):
        other.store("x", n)
    assert [link.long().payload for _ in range(30)] == [b"%d" % n for n in range(30)]
    assert link.reads()
    server.check()


# A client that does not read


@any_kind
def test_nothing_is_performed_for_a_client_that_does_not_read(
    server: MemoryServer, kind: str
) -> None:
    link, other = server.connect(kind), server.connect()
    link.connection.stall()
    link.write(several(link, ("store", "ws", "x", 0, "v"), ("fetch", "ws", "y")))
    assert link.silent
    assert other.get("list vars", "ws").payload == b""
    link.connection.unstall()
    assert link.short().status == 0
    other.store("y", "w")
    assert link.long().payload == b"w"


@extended_kind
def test_an_answer_that_was_waited_for_comes_even_to_a_client_that_does_not_read(
    server: MemoryServer, kind: str
) -> None:
    link, other = server.connect(kind), server.connect()
    link.write(several(link, ("fetch", "ws", "x"), ("store", "ws", "y", 0, "v")))
    link.connection.stall()
    other.store("x", "1")
    assert link.long().payload == b"1"
    assert link.silent
    link.connection.unstall()
    assert link.short().status == 0


@any_kind
def test_reading_goes_on_after_a_stall_in_the_middle_of_a_request(kind: str) -> None:
    server = MemoryServer(limits=Limits(max_backlog=1000))
    link = server.connect(kind)
    request = link.form("store", "ws", "y", "0", 5000 * b"v")
    link.connection.stall()
    link.write(request[:3000])
    link.connection.unstall()
    assert link.reads()
    link.write(request[3000:])
    assert link.short().status == 0
    server.check()


def test_time_is_right_for_what_lay_in_the_backlog(server: MemoryServer) -> None:
    link = server.connect("extended")
    link.connection.stall()
    link.send("fetch", "ws", "x", "", "", "1000")
    server.clock.now += 60
    link.connection.unstall()
    server.advance(0.9)
    assert link.silent
    server.advance(0.2)
    assert link.long().status == Status.TIMED_OUT


# What one read can make the server hold


@any_kind
def test_many_answers_of_one_read_leave_in_pieces(server: MemoryServer, kind: str) -> None:
    """A client that stops reading in between is noticed; else all would be held for it."""
    link, other = server.connect(kind), server.connect()
    other.store("x", 30_000 * b"v")
    written: list[int] = []
    write = link.outlet.write

    def fill_up(data: bytes) -> None:
        write(data)
        written.append(len(data))
        if sum(written) > 200_000:
            link.connection.stall()

    link.outlet.write = fill_up  # type: ignore[method-assign]
    link.write(several(link, *(("find", "ws", "x") for _ in range(200))))
    rounds = 0
    while written:
        assert max(written) < 150_000
        assert sum(written) < 350_000
        rounds += 1
        written.clear()
        link.connection.unstall()
    assert rounds > 20
    for _ in range(200):
        assert link.long().payload == 30_000 * b"v"


def test_listings_are_held_one_at_a_time_too(server: MemoryServer) -> None:
    link = server.connect()
    for n in range(500):
        link.store(f"a rather long name for a variable {n}", "v")
    size = len(link.get("list vars", "ws").payload)
    link.outlet.write = lambda data: link.connection.stall()  # type: ignore[method-assign]
    performed = 0
    list_vars = server.space.list_vars

    def count(*arguments: object) -> None:
        nonlocal performed
        performed += 1
        list_vars(*arguments)  # type: ignore[arg-type]

    server.space.list_vars = count  # type: ignore[assignment, method-assign]
    link.write(several(link, *(("list vars", "ws") for _ in range(1000))))
    assert performed * size < 200_000
