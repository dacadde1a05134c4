"""A connection of a client for event loops, without a loop and without a socket."""

from __future__ import annotations

import io
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from nws.descriptors import TEXT
from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsProtocolException,
    Status,
)
from nws.nonblocking.connection import Connection
from nws.session.delivery import ACK, CANCEL, NACK
from nws.session.endpoint import Endpoint
from nws.session.sockets import Timeouts
from nws.tx.reactor import ReactorLoop
from nws.wire.dialect import BLANK_ID, EXTENSIONS, METADATA_FROM_SERVER, SESSION, Dialect
from nws.wire.handshake import ServerHandshake
from nws.wire.login import Login, ServerLogin
from nws.wire.operations import Form
from nws.wire.replies import Answer, ReplyEncoder
from nws.wire.requests import encode_request

ENCODER = ReplyEncoder(Dialect(metadata_out=True, extensions=True))
FETCH = [b"fetch", b"ws", b"x"]
LEASE = [b"lease", b"ws", b"x", b"1", b"", b"1000"]
VALUE = ENCODER.value(TEXT, BLANK_ID, 0, 5, b"") + b"value"
LEASED = ENCODER.many(1) + ENCODER.item(TEXT, 7, 1, 5, b"") + b"value"
CANCELLED = ENCODER.failure(Form.LONG, Status.CANCELLED, "cancelled")


class FarSocket:
    """Leads to another machine."""

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.1", 1

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.2", 2


class Wire:
    """The server's end of a link: what was sent, and whether it was hung up."""

    def __init__(self) -> None:
        self.socket = FarSocket()
        self.certificate = b""
        self.sent = b""
        self.is_full = False
        self.ended = ""
        self.room: Deferred[None] = Deferred()

    def write(self, data: bytes | memoryview, /) -> None:
        self.sent += bytes(data)

    async def drained(self) -> None:
        if self.is_full:
            await self.room

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def take(self) -> bytes:
        """Return what was sent since the last time."""
        sent, self.sent = self.sent, b""
        return sent


class Talk:
    """A connection, and its server's end."""

    def __init__(
        self,
        *,
        offers: Any = (METADATA_FROM_SERVER, EXTENSIONS, SESSION),
        ours: Login | None = None,
        theirs: ServerLogin | None = None,
    ) -> None:
        self.clock = Clock()
        self.wire = Wire()
        endpoint = Endpoint("host", 1, login=ours)
        self.connection = Connection(endpoint, ReactorLoop(self.clock), Timeouts())
        self.connection.opened(self.wire)
        server = ServerHandshake(dict.fromkeys(offers, b""), theirs)
        while self.wire.sent and not server.refused:
            self.connection.received(server.feed(self.wire.take()))
        self.wire.take()

    def ask(self, fields: list[bytes], into: Any = None, wait: Any = None) -> Deferred[Answer]:
        return Deferred.fromCoroutine(self.connection.ask(fields, wait, into))

    def cancel(self, asked: Deferred[Answer]) -> None:
        """End a wait, and do what a session does then."""
        asked.cancel()
        outcome(asked, CancelledError)
        self.connection.give_back()

    def look(self, seconds: float) -> None:
        """Let the connection look for silence as often as in this time."""
        for _ in range(int(seconds / Timeouts().poll_interval)):
            self.connection.look()


def outcome(asked: Deferred[Any], *error: type[BaseException]) -> Any:
    """Return what a Deferred has given; it must have failed if an error is named."""
    got: list[Any] = []
    asked.addBoth(got.append)
    assert got, "nothing has come"
    if error:
        got[0].trap(*error)
        return got[0].value
    return got[0]


def test_a_link_that_has_ended_is_left_alone() -> None:
    """asyncio would tell its end twice, and log an error."""
    for close_first in (False, True):
        talk = Talk()
        if close_first:
            talk.connection.close("the session was closed")
            talk.wire.ended = ""
        talk.connection.ended("the server closed the connection")
        talk.connection.close("the session was closed")
        assert talk.wire.ended == ""


def test_a_link_that_comes_too_late_is_hung_up() -> None:
    connection = Connection(Endpoint("host", 1), ReactorLoop(Clock()), Timeouts())
    connection.close("nobody wants it any more")
    wire = Wire()
    connection.opened(wire)
    assert (wire.ended, wire.sent) == ("aborted", b"")


def test_a_request_and_its_answer() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    assert talk.wire.take() == encode_request(FETCH)
    for number in range(len(VALUE)):
        assert not asked.called
        talk.connection.received(VALUE[number : number + 1])
    assert outcome(asked).payload == b"value"


def test_what_was_taken_is_acknowledged_soon() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    talk.connection.received(VALUE)
    talk.connection.keep()
    talk.wire.take()
    talk.clock.advance(1)
    assert talk.wire.take() == ACK
    talk.clock.advance(1)
    assert talk.wire.take() == b"", "once"
    outcome(asked)


def test_the_next_request_acknowledges() -> None:
    talk = Talk()
    for _ in range(2):
        asked = talk.ask(FETCH)
        assert talk.wire.take() == encode_request(FETCH)
        talk.clock.advance(1)
        assert talk.wire.take() == b"", "it may not be, while another value may be under way"
        talk.connection.received(VALUE)
        talk.connection.keep()
        outcome(asked)


def test_closing_acknowledges() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    talk.connection.received(VALUE)
    talk.connection.keep()
    talk.wire.take()
    talk.connection.close("over")
    assert talk.wire.take() == ACK
    outcome(asked)


