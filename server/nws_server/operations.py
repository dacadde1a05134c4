"""The operations as the wire calls them: fields of bytes in, a call of the space out.

Each function reads the fields of one request and makes one call; the caller is where the answer
goes. Which operations there are, with how many fields and what form of reply, is said in
`nws.wire.operations`; what they do, in ``core/space.py``; how they look in bytes, in
``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from nws.errors import Status
from nws.wire import operations as wire
from nws.wire.dialect import MAX_DESCRIPTOR, number
from nws.wire.operations import MAX_BATCH_FIELDS, Form
from nws.wire.requests import RefusedBody
from nws_server.core.replies import reply_text
from nws_server.core.space import Cookie, Reply, Session, Space, Value
from nws_server.hub import Hub
from nws_server.session_registry import Member

_BABELFISH_SUFFIX: Final = b" babelfish"
"""Ends the names of workspaces that are served by a babelfish."""

_MAX_TAKEN_VALUES: Final = 9999
"""The four-digit count of a reply can announce no more."""


_MAX_ASKED: Final = 1000
"""It takes the server some two microseconds for each variable."""


class Refusal(Exception):
    """A request that can be read but not performed; the message says why."""


class Caller(Reply, Member, Protocol):
    """The connection whose request is performed.

    Attributes:
        extended: whether it speaks the extensions.
        removes: what is answered with a value leaves the books.
        asked: the variables of a request that names several.
    """

    hub: Hub
    space: Space
    session: Session
    extended: bool
    removes: bool
    asked: Sequence[bytes]

    def acknowledge(self) -> None:
        """The client has received what was delivered last."""

    def take_back(self) -> None:
        """What was delivered last returns to its place."""

    def admit(self) -> None:
        """The connection stays, although there are too many."""

    def turn_away(self) -> None:
        """Refuse the request because there are too many connections, and end this one."""


# The operations of the original


def _open_ws(client: Caller, fields: list[Any], _: bytes) -> None:
    create = len(fields) < 5 or fields[4] == b"yes"
    persistent = fields[3] == b"yes"
    client.space.open_ws(client.session, fields[1], fields[2], persistent, create, client)


def _use_ws(client: Caller, fields: list[Any], _: bytes) -> None:
    create = len(fields) < 5 or fields[4] == b"yes"
    client.space.use_ws(client.session, fields[1], create, client)


def _mktemp_ws(client: Caller, fields: list[Any], _: bytes) -> None:
    template = fields[1] if len(fields) > 1 else b"__ws__%d"
    client.space.mktemp_ws(client.session, template, client)


def _delete_ws(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.delete_ws(client.session, fields[1], client)


def _list_wss(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.list_wss(client.session, fields[1] if len(fields) > 1 else None, client)


def _declare_var(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.declare_var(client.session, fields[1], fields[2], fields[3], client)


def _delete_var(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.delete_var(client.session, fields[1], fields[2], client)


def _list_vars(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.list_vars(client.session, fields[1], client.extended, client)


def _store(client: Caller, fields: list[Any], metadata: bytes) -> None:
    value = _value(fields[3], fields[4], metadata)
    variable_id = fields[5].strip(b" ") if len(fields) > 5 else b""
    client.space.store(client.session, fields[1], fields[2], (value,), client, variable_id)


def _find(client: Caller, fields: list[Any], _: bytes) -> None:
    client.removes = False
    client.waiter = client.space.find(
        client.session, fields[1], fields[2], client, wait=True, timeout=_timeout(fields, 5)
    )


def _find_try(client: Caller, fields: list[Any], _: bytes) -> None:
    client.removes = False
    client.space.find(client.session, fields[1], fields[2], client, wait=False)


def _fetch(client: Caller, fields: list[Any], _: bytes) -> None:
    client.removes = True
    client.waiter = client.space.fetch(
        client.session, fields[1], fields[2], client, wait=True, timeout=_timeout(fields, 5)
    )


def _fetch_try(client: Caller, fields: list[Any], _: bytes) -> None:
    client.removes = True
    client.space.fetch(client.session, fields[1], fields[2], client, wait=False)


def _iterate(client: Caller, fields: list[Any], _: bytes) -> None:
    name: bytes = fields[0]
    client.removes = name.startswith(b"ifetch")
    get = client.space.fetch if client.removes else client.space.find
    client.waiter = get(
        client.session,
        fields[1],
        fields[2],
        client,
        wait=not name.endswith(b"Try"),
        cookie=_cookie(fields[3], fields[4]),
        timeout=_timeout(fields, 5),
    )


def _deadman(client: Caller, fields: list[Any], _: bytes) -> None:
    raise Refusal("no client may tie the life of this server to its own")


# The operations of the extensions


def _store_many(client: Caller, fields: list[Any], metadata: bytes) -> None:
    if len(fields) % 2 == 0:
        raise Refusal("a descriptor without a value")
    pairs = zip(fields[3::2], fields[4::2], strict=True)
    values = [_value(descriptor, payload, metadata) for descriptor, payload in pairs]
    client.space.store(client.session, fields[1], fields[2], values, client)


def _take(client: Caller, fields: list[Any], _: bytes) -> None:
    _take_or_lease(client, fields, None)


def _lease(client: Caller, fields: list[Any], _: bytes) -> None:
    _take_or_lease(client, fields, _setting(fields[5]) / 1000)


def _take_or_lease(client: Caller, fields: list[Any], lease: float | None) -> None:
    _take_up_to(client, fields, _limit(fields[3]), _timeout(fields, 4), lease)


def _take_up_to(
    client: Caller, fields: list[Any], limit: int, timeout: float | None, lease: float | None
) -> None:
    client.removes = True
    client.waiter = client.space.take(
        client.session,
        fields[1],
        fields[2],
        client,
        limit=limit,
        wait=True,
        timeout=timeout,
        lease=lease,
    )


_setting: Final = lru_cache(maxsize=256)(number)
"""Reads limits and times, which come again and again."""


def _limit(text: bytes) -> int:
    limit = _setting(text)
    if limit < 1:
        raise Refusal("at least one value must be asked for")
    return min(limit, _MAX_TAKEN_VALUES)


def _take_any(client: Caller, fields: list[Any], _: bytes) -> None:
    _take_or_lease_any(client, fields, _asked(client, fields, 4), None)


def _lease_any(client: Caller, fields: list[Any], _: bytes) -> None:
    _take_or_lease_any(client, fields, _asked(client, fields, 5), _setting(fields[4]) / 1000)


def _take_or_lease_any(
    client: Caller, fields: list[Any], names: Sequence[bytes], lease: float | None
) -> None:
    client.removes = True
    client.waiter = client.space.take_any(
        client.session,
        fields[1],
        names,
        client,
        limit=_limit(fields[2]),
        timeout=_timeout(fields, 3),
        lease=lease,
    )


def _find_any(client: Caller, fields: list[Any], _: bytes) -> None:
    client.removes = False
    names = _asked(client, fields, 3)
    client.waiter = client.space.find_any(
        client.session, fields[1], names, client, timeout=_timeout(fields, 2)
    )


def _asked(client: Caller, fields: list[Any], begin: int) -> Sequence[bytes]:
    """Note and return the variables that a request names from here on."""
    names: Sequence[bytes] = fields[begin:]
    if len(names) > _MAX_ASKED:
        raise Refusal(f"at most {_MAX_ASKED:,} variables can be waited for at once")
    client.asked = names
    return names


def _renew(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.renew(client.session, _ids(client, fields[1]), _setting(fields[2]) / 1000, client)


def _release(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.release(client.session, _ids(client, fields[1]), fields[2] == b"yes", client)


def _settle(client: Caller, fields: list[Any], metadata: bytes) -> None:
    stores = _stores(fields, 2, metadata)
    ids = _ids(client, fields[1])
    numbered = fields[0] == b"settle numbered"
    client.space.settle(client.session, ids, stores, client, numbered=numbered)


class _Settled:
    """Takes the answer to a `settle` that a lease follows. A failure is the answer to both."""

    def __init__(self, client: Caller) -> None:
        self._client = client
        self.success = False

    def done(self) -> None:
        self.success = True

    def failed(self, status: int, reason: str) -> None:
        self._client.failed(status, reason)

    def raised(self, error: Exception) -> None:
        self._client.raised(error)


def _settle_and_lease(client: Caller, fields: list[Any], metadata: bytes) -> None:
    # First of all: nothing is settled if one of them is wrong.
    limit, timeout, lease = _limit(fields[3]), _timeout(fields, 4), _setting(fields[5]) / 1000
    settled: Any = _Settled(client)
    ids, stores = _ids(client, fields[6]), _stores(fields, 7, metadata)
    client.space.settle(client.session, ids, stores, settled)
    if settled.success:
        _take_up_to(client, fields, limit, timeout, lease)


def _stores(fields: list[Any], begin: int, metadata: bytes) -> Sequence[tuple[bytes, bytes, Value]]:
    """Read the stores of a `settle`: workspace, variable, and value."""
    if (len(fields) - begin) % 4:
        raise Refusal("each store needs a workspace, a variable, a descriptor and a value")
    return [
        (fields[at], fields[at + 1], _value(fields[at + 2], fields[at + 3], metadata))
        for at in range(begin, len(fields), 4)
    ]


def _withdraw(client: Caller, fields: list[Any], _: bytes) -> None:
    indexes = [number(each) for each in fields[3].split()]
    keep = len(fields) > 4 and fields[4] == b"yes"
    client.space.withdraw(client.session, fields[1], fields[2], indexes, client, keep=keep)


def _list_leases(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.list_leases(client.session, fields[1], client)


def _unknown(client: Caller, fields: list[Any], _: bytes) -> None:
    client.failed(Status.FAILED, f"there is no operation {fields[0][:40]!r}")


def _ack(client: Caller, fields: list[Any], _: bytes) -> None:
    client.acknowledge()


def _nack(client: Caller, fields: list[Any], _: bytes) -> None:
    client.take_back()


def _cancel(client: Caller, fields: list[Any], _: bytes) -> None:
    waiter = client.waiter
    if waiter is not None:  # else its answer is on the way already
        client.space.cancel(waiter)
        client.failed(Status.CANCELLED, "the operation was cancelled")


def _get_session(client: Caller, fields: list[Any], _: bytes) -> None:
    reply_text(client, client.hub.sessions.token_of(client.session))


def _attach(client: Caller, fields: list[Any], _: bytes) -> None:
    session = client.hub.sessions.attach(client, client.session, fields[1])
    if session is None:
        raise Refusal("there is no such session")
    client.session = session
    client.done()


def _status(client: Caller, fields: list[Any], _: bytes) -> None:
    reply_text(client, client.hub.status())


# In a reserved place


def _open_babelfish(client: Caller, fields: list[Any], metadata: bytes) -> None:
    if fields[1].endswith(_BABELFISH_SUFFIX):
        client.admit()
        _open_ws(client, fields, metadata)
    else:
        client.turn_away()


def _turn_away(client: Caller, fields: list[Any], _: bytes) -> None:
    client.turn_away()


@lru_cache(maxsize=1024)
def _descriptor(text: bytes) -> bytes:
    """Check a descriptor and bring it into its form of twenty digits."""
    descriptor = number(text)
    if descriptor > MAX_DESCRIPTOR:
        raise Refusal(f"the descriptor {descriptor} is larger than {MAX_DESCRIPTOR}")
    return b"%020d" % descriptor


def _value(descriptor: bytes, payload: Any, metadata: bytes) -> Value:
    if payload.__class__ is RefusedBody:
        raise Refusal(payload.reason)
    return Value(_descriptor(descriptor), payload, metadata)


def _cookie(variable_id: bytes, index: bytes) -> Cookie:
    variable_id = variable_id.strip(b" ")
    return Cookie(variable_id, number(index) if variable_id else 0)


def _timeout(fields: list[Any], position: int) -> float | None:
    """Read a timeout in milliseconds as seconds; blank or missing means no timeout."""
    if len(fields) <= position:
        return None
    text = fields[position].strip(b" ")
    return _setting(text) / 1000 if text else None


def _ids(client: Caller, text: bytes) -> list[int]:
    """Read which leases are meant: numbers, or all that the session holds."""
    if text == b"all":
        return list(client.session.leases)
    return [number(each) for each in text.split()] if text else []


_Perform: TypeAlias = Callable[[Caller, list[Any], bytes], None]


class Handler(NamedTuple):
    """How a request is performed. The counts of fields include the operation's name."""

    perform: _Perform
    form: int
    min_fields: int
    max_fields: int


