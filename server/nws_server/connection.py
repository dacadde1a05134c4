"""One client's connection: bytes in, operations on the space, bytes out. No Twisted, no sockets.

Theory of operation
-------------------
`receive` decodes requests and performs them in order; the answers of one `receive` leave in one
write. The connection is itself the `Reply` of its operations. When one has to wait, ``_waiter`` is
set, and requests that arrive behind it lie in the backlog until its answer, which comes from another
connection's operation, has been sent. Only ``cancel`` overtakes. The backlog also fills while the
client does not read its replies. When it is full, reading stops.

With the extensions a value that a get removed stays in ``_delivered`` until the client has sent
anything further, at least an ``ack``. If the connection ends first, or the client says ``nack``, the
value returns to its place.

The operations themselves are listed in the table at the end, and described in ``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from nws.errors import NwsProtocolException, Status
from nws.handshake import ServerHandshake
from nws.wire import (
    MAX_DESCRIPTOR,
    Dialect,
    LongBody,
    RefusedBody,
    ReplyEncoder,
    Request,
    RequestDecoder,
    number,
)
from nws_server.core.space import Cookie, Session, Taken, Value, Waiter
from nws_server.core.variables import Variable
from nws_server.hub import Hub

_JOIN_BELOW: Final = 64 * 1024
"""Longer payloads are written by themselves instead of being copied together with their head."""

_SHORT, _LONG, _MANY, _NONE = range(4)
"""The forms of replies. An operation of the last form is never answered."""


class Outlet(Protocol):
    """Where a connection's bytes go; the net's side of it."""

    def write(self, data: bytes) -> None:
        """Send bytes, after all that was written before."""

    def write_body(self, body: LongBody) -> None:
        """Send a body that is not in memory, likewise."""

    def pause_reading(self) -> None:
        """Receive nothing more for a while."""

    def resume_reading(self) -> None:
        """Receive again."""

    def close(self) -> None:
        """Send what was written and hang up."""


class _Refusal(Exception):
    """A request that is complete but asks for something that cannot be."""


class Connection:
    """The server's end of one connection.

    Feed it with `receive`; tell it `lost` when the connection has ended; `stall` and `unstall` say
    that the client does not read, or reads again.
    """

    __slots__ = (
        "_backlog",
        "_backlog_size",
        "_closed",
        "_decoder",
        "_delivered",
        "_encoder",
        "_extended",
        "_form",
        "_handshake",
        "_hub",
        "_operations",
        "_out",
        "_outlet",
        "_paused",
        "_peer",
        "_removes",
        "_session",
        "_space",
        "_stalled",
        "_waiter",
    )

    def __init__(self, hub: Hub, outlet: Outlet, peer: bytes) -> None:
        """Begin a connection.

        Args:
            hub: the server.
            outlet: where answers go.
            peer: the client's address, for listings and the log.
        """
        self._hub = hub
        self._space = hub.space
        self._outlet = outlet
        self._peer = peer
        self._handshake: ServerHandshake | None = ServerHandshake(hub.offers)
        self._decoder: RequestDecoder = RequestDecoder(Dialect())
        self._encoder = ReplyEncoder(Dialect())
        self._extended = False
        self._operations = _OPERATIONS
        self._session: Session | None = None
        self._form = _SHORT
        self._removes = False
        self._delivered: tuple[Variable, Sequence[Value]] | None = None
        self._waiter: Waiter | None = None
        self._backlog: list[Request] = []
        self._backlog_size = 0
        self._paused = False
        self._stalled = False
        self._closed = False
        self._out: list[bytes] = []

    @property
    def established(self) -> bool:
        """Whether the handshake is over."""
        return self._handshake is None

    # Events

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._closed:
            return
        hub = self._hub
        self._space.now = hub.clock()
        if self._handshake is not None:
            data = self._shake_hands(self._handshake, data)
        requests = self._decoder.feed(data)
        if self._waiter is None and not self._stalled and not self._backlog:
            self._work(requests)
        elif requests or data:
            self._queue_up(requests, len(data))
        if self._out:
            self._flush()
        if self._decoder.error is not None:
            self._give_up(str(self._decoder.error))
        if hub.ready:
            hub.drain()

    def lost(self) -> None:
        """The connection has ended: undo what is not finished."""
        self._space.now = self._hub.clock()
        self._end()
        self._decoder.abandon()
        self._return_delivered()
        if self._session is not None:
            self._hub.leave(self, self._session)
            self._session = None
        self._hub.drain()

    def stall(self) -> None:
        """The client does not read: perform nothing more for it."""
        self._stalled = True

    def unstall(self) -> None:
        """The client reads again."""
        self._stalled = False
        if self._backlog:
            self._hub.ready.append(self)
            self._hub.drain()

    def go_on(self) -> None:
        """Perform requests of the backlog. The hub calls this."""
        if self._waiter is not None or self._stalled or self._closed:
            return
        backlog, self._backlog = self._backlog, []
        self._backlog_size = 0
        self._work(backlog)
        self._flush()
        if self._paused and not self._backlog:
            self._paused = False
            self._outlet.resume_reading()

    # Handshake

    def _shake_hands(self, handshake: ServerHandshake, data: bytes) -> bytes:
        """Take part in the handshake; return the bytes behind it."""
        answer = handshake.feed(data)
        if answer:
            self._outlet.write(answer)
        if handshake.refused:
            self._give_up("its handshake asks for what this server does not offer")
        elif handshake.dialect is not None:
            self._begin(handshake.dialect)
            return handshake.rest
        return b""

    def _begin(self, dialect: Dialect) -> None:
        self._handshake = None
        limits = self._hub.limits
        self._decoder = RequestDecoder(
            dialect,
            open_spool=self._hub.open_spool,
            spool_threshold=limits.spool_threshold,
            max_value=limits.max_value,
        )
        self._encoder = ReplyEncoder(dialect)
        self._extended = dialect.extensions
        self._operations = _EXTENDED_OPERATIONS if dialect.extensions else _OPERATIONS
        self._session = self._hub.join(self, self._peer)

    def _give_up(self, reason: str) -> None:
        """Hang up on a client that cannot be understood."""
        if not self._closed:
            self._hub.refuse(self._peer, reason)
            self._end()
            self._outlet.close()

    def _end(self) -> None:
        """Take part in nothing any more: no value may be handed to a connection that closes."""
        self._closed = True
        self._backlog.clear()
        if self._waiter is not None:
            self._space.cancel(self._waiter)
            self._waiter = None

    # Requests

    def _work(self, requests: list[Request]) -> None:
        """Perform requests until one waits or the client falls behind; keep the rest."""
        for place, request in enumerate(requests):
            if self._waiter is not None or self._stalled:
                self._queue_up(requests[place:], 0)
                return
            self._perform(request)

    def _queue_up(self, requests: list[Request], size: int) -> None:
        """Keep requests for later, except those that overtake."""
        for request in requests:
            if request[0][0] == b"cancel" and self._extended:
                self._perform(request)
            else:
                self._backlog.append(request)
        self._backlog_size += size
        if self._backlog_size > self._hub.limits.max_backlog and not self._paused:
            self._paused = True
            self._outlet.pause_reading()

    def _perform(self, request: Request) -> None:
        """Call the operation that a request names; every failure becomes its answer."""
        fields = request[0]
        name = fields[0]
        operation = self._operations.get(name, _UNKNOWN)
        if self._delivered is not None and name != b"nack":
            self._delivered = None
        if self._waiter is None:
            self._form = operation.form
        try:
            if not operation.least <= len(fields) <= operation.most:
                raise _Refusal(f"{name.decode()!r} does not take {len(fields) - 1} arguments")
            operation.perform(self, fields, request[1])
        except (_Refusal, NwsProtocolException) as error:
            self.failed(Status.REFUSED, str(error))
        except Exception as error:
            self._hub.crash(self._peer, f"operation {name!r} failed")
            self.failed(Status.INTERNAL, f"the server failed: {error!r}")

    # The answers of the space (see `Reply`)

    def done(self) -> None:
        self._out.append(self._encoder.short_ok)

    def text(self, text: bytes) -> None:
        self._out.append(self._encoder.text(len(text)))
        self._out.append(text)

    def failed(self, status: int, reason: str) -> None:
        encoder = self._encoder
        if not self._extended:
            status = Status.FAILED
        if self._form == _SHORT:
            self._out.append(encoder.short_failure(status, reason))
        elif self._form == _LONG:
            self._out.append(encoder.long_failure(status, reason))
        elif self._form == _MANY:
            self._out.append(encoder.many_failure(status, reason))
        if self._waiter is not None:
            self._answered_late()

    def value(self, value: Value, variable: Variable) -> None:
        if self._removes and self._extended:
            self._delivered = (variable, (value,))
        head = self._encoder.value(
            value.descriptor, variable.id, variable.index_of(value), value.size, value.metadata
        )
        self._out.append(head)
        self._put(value)
        if self._waiter is not None:
            self._answered_late()

    def values(self, taken: list[Taken], variable: Variable) -> None:
        if not taken[0].lease:
            self._delivered = (variable, [value for value, _ in taken])
        encoder = self._encoder
        self._out.append(encoder.many(len(taken)))
        for value, lease in taken:
            attempt = value.attempt + 1 if lease else 0
            self._out.append(
                encoder.item(value.descriptor, lease, attempt, value.size, value.metadata)
            )
            self._put(value)
        if self._waiter is not None:
            self._answered_late()

    def _put(self, value: Value) -> None:
        """Send a payload."""
        payload: Any = value.payload
        if payload.__class__ is not bytes:
            self._flush()
            self._outlet.write_body(payload)
        elif value.size < _JOIN_BELOW:
            self._out.append(payload)
        else:
            self._flush()
            self._outlet.write(payload)

    def _answered_late(self) -> None:
        """An operation that waited is over: send its answer, and go on with the backlog."""
        self._waiter = None
        self._flush()
        if self._backlog:
            self._hub.ready.append(self)

    def _flush(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._outlet.write(data)

    def _return_delivered(self) -> None:
        """Undo a removal whose answer the client did not take."""
        if self._delivered is not None:
            variable, values = self._delivered
            self._delivered = None
            self._space.put_back(variable, values)

    # The operations of the original

    def _open_ws(self, fields: list[Any], _: bytes) -> None:
        create = len(fields) < 5 or fields[4] == b"yes"
        persistent = fields[3] == b"yes"
        self._space.open_ws(self._owner, fields[1], fields[2], persistent, create, self)

    def _use_ws(self, fields: list[Any], _: bytes) -> None:
        create = len(fields) < 5 or fields[4] == b"yes"
        self._space.use_ws(self._owner, fields[1], create, self)

    def _mktemp_ws(self, fields: list[Any], _: bytes) -> None:
        template = fields[1] if len(fields) > 1 else b"__ws__%d"
        self._space.mktemp_ws(self._owner, template, self)

    def _delete_ws(self, fields: list[Any], _: bytes) -> None:
        self._space.delete_ws(self._owner, fields[1], self)

    def _list_wss(self, fields: list[Any], _: bytes) -> None:
        self._space.list_wss(self._owner, fields[1] if len(fields) > 1 else None, self)

    def _declare_var(self, fields: list[Any], _: bytes) -> None:
        self._space.declare_var(self._owner, fields[1], fields[2], fields[3], self)

    def _delete_var(self, fields: list[Any], _: bytes) -> None:
        self._space.delete_var(self._owner, fields[1], fields[2], self)

    def _list_vars(self, fields: list[Any], _: bytes) -> None:
        self._space.list_vars(self._owner, fields[1], self._extended, self)

    def _store(self, fields: list[Any], metadata: bytes) -> None:
        value = _value(fields[3], fields[4], metadata)
        variable_id = fields[5].strip(b" ") if len(fields) > 5 else b""
        self._space.store(self._owner, fields[1], fields[2], (value,), self, variable_id)

    def _find(self, fields: list[Any], _: bytes) -> None:
        self._removes = False
        self._waiter = self._space.find(
            self._owner, fields[1], fields[2], self, wait=True, timeout=_timeout(fields, 5)
        )

    def _find_try(self, fields: list[Any], _: bytes) -> None:
        self._removes = False
        self._space.find(self._owner, fields[1], fields[2], self, wait=False)

    def _fetch(self, fields: list[Any], _: bytes) -> None:
        self._removes = True
        self._waiter = self._space.fetch(
            self._owner, fields[1], fields[2], self, wait=True, timeout=_timeout(fields, 5)
        )

    def _fetch_try(self, fields: list[Any], _: bytes) -> None:
        self._removes = True
        self._space.fetch(self._owner, fields[1], fields[2], self, wait=False)

    def _iterate(self, fields: list[Any], _: bytes) -> None:
        name: bytes = fields[0]
        self._removes = name.startswith(b"ifetch")
        get = self._space.fetch if self._removes else self._space.find
        self._waiter = get(
            self._owner,
            fields[1],
            fields[2],
            self,
            wait=not name.endswith(b"Try"),
            cookie=_cookie(fields[3], fields[4]),
            timeout=_timeout(fields, 5),
        )

    def _deadman(self, fields: list[Any], _: bytes) -> None:
        raise _Refusal("no client may tie the life of this server to its own")

    # The operations of the extensions

    def _store_many(self, fields: list[Any], metadata: bytes) -> None:
        if len(fields) % 2 == 0:
            raise _Refusal("a descriptor without a value")
        pairs = zip(fields[3::2], fields[4::2], strict=True)
        values = [_value(descriptor, payload, metadata) for descriptor, payload in pairs]
        self._space.store(self._owner, fields[1], fields[2], values, self)

    def _take(self, fields: list[Any], _: bytes) -> None:
        self._take_or_lease(fields, None)

    def _lease(self, fields: list[Any], _: bytes) -> None:
        self._take_or_lease(fields, number(fields[5]) / 1000)

    def _take_or_lease(self, fields: list[Any], lease: float | None) -> None:
        limit = number(fields[3])
        if limit < 1:
            raise _Refusal("at least one value must be asked for")
        timeout = _timeout(fields, 4)
        self._waiter = self._space.take(
            self._owner,
            fields[1],
            fields[2],
            self,
            limit=min(limit, 9999),
            wait=timeout != 0,
            timeout=timeout,
            lease=lease,
        )

    def _renew(self, fields: list[Any], _: bytes) -> None:
        self._space.renew(self._owner, _ids(fields[1]), number(fields[2]) / 1000, self)

    def _release(self, fields: list[Any], _: bytes) -> None:
        self._space.release(self._owner, _ids(fields[1]), fields[2] == b"yes", self)

    def _settle(self, fields: list[Any], metadata: bytes) -> None:
        if len(fields) % 4 != 2:
            raise _Refusal("each store needs a workspace, a variable, a descriptor and a value")
        stores = [
            (ws, var, _value(descriptor, payload, metadata))
            for ws, var, descriptor, payload in zip(*(fields[n::4] for n in (2, 3, 4, 5)), strict=True)
        ]
        self._space.settle(self._owner, _ids(fields[1]), stores, self)

    def _list_leases(self, fields: list[Any], _: bytes) -> None:
        self._space.list_leases(self._owner, fields[1], self)

    def _unknown(self, fields: list[Any], _: bytes) -> None:
        self.failed(Status.FAILED, f"there is no operation {fields[0][:40]!r}")

    def _ack(self, fields: list[Any], _: bytes) -> None:
        """Any request acknowledges what was delivered before it; this one does nothing else."""

    def _nack(self, fields: list[Any], _: bytes) -> None:
        self._return_delivered()

    def _cancel(self, fields: list[Any], _: bytes) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._space.cancel(waiter)
            self.failed(Status.CANCELLED, "the operation was cancelled")

    def _get_session(self, fields: list[Any], _: bytes) -> None:
        self.text(self._hub.token_of(self._owner))

    def _attach(self, fields: list[Any], _: bytes) -> None:
        session = self._hub.attach(self, self._owner, fields[1])
        if session is None:
            raise _Refusal("there is no such session")
        self._session = session
        self.done()

    def _status(self, fields: list[Any], _: bytes) -> None:
        self.text(self._hub.status())

    @property
    def _owner(self) -> Session:
        session = self._session
        assert session is not None
        return session


@lru_cache(maxsize=1024)
def _descriptor(text: bytes) -> bytes:
    """Check a descriptor and bring it into its form of twenty digits."""
    descriptor = number(text)
    if descriptor > MAX_DESCRIPTOR:
        raise _Refusal(f"the descriptor {descriptor} is larger than {MAX_DESCRIPTOR}")
    return b"%020d" % descriptor


def _value(descriptor: bytes, payload: Any, metadata: bytes) -> Value:
    if payload.__class__ is RefusedBody:
        raise _Refusal(payload.reason)
    return Value(_descriptor(descriptor), payload, metadata)


def _cookie(variable_id: bytes, index: bytes) -> Cookie:
    variable_id = variable_id.strip(b" ")
    return Cookie(variable_id, number(index) if variable_id else 0)


def _timeout(fields: list[Any], place: int) -> float | None:
    """Read a timeout in milliseconds; blank or missing means to wait for ever."""
    if len(fields) <= place:
        return None
    text = fields[place].strip(b" ")
    return number(text) / 1000 if text else None


def _ids(text: bytes) -> list[int]:
    return [number(each) for each in text.split()]


class _Operation(NamedTuple):
    """How the wire calls an operation. The counts include its name."""

    perform: Callable[[Connection, list[Any], bytes], None]
    form: int
    least: int
    most: int


_UNKNOWN: Final = _Operation(Connection._unknown, _SHORT, 1, 9999)
_OPERATIONS: Final[dict[bytes, _Operation]] = {
    b"open ws": _Operation(Connection._open_ws, _SHORT, 4, 5),
    b"use ws": _Operation(Connection._use_ws, _SHORT, 4, 5),
    b"mktemp ws": _Operation(Connection._mktemp_ws, _LONG, 1, 2),
    b"list wss": _Operation(Connection._list_wss, _LONG, 1, 2),
    b"delete ws": _Operation(Connection._delete_ws, _SHORT, 2, 2),
    b"declare var": _Operation(Connection._declare_var, _SHORT, 4, 4),
    b"delete var": _Operation(Connection._delete_var, _SHORT, 3, 3),
    b"list vars": _Operation(Connection._list_vars, _LONG, 2, 2),
    b"store": _Operation(Connection._store, _SHORT, 5, 6),
    b"fetch": _Operation(Connection._fetch, _LONG, 3, 5),
    b"find": _Operation(Connection._find, _LONG, 3, 5),
    b"fetchTry": _Operation(Connection._fetch_try, _LONG, 3, 5),
    b"findTry": _Operation(Connection._find_try, _LONG, 3, 5),
    b"ifetch": _Operation(Connection._iterate, _LONG, 5, 5),
    b"ifind": _Operation(Connection._iterate, _LONG, 5, 5),
    b"ifetchTry": _Operation(Connection._iterate, _LONG, 5, 5),
    b"ifindTry": _Operation(Connection._iterate, _LONG, 5, 5),
    b"deadman": _Operation(Connection._deadman, _SHORT, 1, 1),
}
_EXTENDED_OPERATIONS: Final[dict[bytes, _Operation]] = {
    **_OPERATIONS,
    # The blocking gets take a timeout as well.
    b"fetch": _Operation(Connection._fetch, _LONG, 3, 6),
    b"find": _Operation(Connection._find, _LONG, 3, 6),
    b"ifetch": _Operation(Connection._iterate, _LONG, 5, 6),
    b"ifind": _Operation(Connection._iterate, _LONG, 5, 6),
    b"store many": _Operation(Connection._store_many, _SHORT, 5, 9999),
    b"take": _Operation(Connection._take, _MANY, 5, 5),
    b"lease": _Operation(Connection._lease, _MANY, 6, 6),
    b"renew": _Operation(Connection._renew, _SHORT, 3, 3),
    b"release": _Operation(Connection._release, _SHORT, 3, 3),
    b"settle": _Operation(Connection._settle, _SHORT, 2, 9999),
    b"list leases": _Operation(Connection._list_leases, _LONG, 2, 2),
    b"ack": _Operation(Connection._ack, _NONE, 1, 1),
    b"nack": _Operation(Connection._nack, _NONE, 1, 1),
    b"cancel": _Operation(Connection._cancel, _NONE, 1, 1),
    b"session": _Operation(Connection._get_session, _LONG, 1, 1),
    b"attach": _Operation(Connection._attach, _SHORT, 2, 2),
    b"server status": _Operation(Connection._status, _LONG, 1, 1),
}
