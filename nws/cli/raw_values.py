"""Stored values as bytes: the command line never unpickles what somebody else has stored."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from nws.client import NetWorkSpace
from nws.errors import NwsNoValueException
from nws.session.session import encode_name, encode_timeout
from nws.wire.dialect import BLANK_ID
from nws.wire.replies import Item

__all__ = ["RawValue", "each_value", "fetch_value", "find_value", "lease_values", "store_value"]

_LEASE_LIMIT = b"9999"
_LEASE_MILLISECONDS = b"3600000"


class RawValue(NamedTuple):
    """A value as it is stored: how it was written, and its bytes."""

    descriptor: int
    payload: bytes | bytearray


def find_value(ws: NetWorkSpace, variable: str, timeout: float | None) -> RawValue:
    """Return a value without removing it; see `NetWorkSpace.find`."""
    payload = io.BytesIO()
    answer, _ = ws._session.get(b"find", ws._name, variable, timeout, None, payload)
    return RawValue(answer.descriptor, payload.getvalue())


def fetch_value(
    ws: NetWorkSpace, variable: str, timeout: float | None, use: Callable[[RawValue], None]
) -> None:
    """Remove a value once ``use`` has returned. If it raises, the value stays in its place.

    Raises:
        NwsTimeoutException: no value came in time.
        NwsUnsupportedOperationException: the server speaks only the original protocol.
    """
    ws._session.require_extensions("values that come back if they cannot be used")

    def make(item: Item, _: int) -> None:
        use(RawValue(item.descriptor, item.payload))

    fields = [b"take", ws._name, encode_name(variable), b"1", encode_timeout(timeout)]
    ws._session.take(fields, timeout, make)


def each_value(
    ws: NetWorkSpace, variable: str, *, wait: bool, timeout: float | None = None
) -> Iterator[RawValue]:
    """Yield each value of a fifo or single variable once, removing none.

    Args:
        ws, variable: where.
        wait: for further ones, for ever; otherwise this ends behind those that are there.
        timeout: seconds to wait for each; None for any time.

    Raises:
        NwsOperationException: the variable is lifo or multi, or was deleted.
        NwsTimeoutException: no value came in time.
    """
    operation = b"ifind" if wait else b"ifindTry"
    cookie = (BLANK_ID, 0)
    while True:
        payload = io.BytesIO()
        try:
            answer, _ = ws._session.get(operation, ws._name, variable, timeout, cookie, payload)
        except NwsNoValueException:
            return
        cookie = (answer.variable_id, answer.value_index)
        yield RawValue(answer.descriptor, payload.getvalue())


def lease_values(ws: NetWorkSpace, variable: str) -> list[RawValue]:
    """Lease what is there, up to a mebibyte and at least one value unless there is none. They come
    back to their places with `NetWorkSpace.release`, or with the end of the session."""
    ws._session.require_extensions("leases")

    def make(item: Item, _: int) -> RawValue:
        return RawValue(item.descriptor, item.payload)

    where = [ws._name, encode_name(variable)]
    fields = [b"lease", *where, _LEASE_LIMIT, encode_timeout(0), _LEASE_MILLISECONDS]
    return ws._session.take(fields, 0, make)


def store_value(ws: NetWorkSpace, variable: str, value: RawValue) -> None:
    """Store a value as it was stored before; see `NetWorkSpace.store`."""
    fields = [b"store", ws._name, encode_name(variable), b"%020d" % value.descriptor]
    ws._session.run([*fields, (bytes(value.payload),)])