_PERFORM: Final[dict[bytes, _Perform]] = {
    b"open ws": _open_ws,
    b"use ws": _use_ws,
    b"mktemp ws": _mktemp_ws,
    b"list wss": _list_wss,
    b"delete ws": _delete_ws,
    b"declare var": _declare_var,
    b"delete var": _delete_var,
    b"list vars": _list_vars,
    b"store": _store,
    b"fetch": _fetch,
    b"find": _find,
    b"fetchTry": _fetch_try,
    b"findTry": _find_try,
    b"ifetch": _iterate,
    b"ifind": _iterate,
    b"ifetchTry": _iterate,
    b"ifindTry": _iterate,
    b"deadman": _deadman,
    b"store many": _store_many,
    b"take": _take,
    b"lease": _lease,
    b"take any": _take_any,
    b"lease any": _lease_any,
    b"find any": _find_any,
    b"renew": _renew,
    b"release": _release,
    b"settle": _settle,
    b"settle numbered": _settle,
    b"settle and lease": _settle_and_lease,
    b"withdraw": _withdraw,
    b"list leases": _list_leases,
    b"ack": _ack,
    b"nack": _nack,
    b"cancel": _cancel,
    b"session": _get_session,
    b"attach": _attach,
    b"server status": _status,
}


def _bound(table: Mapping[bytes, wire.Operation]) -> dict[bytes, Handler]:
    return {
        name: Handler(_PERFORM[name], each.form, each.min_fields, each.max_fields)
        for name, each in table.items()
    }


