"""A connection to a server: one request at a time, and its answer; the bytes are moved by a `Link`.

A request whose answer nobody wants any more is cancelled at once, and the coroutine goes on. Its
answer is awaited by the connection alone: what it brings goes back as it comes in. Until then the
connection is ``busy``. If that takes too long, or only a part of the request was sent, it is
``stuck``: it keeps its session alive until another connection takes its place. When it is closed
then, the server puts the value back by itself.

A removed value is acknowledged by the next request; if none follows within milliseconds, by a
message of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final

from nws.counted import counted
from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsProtocolException,
)
from nws.nonblocking.event_loop import EventLoop, Link
from nws.session.delivery import ACK, CANCEL, NACK, are_leased, release_fields
from nws.session.endpoint import Endpoint
from nws.session.failures import lost
from nws.session.sockets import Timeouts
from nws.session.transfers import Download, Upload
from nws.session.trust import client_login, why_not_trusted
from nws.wire.dialect import Dialect
from nws.wire.handshake import ClientHandshake
from nws.wire.login import ClientLogin
from nws.wire.operations import EXTENDED_OPERATIONS
from nws.wire.replies import Answer, ReplyDecoder
from nws.wire.requests import Field, LongBody, Part, encode_request, frame_request

__all__ = ["Connection"]

_ACK_SECONDS: Final = 0.005
"""How long a request may take to follow that acknowledges what was removed."""

_BLOCK_BYTES: Final = 256 * 1024
"""Longer parts of a request are sent as the server takes them."""


class _FileSink:
    """Passes a payload on to a file, and remembers why that went wrong.

    Attributes:
        error: what the file has raised. The rest of the payload is dropped then.
    """

    error: Exception | None = None

    def __init__(self, file: BinaryIO) -> None:
        self._download = Download(file)

    def write(self, data: memoryview, /) -> None:
        if self.error is None:
            try:
                self._download.write(data)
            except Exception as error:
                self.error = error


class _Exchange:
    """A request that was sent, and its answer.

    Attributes:
        answer: the reply, once it is complete.
        promise: of whoever waits for that.
        sent: all of the request was.
        wanted: somebody will take the answer.
        blame: if the answer is a lease that goes back, count it as an attempt.
    """

    answer: Answer | None = None
    promise: Any = None
    sent = False
    wanted = True
    blame = False

    def __init__(
        self, fields: Sequence[Field], dialect: Dialect, wait: float | None, into: BinaryIO | None
    ) -> None:
        name = fields[0]
        assert isinstance(name, bytes)
        operation = EXTENDED_OPERATIONS[name]
        self.fields = fields
        self.removes = operation.removes
        self.wait = wait
        self.sink = None if into is None else _FileSink(into)
        self.decoder = ReplyDecoder(operation.form, dialect, self.sink)


class Connection:
    """A connection to a server of ours, for one coroutine at a time.

    Attributes:
        dialect: what was agreed on; None during the handshake.
        token: by which other connections join the session that this one has begun.
        stuck: out of step with the server for good; close it when another one is there.
    """

    dialect: Dialect | None = None
    token = b""
    stuck = False
    _dropped = ""  # why there is no connection any more
    _link: Link | None = None
    _login: ClientLogin | None = None
    _handshake: ClientHandshake
    _shaken: Any = None  # the promise of who waits for the handshake
    _exchange: _Exchange | None = None
    _owes_ack = False
    _cancel_ack: Callable[[], None] | None = None  # what `_acknowledge` is called by
    _settled: Any = None  # the promise of who waits for the end of what nobody wants
    _silent_seconds = 0.0

    def __init__(
        self,
        endpoint: Endpoint,
        loop: EventLoop,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - it is a tuple
    ) -> None:
        """Prepare a connection; see `open`."""
        self.endpoint = endpoint
        self._loop = loop
        self._timeouts = timeouts
        self._ended = loop.promise()

    async def open(self, timeout: float) -> None:
        """Connect and shake hands.

        Args:
            timeout: for this, in seconds.

        Raises:
            OSError: nobody listens there.
            NwsConnectException: it is no server, or not one of ours.
        """
        self._shaken = self._loop.promise()
        cancel = self._loop.later(
            timeout, lambda: self._refuse(f"no answer for {counted(timeout, 'second')}")
        )
        try:
            await self._connect(timeout)
            await self._shaken
        except BaseException:
            self._drop("it was not wanted any more")
            raise
        finally:
            self._shaken = None
            cancel()

    async def _connect(self, timeout: float) -> None:
        if not self.endpoint.is_encrypted:
            await self._loop.connect(self.endpoint, self, timeout)
            return
        from nws.session.tls import TlsError  # which is slow to import

        try:
            await self._loop.connect(self.endpoint, self, timeout)
        except TlsError as error:
            raise NwsConnectException(
                f"cannot use the server at {self.endpoint}: {error}"
            ) from error

    # What a link tells

    def opened(self, link: Link) -> None:
        """There is a connection."""
        if self._dropped:  # while it was being opened
            link.abort()
            return
        self._link = link
        if self.endpoint.is_encrypted:
            from nws.session.tls import why_not_certified  # which is slow to import

            problem = why_not_certified(self.endpoint, link.certificate)
            if problem:
                self._refuse(problem)
                return
        self._login = client_login(self.endpoint, link.socket, link.certificate)
        self._handshake = ClientHandshake(self.endpoint.peer_timeout, self._login)
        link.write(self._handshake.start())

    def failed(self, reason: str) -> None:
        """There is a connection, on which TLS cannot begin."""
        self._refuse(reason)

    def received(self, data: bytes) -> None:
        """These bytes have come."""
        if self._dropped:
            return
        self._silent_seconds = 0.0
        exchange = self._exchange
        if exchange is not None and exchange.answer is None:
            self._read(exchange, data)
        elif self.dialect is None:
            self._shake_hands(data)
        else:
            self._drop_for(NwsProtocolException(f"{len(data)} bytes came that nobody asked for"))

    def ended(self, reason: str) -> None:
        """The connection has ended."""
        link, self._link = self._link, None  # to hang up once more would be told as another end
        if self.dialect is None and link is not None and not self._dropped:
            self._handshake.end()
            self._refuse(self._handshake.refused or reason)
        self._drop_for(NwsConnectionDroppedException(reason))
        self._loop.keep(self._ended, None)

    def _shake_hands(self, data: bytes) -> None:
        handshake = self._handshake
        answer = handshake.feed(data)
        if answer:
            self._write(answer)
        if handshake.dialect is not None and self._login is None and self._link is not None:
            handshake.refused = why_not_trusted(self._link.socket) or None
        if handshake.refused is not None:
            self._refuse(handshake.refused)
        elif handshake.dialect is not None and not handshake.dialect.extensions:
            self._refuse("it speaks only the original protocol, in which no wait can be cancelled")
        elif handshake.dialect is not None:
            self.dialect, self.token = handshake.dialect, handshake.token
            if self._shaken is not None:
                self._loop.keep(self._shaken, None)

    def _refuse(self, reason: str) -> None:
        error = NwsConnectException(f"cannot use the server at {self.endpoint}: {reason}")
        if self._shaken is not None:
            self._loop.fail(self._shaken, error)
        self._drop(reason)

    def _read(self, exchange: _Exchange, data: bytes) -> None:
        decoder = exchange.decoder
        try:
            answer = decoder.feed(data)
        except NwsProtocolException as error:
            self._drop_for(error)
            return
        if answer is None:
            return
        if decoder.rest:
            problem = f"{len(decoder.rest)} bytes came that nobody asked for"
            self._drop_for(NwsProtocolException(problem))
            return
        exchange.answer = answer
        if not exchange.wanted:
            self._undo(exchange)
        elif exchange.promise is not None:
            self._loop.keep(exchange.promise, None)

    # Requests

    @property
    def usable(self) -> bool:
        """Whether the connection is there and in step, as far as one knows."""
        return not self._dropped

    @property
    def ready(self) -> bool:
        """Whether a request can be sent."""
        return self._exchange is None and not self._dropped

    async def ask(
        self, fields: Sequence[Field], wait: float | None = 0.0, into: BinaryIO | None = None
    ) -> Answer:
        """Send a request and wait for its answer, which may be that it failed. Then it is for
        `keep` or `give_back` to say what becomes of it, also after an exception.

        Args:
            fields: of the request.
            wait: seconds that the server may wait before it replies; None for any time.
            into: a file that is given the payload, in place of the answer.

        Raises:
            NwsServerException: the connection is gone.
            OSError: a file cannot be read or written.
        """
        await self.send(fields, wait, into)
        return await self.answer()

    async def send(
        self, fields: Sequence[Field], wait: float | None = 0.0, into: BinaryIO | None = None
    ) -> None:
        """Send a request; see `ask`. The one before it must have come to its end."""
        self._check_usable()
        assert self.dialect is not None
        parts = frame_request(fields)
        exchange = self._exchange = _Exchange(fields, self.dialect, wait, into)
        self._owes_ack = False
        self._silent_seconds = 0.0
        link = self._link
        assert link is not None
        for part in parts:
            if isinstance(part, bytes) and len(part) <= _BLOCK_BYTES:  # as nearly all are
                link.write(part)
            else:
                await self._send_blocks(link, exchange, part)
        exchange.sent = True

    async def _send_blocks(self, link: Link, exchange: _Exchange, part: Part | LongBody) -> None:
        """Send a long part of a request as the server takes it."""
        for block in part.blocks() if isinstance(part, Upload) else _blocks(part):
            link.write(block)
            await link.drained()
            if self._dropped:
                error = NwsConnectionDroppedException(self._dropped)
                raise lost(exchange.fields, error, self.endpoint, self._dropped)
            self._silent_seconds = 0.0

    async def answer(self) -> Answer:
        """Wait for the answer to what was sent; again, if that was done."""
        self._check_usable()
        exchange = self._exchange
        assert exchange is not None
        if exchange.answer is None:
            exchange.promise = self._loop.promise()
            try:
                await exchange.promise
            except (NwsConnectionDroppedException, NwsProtocolException) as error:
                raise lost(exchange.fields, error, self.endpoint, self._dropped) from error
        if exchange.sink is not None and exchange.sink.error is not None:
            raise exchange.sink.error
        assert exchange.answer is not None
        return exchange.answer

    async def has_answer(self, timeout: float) -> bool:
        """Wait for the answer for some seconds; tell whether it, or the end, has come."""
        exchange = self._exchange
        if exchange is None or exchange.answer is not None:
            return True
        promise = exchange.promise = self._loop.promise()
        cancel = self._loop.later(timeout, lambda: self._loop.keep(promise, None))
        try:
            await promise
        except (NwsConnectionDroppedException, NwsProtocolException):
            pass  # who takes the answer is told
        finally:
            cancel()
        return self._exchange is None or exchange.answer is not None

    def keep(self) -> None:
        """The caller has made of the answer what it wants."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or not exchange.removes or exchange.answer is None:
            return
        if not are_leased(exchange.answer):
            self._owes_ack = True
            if self._cancel_ack is None:
                self._cancel_ack = self._loop.later(_ACK_SECONDS, self._acknowledge)

    def _acknowledge(self) -> None:
        self._cancel_ack = None
        if self._owes_ack and not self._dropped:
            self._owes_ack = False
            self._write(ACK)

    def give_back(self, *, blame: bool = False) -> None:
        """Undo the request, or bring it to its end. It does not wait for that; see `settle`.

        Args:
            blame: if the answer is a lease, count it as an attempt.
        """
        exchange = self._exchange
        if exchange is None or self._dropped:
            self._exchange = None
            return
        exchange.wanted = False
        exchange.blame = blame
        if exchange.answer is not None:
            self._undo(exchange)
        elif not exchange.sent:
            self._be_stuck("only a part of a request had been sent")
        else:
            exchange.decoder.drop()
            self._silent_seconds = 0.0
            self._write(CANCEL)

    def _undo(self, exchange: _Exchange) -> None:
        """Give back what an answer has removed, for which there is no use."""
        answer = exchange.answer
        assert answer is not None
        self._exchange = None
        if exchange.removes and not answer.status:
            if are_leased(answer):
                self._release(answer, blame=exchange.blame)
                return
            self._write(NACK)
        self._settle()

    def _release(self, answer: Answer, *, blame: bool) -> None:
        assert self.dialect is not None
        fields = release_fields(answer, blame=blame)
        exchange = self._exchange = _Exchange(fields, self.dialect, 0.0, None)
        exchange.sent = True
        exchange.wanted = False
        self._write(encode_request(fields))

    def _check_usable(self) -> None:
        if self._dropped:
            raise NwsConnectionDroppedException(
                f"the connection to the server at {self.endpoint} is gone: {self._dropped}"
            )

    def _write(self, data: bytes) -> None:
        assert self._link is not None
        self._link.write(data)

    async def settle(self) -> None:
        """Wait until what was given back is, or the connection is of no use any more."""
        if self._exchange is not None and not self._dropped:
            self._settled = self._loop.promise()
            await self._settled

    def _settle(self) -> None:
        if self._settled is not None:
            self._loop.keep(self._settled, None)
            self._settled = None

    # The end

    def look(self) -> None:
        """Give up a server that does not answer. Call this every `Timeouts.poll_interval`."""
        exchange = self._exchange
        if exchange is None or exchange.answer is not None or self._dropped:
            return
        self._silent_seconds += self._timeouts.poll_interval
        limit: float | None = self._timeouts.reply
        if not exchange.wanted:
            limit = self._timeouts.recovery
        elif not exchange.decoder.begun and exchange.sent:
            limit = None if exchange.wait is None else float(exchange.wait) + self._timeouts.reply
        if limit is None or self._silent_seconds < limit:
            return
        reason = f"no answer for {counted(round(self._silent_seconds), 'second')}"
        if exchange.wanted:
            self._drop_for(NwsConnectionDroppedException(reason))
        else:
            self._be_stuck(reason)

    def _be_stuck(self, reason: str) -> None:
        self._dropped = self._dropped or reason
        self.stuck = True
        self._exchange = None
        self._settle()

    def close(self, reason: str) -> None:
        """Hang up once all is sent. Whoever waits here gets an NwsConnectionDroppedException."""
        if self._cancel_ack is not None:
            self._cancel_ack()
            self._acknowledge()
        self._fail(NwsConnectionDroppedException(reason))
        if self._link is not None:
            self._link.close()

    async def closed(self) -> None:
        """Wait for the end of the connection, for some seconds."""
        if self._link is None:
            return
        cancel = self._loop.later(self._timeouts.recovery, self._link.abort)
        try:
            await self._ended
        finally:
            cancel()

    def _drop(self, reason: str) -> None:
        self._drop_for(NwsConnectionDroppedException(reason))

    def _drop_for(self, error: NwsException) -> None:
        """Hang up at once."""
        self._fail(error)
        if self._link is not None:
            self._link.abort()

    def _fail(self, error: NwsException) -> None:
        self._dropped = self._dropped or str(error)
        if self._cancel_ack is not None:
            self._cancel_ack()
        exchange, self._exchange = self._exchange, None
        if exchange is not None and exchange.promise is not None:
            self._loop.fail(exchange.promise, error)
        self._settle()


def _blocks(part: Part | LongBody) -> Iterator[memoryview]:
    assert isinstance(part, bytes | memoryview)
    view = memoryview(part).cast("B")
    for begin in range(0, len(view), _BLOCK_BYTES):
        yield view[begin : begin + _BLOCK_BYTES]
