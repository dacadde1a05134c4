"""The operations as the wire calls them: fields of bytes in, a call of the space out.

Each function reads the fields of one request and makes one call; the caller is where the answer
goes. The tables at the end say which names there are, with how many fields and what form of reply.
What the operations do is said in ``core/space.py``; how they look in bytes, in
``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from nws.errors import Status
from nws.wire.requests import BATCH_ARGUMENTS, MAX_DESCRIPTOR, RefusedBody, number
from nws_server.core.space import Cookie, Reply, Session, Space, Value
from nws_server.hub import Hub, Member

_MAX_TAKE: Final = 9999
"""The most values that the four-digit count of a reply can announce."""


class Refusal(Exception):
    """A request that is complete but asks for something that cannot be."""


class Form:
    """The forms of replies. An operation of the last form is never answered."""

    SHORT, LONG, MANY, NONE = range(4)


class Caller(Reply, Member, Protocol):
    """The connection whose request is performed.

    Attributes:
        extended: whether it speaks the extensions.
        removes: what is answered with a value leaves the books.
    """

    hub: Hub
    space: Space
    session: Session
    extended: bool
    removes: bool

    def acknowledge(self) -> None:
        """The client has what was delivered last."""

    def take_back(self) -> None:
        """The client does not want what was delivered last."""


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
    _take_or_lease(client, fields, number(fields[5]) / 1000)


def _take_or_lease(client: Caller, fields: list[Any], lease: float | None) -> None:
    limit = number(fields[3])
    if limit < 1:
        raise Refusal("at least one value must be asked for")
    client.waiter = client.space.take(
        client.session,
        fields[1],
        fields[2],
        client,
        limit=min(limit, _MAX_TAKE),
        wait=True,
        timeout=_timeout(fields, 4),
        lease=lease,
    )


def _renew(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.renew(client.session, _ids(client, fields[1]), number(fields[2]) / 1000, client)


def _release(client: Caller, fields: list[Any], _: bytes) -> None:
    client.space.release(client.session, _ids(client, fields[1]), fields[2] == b"yes", client)


def _settle(client: Caller, fields: list[Any], metadata: bytes) -> None:
    if len(fields) % 4 != 2:
        raise Refusal("each store needs a workspace, a variable, a descriptor and a value")
    stores = [
        (ws, var, _value(descriptor, payload, metadata))
        for ws, var, descriptor, payload in zip(*(fields[n::4] for n in (2, 3, 4, 5)), strict=True)
    ]
    client.space.settle(client.session, _ids(client, fields[1]), stores, client)


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
    client.text(client.hub.token_of(client.session))


def _attach(client: Caller, fields: list[Any], _: bytes) -> None:
    session = client.hub.attach(client, client.session, fields[1])
    if session is None:
        raise Refusal("there is no such session")
    client.session = session
    client.done()


def _status(client: Caller, fields: list[Any], _: bytes) -> None:
    client.text(client.hub.status())


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


def _timeout(fields: list[Any], place: int) -> float | None:
    """Read a timeout in milliseconds; blank or missing means to wait for ever."""
    if len(fields) <= place:
        return None
    text = fields[place].strip(b" ")
    return number(text) / 1000 if text else None


def _ids(client: Caller, text: bytes) -> list[int]:
    """Read which leases are meant: numbers, or all that the session holds."""
    if text == b"all":
        return list(client.session.leases)
    return [number(each) for each in text.split()]


class Operation(NamedTuple):
    """How the wire calls an operation. The counts include its name."""

    perform: Callable[[Caller, list[Any], bytes], None]
    form: int
    least: int
    most: int


UNKNOWN: Final = Operation(_unknown, Form.SHORT, 1, BATCH_ARGUMENTS)
OPERATIONS: Final[dict[bytes, Operation]] = {
    b"open ws": Operation(_open_ws, Form.SHORT, 4, 5),
    b"use ws": Operation(_use_ws, Form.SHORT, 4, 5),
    b"mktemp ws": Operation(_mktemp_ws, Form.LONG, 1, 2),
    b"list wss": Operation(_list_wss, Form.LONG, 1, 2),
    b"delete ws": Operation(_delete_ws, Form.SHORT, 2, 2),
    b"declare var": Operation(_declare_var, Form.SHORT, 4, 4),
    b"delete var": Operation(_delete_var, Form.SHORT, 3, 3),
    b"list vars": Operation(_list_vars, Form.LONG, 2, 2),
    b"store": Operation(_store, Form.SHORT, 5, 6),
    b"fetch": Operation(_fetch, Form.LONG, 3, 5),
    b"find": Operation(_find, Form.LONG, 3, 5),
    b"fetchTry": Operation(_fetch_try, Form.LONG, 3, 5),
    b"findTry": Operation(_find_try, Form.LONG, 3, 5),
    b"ifetch": Operation(_iterate, Form.LONG, 5, 5),
    b"ifind": Operation(_iterate, Form.LONG, 5, 5),
    b"ifetchTry": Operation(_iterate, Form.LONG, 5, 5),
    b"ifindTry": Operation(_iterate, Form.LONG, 5, 5),
    b"deadman": Operation(_deadman, Form.SHORT, 1, 1),
}
EXTENDED_OPERATIONS: Final[dict[bytes, Operation]] = {
    **OPERATIONS,
    # The blocking gets take a timeout as well.
    b"fetch": Operation(_fetch, Form.LONG, 3, 6),
    b"find": Operation(_find, Form.LONG, 3, 6),
    b"ifetch": Operation(_iterate, Form.LONG, 5, 6),
    b"ifind": Operation(_iterate, Form.LONG, 5, 6),
    b"store many": Operation(_store_many, Form.SHORT, 5, BATCH_ARGUMENTS),
    b"take": Operation(_take, Form.MANY, 5, 5),
    b"lease": Operation(_lease, Form.MANY, 6, 6),
    b"renew": Operation(_renew, Form.SHORT, 3, 3),
    b"release": Operation(_release, Form.SHORT, 3, 3),
    b"settle": Operation(_settle, Form.SHORT, 2, BATCH_ARGUMENTS),
    b"list leases": Operation(_list_leases, Form.LONG, 2, 2),
    b"ack": Operation(_ack, Form.NONE, 1, 1),
    b"nack": Operation(_nack, Form.NONE, 1, 1),
    b"cancel": Operation(_cancel, Form.NONE, 1, 1),
    b"session": Operation(_get_session, Form.LONG, 1, 1),
    b"attach": Operation(_attach, Form.SHORT, 2, 2),
    b"server status": Operation(_status, Form.LONG, 1, 1),
}