_RESERVED: Final[dict[bytes, _Perform]] = {
    b"open ws": _open_babelfish,
    **{name: _PERFORM[name] for name in (b"session", b"server status", b"list wss")},
    **{name: _PERFORM[name] for name in (b"ack", b"nack", b"cancel")},
}
"""What a connection may ask for that has a reserved place: what an operator needs."""


def _reserved(table: Mapping[bytes, Handler]) -> dict[bytes, Handler]:
    return {
        name: handler._replace(perform=_RESERVED.get(name, _turn_away))
        for name, handler in table.items()
    }


UNKNOWN: Final = Handler(_unknown, Form.SHORT, 1, MAX_BATCH_FIELDS)
OPERATIONS: Final = _bound(wire.OPERATIONS)
EXTENDED_OPERATIONS: Final = _bound(wire.EXTENDED_OPERATIONS)
_RESERVED_OPERATIONS: Final = _reserved(OPERATIONS)
_RESERVED_EXTENDED_OPERATIONS: Final = _reserved(EXTENDED_OPERATIONS)


def operations_for(*, extended: bool, reserved: bool) -> Mapping[bytes, Handler]:
    """Return what a connection may ask for, with the extensions, and at a reserved place."""
    if reserved:
        return _RESERVED_EXTENDED_OPERATIONS if extended else _RESERVED_OPERATIONS
    return EXTENDED_OPERATIONS if extended else OPERATIONS
