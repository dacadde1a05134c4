"""One client's connection: bytes in, operations on the space, bytes out. No Twisted, no sockets.

Theory of operation
-------------------
`receive` decodes requests and performs them in order; the answers of one `receive` leave in one
write. The connection is itself the `Reply` of its operations, which answer at once. Only one that
has to wait does not: then ``waiter`` is set, and requests that arrive behind it lie in the backlog
until its answer, which comes from another connection's operation, has been sent. Only ``cancel``
overtakes. Without the extensions any byte behind a request that waits ends the connection: an
original client sends it only if its user interrupted the wait, and would take each later answer for
that of the call before. The backlog also fills while the client does not read its replies. When it
is full, reading stops.

With the extensions, values that a get removed are in the session's hands, and noted in
``_delivered``, until the client acknowledges them by an ``ack`` or any further request. If the
connection ends before that they return to their places. They also return if the next request is
``nack``, even behind an ``ack``; but large ones are kept for that only a moment. docs/design.md has
a picture of these states. What requests mean is in ``operations.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nws.errors import NwsProtocolException, Status
from nws.wire.dialect import Dialect
from nws.wire.handshake import Proof, ServerHandshake
from nws.wire.operations import Form
from nws.wire.replies import ReplyEncoder
from nws.wire.requests import Request, RequestDecoder
from nws_server.authenticator import Visitor
from nws_server.core.space import Place, Session, Taken, Value, Waiter
from nws_server.hub import Hub
from nws_server.incidents import REFUSED_HANDSHAKES, REFUSED_LOGINS, REFUSED_REQUESTS
from nws_server.operations import (
    OPERATIONS,
    UNKNOWN,
    Handler,
    Refusal,
    operations_for,
)
from nws_server.outlet import Outlet

_MAX_JOINED_BYTES: Final = 64 * 1024
"""Longer payloads are written by themselves instead of being copied together with their head, and
this much is written before the next request is performed: then a client that does not read is
noticed before the answers to all that it sent at once lie in memory."""

_LARGE_READ_BYTES: Final = 64 * 1024
"""When more than this is missing from a request, it is received in large pieces."""

_MAX_KEPT_BYTES: Final = 64 * 1024
"""Longer deliveries are given up a moment after their ``ack``, others with the next request."""

_KEEP_SECONDS: Final = 0.5
"""How long a client may take for a ``nack`` of a longer one behind its ``ack``: the exception that
calls for it, such as that of Ctrl-C, strikes within microseconds."""

_NOT_AN_ANSWER: Final = (b"ack", b"nack", b"cancel")
"""Requests that do not say that the client has what was delivered. A cancel may cross the value."""


class Connection:
    """The server's end of one connection.

    Feed it with `receive`; tell it `lost` when the connection has ended; `stall` and `unstall` say
    that the client does not read, or reads again.

    Attributes:
        peer: the client's address.
        identity: what it has proved; empty if nobody has asked.
        since: when it came, in seconds of the hub's clock.
        performed: how many operations it has asked for.
        received, sent: bytes.
        deadline: when it gives up what it keeps for a ``nack``, or None.
        extended, session, removes, asked, waiter: see `Caller`.
    """

    __slots__ = (
        "__weakref__",
        "_acknowledged",
        "_admitted",
        "_backlog",
        "_backlog_size",
        "_cancels",
        "_closed",
        "_decoder",
        "_delivered",
        "_encoder",
        "_expects_much",
        "_form",
        "_handshake",
        "_operations",
        "_out",
        "_outlet",
        "_paused",
        "_stalled",
        "_unsent",
        "_visitor",
        "asked",
        "deadline",
        "extended",
        "hub",
        "identity",
        "peer",
        "performed",
        "received",
        "removes",
        "sent",
        "session",
        "since",
        "space",
        "waiter",
    )

    def __init__(
        self,
        hub: Hub,
        outlet: Outlet,
        peer: bytes,
        *,
        visitor: Visitor | None = None,
        admitted: bool = True,
    ) -> None:
        """Begin a connection.

        Args:
            hub: the server.
            outlet: where answers go.
            peer: the client's address, for listings and the log.
            visitor: decides who may come in; None if anybody may.
            admitted: False if it has a reserved place, as there are too many connections.
        """
        self.hub = hub
        self.space = hub.space
        self._outlet = outlet
        self.peer = peer
        self.since = hub.clock()
        self.performed = self.received = self.sent = 0
        self.identity = ""
        self._visitor = visitor
        login = None if visitor is None else visitor.login
        self._handshake: ServerHandshake | None
        self._handshake = ServerHandshake(hub.offers, login, self._admit, self._token)
        self._decoder: RequestDecoder = RequestDecoder(Dialect())
        self._encoder = ReplyEncoder(Dialect())
        self.extended = False
        self._operations: Mapping[bytes, Handler] = OPERATIONS
        self._admitted = admitted
        self.session: Session
        self._form = Form.SHORT
        self.removes = False
        self.asked: Sequence[bytes] = ()
        self._delivered: tuple[Place, Sequence[Value]] | None = None
        self._acknowledged = False
        self.deadline: float | None = None
        self._expects_much = False
        self.waiter: Waiter | None = None
        self._backlog: deque[Request] = deque()
        self._cancels: deque[Request] = deque()  # those in the backlog that may still overtake
        self._backlog_size = 0
        self._paused = False
        self._stalled = False
        self._closed = False
        self._out: list[bytes] = []
        self._unsent = 0  # bytes of payload in it

    @property
    def established(self) -> bool:
        """Whether the handshake is over."""
        return self._handshake is None

    # Events

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._closed:
            return
        hub = self.hub
        self.space.now = hub.clock()
        self.received += len(data)
        if self._handshake is not None:
            self._shake_hands(self._handshake, data)
            return
        requests = self._decoder.feed(data)
        if self._decoder.missing > _LARGE_READ_BYTES or self._expects_much:
            self._expects_much = self._decoder.missing > _LARGE_READ_BYTES
            self._outlet.expect(self._expects_much)
        if self.waiter is None and not self._stalled and not self._backlog:
            self._work(requests)
        elif requests or not self.extended:
            self._queue_up(requests)
        if self._out:
            self._flush()
        if self._decoder.error is not None:
            self._give_up(str(self._decoder.error))
        if hub.run_queue.ready:
            hub.run_queue.drain()

    def lost(self) -> None:
        """The connection has ended: undo what is not finished."""
        self.space.now = self.hub.clock()
        self._end()
        self._decoder.abandon()
        if not self._acknowledged:
            self.take_back()
        self.forget_delivered()  # what is kept for a nack may be a file
        if self.established:
            self.hub.sessions.leave(self, self.session)
        self.hub.run_queue.drain()

    def stall(self) -> None:
        """The client does not read: perform nothing more for it."""
        self._stalled = True

    def unstall(self) -> None:
        """The client reads again."""
        self._stalled = False
        self.space.now = self.hub.clock()
        if self._backlog:
            self.hub.run_queue.ready.append(self)
            self.hub.run_queue.drain()

    def go_on(self) -> None:
        """Perform requests of the backlog. The run queue calls this."""
        backlog, cancels = self._backlog, self._cancels
        while backlog and self.waiter is None and not self._stalled:
            request = backlog.popleft()
            self._backlog_size -= _weight(request)
            if not self._is_cancel(request):
                self._perform(request)
                if backlog or self._decoder.unfinished:
                    self._look_behind_wait()
            elif cancels and cancels[0] is request:  # else it has overtaken
                cancels.popleft()  # it comes too late: nothing waits
        self._flush()
        if self._paused and not backlog and not self._closed:
            self._paused = False
            self._outlet.resume_reading()

    # Handshake

    def _shake_hands(self, handshake: ServerHandshake, data: bytes) -> None:
        """Take part in the handshake."""
        answer = handshake.feed(data)
        if answer:
            self._outlet.write(answer)
        if self._closed:
            self._outlet.close()
        elif handshake.refused:
            self._give_up(handshake.refused)
        elif handshake.dialect is not None:
            self._begin(handshake.dialect)

    def _admit(self, dialect: Dialect, proof: Proof) -> str:
        """Return why the client may not come in. If it may, that is empty, and it has a session."""
        if self._visitor is not None:
            reason = self._visitor.admit(dialect, proof)
            if reason:
                self.hub.refuse(REFUSED_LOGINS, self.peer, reason)
                self._end()
                return reason
            self.identity, self._visitor = self._visitor.identity, None
        self.session = self.hub.sessions.join(self, self.peer, acknowledges=dialect.extensions)
        return ""

    def _token(self) -> bytes:
        return self.hub.sessions.token_of(self.session)

    def _begin(self, dialect: Dialect) -> None:
        self._handshake = None
        limits = self.hub.limits
        self._decoder = RequestDecoder(
            dialect,
            open_spool=self.hub.open_spool,
            spool_threshold=limits.spool_threshold,
            max_value=limits.max_value,
        )
        self._encoder = ReplyEncoder(dialect)
        self.extended = dialect.extensions
        self._operations = self._known_operations()
        if dialect.peer_timeout:
            self._outlet.limit_silence(dialect.peer_timeout)

    def _known_operations(self) -> Mapping[bytes, Handler]:
        return operations_for(extended=self.extended, reserved=not self._admitted)

    def _give_up(self, reason: str) -> None:
        """Hang up on a client that cannot be understood."""
        if not self._closed:
            kind = REFUSED_REQUESTS if self.established else REFUSED_HANDSHAKES
            self.hub.refuse(kind, self.peer, reason)
            self._end()
            self._outlet.close()

    def _end(self) -> None:
        """Take part in nothing any more: no value may be handed to a connection that closes."""
        self._closed = True
        self._backlog.clear()
        self._cancels.clear()
        if self.waiter is not None:
            self.space.cancel(self.waiter)
            self.waiter = None

    # Requests

    def _work(self, requests: list[Request]) -> None:
        """Perform requests until one waits or the client falls behind; keep the rest."""
        for position, request in enumerate(requests):
            if self.waiter is not None or self._stalled:
                self._queue_up(requests[position:])
                return
            if self._closed:
                return
            self._perform(request)
        if self.waiter is not None and self._decoder.unfinished:
            self._look_behind_wait()

    def _queue_up(self, requests: list[Request]) -> None:
        """Keep requests for later."""
        for request in requests:
            self._backlog.append(request)
            self._backlog_size += _weight(request)
            if self._is_cancel(request):
                self._cancels.append(request)
        self._look_behind_wait()
        if self._backlog_size > self.hub.limits.max_backlog and not self._paused:
            self._paused = True
            self._outlet.pause_reading()
        if self.waiter is None and self._backlog:  # what it waited behind was cancelled
            self.hub.run_queue.ready.append(self)

    def _look_behind_wait(self) -> None:
        """If something waits, let a cancel overtake; hang up on an original client, which may send
        nothing there."""
        if self.waiter is None:
            return
        if not self.extended:
            self._give_up("it sent a request behind one that waits")
        elif self._cancels:
            self._perform(self._cancels.popleft())

    def _is_cancel(self, request: Request) -> bool:
        return self.extended and request[0] == [b"cancel"]

    def _perform(self, request: Request) -> None:
        """Call the operation that a request names; every failure becomes its answer."""
        fields = request[0]
        name = fields[0]
        self.performed += 1
        operation = self._operations.get(name, UNKNOWN)
        if self._delivered is not None and name not in _NOT_AN_ANSWER:
            if not self._acknowledged:
                self.space.confirm(self.session, self._delivered[1])
            self.forget_delivered()
        if self.waiter is None:  # else it is a cancel, and the answer is that of what waits
            self._form = operation.form
        try:
            if not operation.min_fields <= len(fields) <= operation.max_fields:
                raise Refusal(f"{name.decode()!r} does not take {len(fields) - 1} arguments")
            operation.perform(self, fields, request[1])
        except (Refusal, NwsProtocolException) as error:
            self.failed(Status.REFUSED, str(error))
        except Exception as error:
            self.hub.log_crash(self.peer, f"operation {name!r} failed")
            self.failed(Status.INTERNAL, f"the server failed: {error!r}")

    # The answers of the space (see `Reply`)

    def done(self) -> None:
        self._out.append(self._encoder.short_ok)

    def text(self, text: bytes) -> None:
        self._out.append(self._encoder.text(len(text)))
        self._out.append(text)
        self._unsent += len(text)
        if self._unsent >= _MAX_JOINED_BYTES:
            self._flush()

    def failed(self, status: int, reason: str) -> None:
        if not self.extended:
            status = Status.FAILED
        if self._form != Form.NONE:
            self._out.append(self._encoder.failure(self._form, status, reason))
        if self.waiter is not None:
            self._wait_is_over()

    def value(self, value: Value, index: int, place: Place) -> None:
        if self.removes and self.extended:
            self._delivered = (place, (value,))
            self._acknowledged = False
        self._out.append(
            self._encoder.value(value.descriptor, place.id, index, value.size, value.metadata)
        )
        self._put(value)
        if self.waiter is not None:
            self._wait_is_over()

    def values(self, taken: list[Taken], place: Place) -> None:
        if self.removes and not taken[0].lease:
            self._delivered = (place, [value for value, _ in taken])
            self._acknowledged = False
        encoder = self._encoder
        if self._form == Form.ANY:
            self._out.append(encoder.any(len(taken), self.asked.index(place.name)))
        else:
            self._out.append(encoder.many(len(taken)))
        for value, lease in taken:
            attempt = value.attempt + 1 if lease else 0
            self._out.append(
                encoder.item(value.descriptor, lease, attempt, value.size, value.metadata)
            )
            self._put(value)
        if self.waiter is not None:
            self._wait_is_over()

    def _put(self, value: Value) -> None:
        """Send a payload."""
        payload: Any = value.payload
        if payload.__class__ is not bytes:
            self._flush()
            self.sent += value.size
            self._outlet.write_body(payload)
        elif value.size < _MAX_JOINED_BYTES:
            self._out.append(payload)
            self._unsent += value.size
            if self._unsent >= _MAX_JOINED_BYTES:
                self._flush()
        else:
            self._flush()
            self.sent += value.size
            self._outlet.write(payload)

    def raised(self, error: Exception) -> None:
        # Part of the reply may be written: nothing can be sent behind it.
        self.hub.log_crash(self.peer, "a reply could not be sent")
        self.waiter = None
        self._delivered = None
        self._out.clear()
        self._end()
        self._outlet.close()

    def _wait_is_over(self) -> None:
        """An operation that waited is answered: send that, and go on with the backlog."""
        self.waiter = None
        self._flush()
        if self._backlog:
            self.hub.run_queue.ready.append(self)

    def _flush(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._unsent = 0
            self.sent += len(data)
            self._outlet.write(data)

    # What operations do to the connection (see `Caller`)

    def admit(self) -> None:
        self._admitted = True
        self._operations = self._known_operations()
        self._outlet.admit()

    def turn_away(self) -> None:
        self.failed(Status.REFUSED, self.hub.refuse_connection(self.peer))
        self._flush()
        self._end()
        self._outlet.close()

    def acknowledge(self) -> None:
        self._expects_much = False
        if self._delivered is not None and not self._acknowledged:
            self._acknowledged = True
            values = self._delivered[1]
            self.space.confirm(self.session, values)
            if sum(value.size for value in values) > _MAX_KEPT_BYTES:
                self.hub.keepers.enter(self, self.space.now + _KEEP_SECONDS)

    def forget_delivered(self) -> None:
        self._delivered = None
        self.deadline = None

    def take_back(self) -> None:
        if self._delivered is not None:
            place, values = self._delivered
            self.forget_delivered()
            self.space.put_back(self.session, place, values)


def _weight(request: Request) -> int:
    """Return the bytes of memory that a request costs, roughly."""
    fields, metadata = request
    held = [len(field) for field in fields if field.__class__ is bytes]
    return 150 + 60 * len(fields) + sum(held) + len(metadata)
