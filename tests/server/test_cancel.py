"""Cancelling what waits, and timeouts that the server keeps."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.support.frames import BLANK, EXTENDED_KINDS, Answer
from tests.support.link import Link, MemoryServer

extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)

Wait = tuple[str | bytes, ...]

# What can wait.
WAITING_GETS: list[Wait] = [
    ("fetch", "ws", "x", "", "", "TIMEOUT"),
    ("find", "ws", "x", "", "", "TIMEOUT"),
    ("ifetch", "ws", "x", BLANK, "", "TIMEOUT"),
    ("ifind", "ws", "x", BLANK, "", "TIMEOUT"),
]
WAITING_TAKES: list[Wait] = [
    ("take", "ws", "x", "10", "TIMEOUT"),
    ("lease", "ws", "x", "10", "TIMEOUT", "60000"),
    ("settle and lease", "ws", "x", "10", "TIMEOUT", "60000", ""),
]
WAITING_ANYS: list[Wait] = [
    ("take any", "ws", "10", "TIMEOUT", "x", "y2"),
    ("lease any", "ws", "10", "TIMEOUT", "60000", "y2", "x"),
    ("find any", "ws", "TIMEOUT", "x", "y2"),
]
each_wait = pytest.mark.parametrize(
    "wait", WAITING_GETS + WAITING_TAKES + WAITING_ANYS, ids=lambda wait: wait[0]
)


def start(link: Link, wait: Wait, timeout: str = "") -> None:
    """Begin to wait."""
    link.send(*(timeout if field == "TIMEOUT" else field for field in wait))
    assert link.silent


def answer_to(link: Link, wait: Wait) -> Answer:
    """Read the answer in the form that it has."""
    if wait in WAITING_ANYS:
        return link.any()
    return link.many() if wait in WAITING_TAKES else link.long()


# Cancel


@extended_kind
@each_wait
def test_a_cancelled_wait_is_answered_in_its_own_form(
    server: MemoryServer, kind: str, wait: Wait
) -> None:
    link, other = server.connect(kind), server.connect()
    start(link, wait)
    link.send("cancel")
    answer = answer_to(link, wait)
    assert answer == Answer(Status.CANCELLED)
    assert answer.reason == "the operation was cancelled"
    assert server.space.views.totals()["waiting"] == 0
    other.store("x", "v")
    assert link.silent
    assert link.get("fetch", "ws", "x").payload == b"v"


@extended_kind
@each_wait
def test_a_cancel_overtakes_what_lies_behind_the_wait(
    server: MemoryServer, kind: str, wait: Wait
) -> None:
    link = server.connect(kind)
    start(link, wait)
    link.send("store", "ws", "y", "0", "v")
    link.send("findTry", "ws", "y")
    assert link.silent
    link.send("cancel")
    assert answer_to(link, wait).status == Status.CANCELLED
    assert link.short().status == 0
    assert link.long().payload == b"v"


@extended_kind
def test_a_cancel_may_come_in_one_piece_with_all_around_it(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    before = link.form("store", "ws", "y", "0", "v")
    after = link.form("findTry", "ws", "y") + link.form("findTry", "ws", "y")
    link.write(before + link.form("fetch", "ws", "x") + link.form("cancel") + after)
    assert link.short().status == 0
    assert link.long().status == Status.CANCELLED
    assert [link.long().payload, link.long().payload] == [b"v", b"v"]


@extended_kind
def test_what_comes_together_with_a_cancel_is_performed(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.send("fetch", "ws", "x")
    link.write(link.form("cancel") + link.form("store", "ws", "y", "0", "v"))
    assert link.long().status == Status.CANCELLED
    assert link.short().status == 0
    link.send("list leases", "ws")
    assert link.long().status == 0


@extended_kind
def test_each_cancel_ends_one_wait(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.write(3 * link.form("fetch", "ws", "x"))
    for _ in range(3):
        assert link.silent
        link.send("cancel")
        assert link.long().status == Status.CANCELLED
    assert link.silent


@extended_kind
def test_a_cancel_of_nothing_is_not_answered(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.write(3 * link.form("cancel"))
    assert link.silent
    link.send("fetch", "ws", "x")
    assert link.silent
    server.connect().store("x", "v")
    assert link.long().payload == b"v"
    link.send("cancel")
    assert link.silent


@extended_kind
def test_a_cancel_with_arguments_is_none(server: MemoryServer, kind: str) -> None:
    link, other = server.connect(kind), server.connect()
    link.send("fetch", "ws", "x")
    link.send("cancel", "please")
    assert link.silent
    other.store("x", "v")
    assert link.long().payload == b"v"
    assert link.get("findTry", "ws", "x").status == link.no_value


@extended_kind
def test_a_cancel_keeps_its_place_while_the_client_does_not_read(
    server: MemoryServer, kind: str
) -> None:
    """Nothing waits then, but what it is meant for may lie in front of it."""
    link = server.connect(kind)
    link.connection.stall()
    link.send("fetch", "ws", "x")
    link.send("store", "ws", "y", "0", "v")
    link.send("cancel")
    link.connection.unstall()
    assert link.long().status == Status.CANCELLED
    assert link.short().status == 0


def test_original_clients_cannot_cancel(server: MemoryServer) -> None:
    link = server.connect()
    assert link.ask("cancel").status == Status.FAILED
    link.send("fetch", "ws", "x")
    link.send("cancel")
    assert link.silent
    assert link.closed


@extended_kind
def test_who_cancels_leaves_the_line_to_the_others(server: MemoryServer, kind: str) -> None:
    first, second, third = (server.connect(kind) for _ in range(3))
    for link in (first, second, third):
        link.send("fetch", "ws", "x")
    second.send("cancel")
    assert second.long().status == Status.CANCELLED
    server.connect().store("x", "1")
    assert first.long().payload == b"1"
    server.connect().store("x", "2")
    assert third.long().payload == b"2"


# Timeouts


@extended_kind
@each_wait
def test_a_wait_ends_when_its_time_is_over_and_not_before(
    server: MemoryServer, kind: str, wait: Wait
) -> None:
    link, other = server.connect(kind), server.connect()
    start(link, wait, "1500")
    server.advance(1.4)
    assert link.silent
    server.advance(0.2)
    answer = answer_to(link, wait)
    assert answer == Answer(Status.TIMED_OUT)
    assert answer.reason == "no value came in time"
    other.store("x", "v")
    assert link.silent
    assert other.get("fetch", "ws", "x").payload == b"v"


@extended_kind
@each_wait
def test_a_blank_timeout_is_none(server: MemoryServer, kind: str, wait: Wait) -> None:
    link = server.connect(kind)
    start(link, wait, 20 * " ")
    server.advance(1e9)
    assert link.silent
    link.send("cancel")
    assert answer_to(link, wait).status == Status.CANCELLED


@extended_kind
@each_wait
def test_a_value_that_comes_in_time_is_delivered_once(
    server: MemoryServer, kind: str, wait: Wait
) -> None:
    link = server.connect(kind)
    start(link, wait, "1000")
    server.connect().store("x", "v")
    answer = answer_to(link, wait)
    assert answer.payload == b"v" or answer.items[0].payload == b"v"
    server.advance(5)
    assert link.silent
    assert server.space.next_deadline() is None or "60000" in wait


@extended_kind
def test_no_time_at_all(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    assert link.get_many("take", "ws", "x", "1", "0").status == Status.TIMED_OUT
    assert link.get_many("lease", "ws", "x", "1", "0", "1000").status == Status.TIMED_OUT
    assert link.get("fetch", "ws", "x", "", "", "0").status == Status.TIMED_OUT
    assert link.get("ifind", "ws", "x", "", "", "0").status == Status.TIMED_OUT


@extended_kind
def test_timeouts_count_from_the_moment_the_operation_begins(
    server: MemoryServer, kind: str
) -> None:
    link = server.connect(kind)
    link.send("fetch", "ws", "x", "", "", "1000")
    link.send("fetch", "ws", "y", "", "", "1000")
    server.advance(1)
    assert link.long().status == Status.TIMED_OUT
    server.advance(0.9)
    assert link.silent
    server.advance(0.1)
    assert link.long().status == Status.TIMED_OUT


@extended_kind
def test_what_lies_behind_a_wait_goes_on_when_that_times_out(
    server: MemoryServer, kind: str
) -> None:
    link = server.connect(kind)
    link.send("fetch", "ws", "x", "", "", "1000")
    link.send("store", "ws", "y", "0", "v")
    server.advance(1)
    assert link.long().status == Status.TIMED_OUT
    assert link.short().status == 0


def test_the_longest_timeout_that_can_be_said(server: MemoryServer) -> None:
    link = server.connect("extended")
    link.send("fetch", "ws", "x", "", "", 20 * "9")
    server.advance(1e6)
    assert link.silent
    link.send("cancel")
    assert link.long().status == Status.CANCELLED


# A wait that ends otherwise


@extended_kind
@each_wait
def test_the_variable_goes(server: MemoryServer, kind: str, wait: Wait) -> None:
    link, other = server.connect(kind), server.connect()
    start(link, wait, "1000")
    assert other.ask("delete var", "ws", "x").status == 0
    answer = answer_to(link, wait)
    assert answer == Answer(Status.FAILED)
    assert answer.reason == "the variable 'x' was deleted"
    server.advance(2)
    assert link.silent


@extended_kind
@each_wait
def test_the_connection_goes(server: MemoryServer, kind: str, wait: Wait) -> None:
    link, other = server.connect(kind), server.connect()
    start(link, wait, "1000")
    link.lose()
    assert server.space.views.totals()["waiting"] == 0
    other.store("x", "v")
    assert other.get("fetch", "ws", "x").payload == b"v"
    server.advance(2)
    assert link.silent