@pytest.mark.parametrize("reply", [CANCELLED, VALUE])
def test_a_wait_that_is_cancelled(reply: bytes) -> None:
    talk = Talk()
    talk.cancel(talk.ask(FETCH))
    assert talk.wire.take() == encode_request(FETCH) + CANCEL
    assert not talk.connection.ready
    settled = Deferred.fromCoroutine(talk.connection.settle())
    talk.connection.received(reply)
    assert talk.wire.take() == (NACK if reply is VALUE else b"")
    assert outcome(settled) is None
    assert talk.connection.ready


def test_a_value_that_had_come_goes_back() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    talk.connection.received(VALUE)
    talk.wire.take()
    talk.connection.give_back()
    assert talk.wire.take() == NACK
    assert talk.connection.ready
    outcome(asked)


def test_a_cancelled_lease_is_released() -> None:
    talk = Talk()
    talk.cancel(talk.ask(LEASE))
    talk.wire.take()
    talk.connection.received(LEASED)
    assert talk.wire.take() == encode_request([b"release", b"7", b"no"])
    assert not talk.connection.ready
    talk.connection.received(ENCODER.short_ok)
    assert talk.connection.ready


def test_a_reply_half_of_which_had_come() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    talk.connection.received(VALUE[:-2])
    talk.cancel(asked)
    talk.connection.received(VALUE[-2:])
    assert talk.wire.take().endswith(CANCEL + NACK)
    assert talk.connection.ready


def test_a_request_half_of_which_was_sent() -> None:
    """The connection cannot be used any more, but keeps its session."""
    talk = Talk()
    talk.wire.is_full = True
    fields: Any = [b"store", b"ws", b"x", TEXT, bytes(1_000_000)]
    talk.cancel(talk.ask(fields))
    assert talk.connection.stuck
    assert not talk.connection.usable
    assert talk.wire.ended == ""


class Full(io.RawIOBase):
    """A file on a disk without room."""

    def write(self, data: Any, /) -> int:
        raise OSError(28, "no space left")


def test_a_file_that_cannot_be_written() -> None:
    talk = Talk()
    asked = talk.ask(FETCH, Full())
    talk.connection.received(VALUE)
    outcome(asked, OSError)
    talk.connection.give_back()
    assert talk.wire.take().endswith(NACK)
    assert talk.connection.ready


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"garbage" * 100, NwsProtocolException),
        (VALUE + b"more", NwsProtocolException),
        (b"", NwsConnectionDroppedException),
    ],
)
def test_the_end_of_a_connection(reply: bytes, error: type[Exception]) -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    if reply:
        talk.connection.received(reply)
        assert talk.wire.ended == "aborted"
    talk.connection.ended("gone")
    assert "fetch of 'x' in workspace 'ws': lost the server" in str(outcome(asked, error))
    outcome(talk.ask(FETCH), NwsConnectionDroppedException)
    talk.connection.received(VALUE)  # nothing is done any more


def test_bytes_that_nobody_asked_for() -> None:
    talk = Talk()
    talk.connection.received(b"0000")
    assert not talk.connection.usable
    assert talk.wire.ended == "aborted"


# Silence


def test_a_server_that_does_not_answer() -> None:
    talk = Talk()
    asked = talk.ask(FETCH, wait=100)
    talk.look(100 + Timeouts().reply - 10)
    assert not asked.called
    talk.look(10)
    assert "no answer for 160 seconds" in str(outcome(asked, NwsConnectionDroppedException))


def test_a_wait_without_end() -> None:
    talk = Talk()
    asked = talk.ask(FETCH)
    talk.look(100_000)
    assert not asked.called
    talk.connection.received(VALUE[:1])
    talk.look(Timeouts().reply)
    outcome(asked, NwsConnectionDroppedException)


def test_a_cancelled_wait_of_which_nothing_is_heard() -> None:
    talk = Talk()
    talk.cancel(talk.ask(FETCH))
    settled = Deferred.fromCoroutine(talk.connection.settle())
    talk.look(Timeouts().recovery)
    assert outcome(settled) is None
    assert talk.connection.stuck
    talk.connection.received(VALUE)
    assert not talk.connection.usable


# The handshake


def test_an_original_server_is_refused() -> None:
    talk = Talk(offers=())
    assert talk.wire.ended == "aborted"
    assert not talk.connection.usable


def test_both_sides_prove_that_they_know_the_secret() -> None:
    talk = Talk(
        ours=Login("a secret of ours"), theirs=ServerLogin("a secret of ours", "192.0.2.1:1")
    )
    assert talk.connection.dialect is not None
    assert talk.connection.usable


@pytest.mark.parametrize("theirs", [None, ServerLogin("another one", "192.0.2.1:1")])
def test_a_server_that_has_not_proved_it_is_not_used(theirs: ServerLogin | None) -> None:
    talk = Talk(ours=Login("a secret of ours"), theirs=theirs)
    assert talk.connection.dialect is None


def test_a_handshake_that_takes_too_long() -> None:
    clock = Clock()

    class Nowhere(ReactorLoop):
        """Connects to a server that says nothing."""

        async def connect(self, *_: Any) -> None:
            connection.opened(Wire())

    connection = Connection(Endpoint("host", 1), Nowhere(clock))
    opening = Deferred.fromCoroutine(connection.open(20))
    clock.advance(21)
    assert "no answer for 20 seconds" in str(outcome(opening, NwsConnectException))
    assert not clock.getDelayedCalls()
