"""Stored values as bytes: the command line never unpickles what somebody else has stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

from nws.client import NetWorkSpace
from nws.errors import NwsNoValueException
from nws.session.request import Request, nothing
from nws.wire.arguments import encode_name, encode_timeout, milliseconds
from nws.wire.dialect import BLANK_ID
from nws.wire.replies import Answer

__all__ = ["RawValue", "each_value", "fetch_value", "find_value", "lease_values", "store_value"]

_MAX_LEASED: Final = b"9999"
_LEASE_SECONDS: Final = 3600.0

R = TypeVar("R")


class RawValue(NamedTuple):
    """A value as it is stored: how it was written, and its bytes."""

    descriptor: int
    payload: bytes | bytearray


def find_value(ws: NetWorkSpace, variable: str, timeout: float | None) -> RawValue:
    """Return a value without removing it; see `NetWorkSpace.find`."""
    return _get(ws, b"find", variable, timeout, _value_in)


def fetch_value(
    ws: NetWorkSpace, variable: str, timeout: float | None, use: Callable[[RawValue], None]
) -> None:
    """Remove a value once ``use`` has returned; see `NetWorkSpace.fetch`. If that raises, the value
    stays in its place (but on an original server)."""
    _get(ws, b"fetch", variable, timeout, lambda answer: use(_value_in(answer)))


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
    place = (BLANK_ID, 0)
    while True:
        try:
            answer = _get(ws, operation, variable, timeout, _itself, place)
        except NwsNoValueException:
            return
        place = (answer.variable_id, answer.value_index)
        yield _value_in(answer)


def lease_values(ws: NetWorkSpace, variable: str) -> list[RawValue]:
    """Lease what is there, up to a mebibyte and at least one value. They come back to their places
    with `NetWorkSpace.release`, or with the end of the session.

    Raises:
        NwsTimeoutException: there is none.
        NwsUnsupportedOperationException: the server speaks only the original protocol.
    """
    ws._session.require_extensions("leases")
    where = [ws._name, encode_name(variable)]
    times = [encode_timeout(0), milliseconds(_LEASE_SECONDS)]
    return ws._session.perform(Request([b"lease", *where, _MAX_LEASED, *times], _values_in))


def store_value(ws: NetWorkSpace, variable: str, value: RawValue) -> None:
    """Store a value as it was stored before; see `NetWorkSpace.store`."""
    fields = [b"store", ws._name, encode_name(variable), b"%020d" % value.descriptor]
    ws._session.perform(Request([*fields, bytes(value.payload)], nothing))


def _get(
    ws: NetWorkSpace,
    operation: bytes,
    variable: str,
    timeout: float | None,
    read: Callable[[Answer], R],
    place: tuple[bytes, int] | None = None,
) -> R:
    """Do one of the gets; with a place, one of an iterator."""
    timeout = None if timeout == math.inf else timeout
    waits = not operation.endswith(b"Try")
    fields = [operation, ws._name, encode_name(variable)]
    request = Request(fields, read, timeout if waits else 0.0)
    if place is not None or timeout is not None:
        id, index = place or (BLANK_ID, 0)
        fields += (id, b"%020d" % index)
    if timeout is not None:
        fields.append(milliseconds(timeout))
        request.timed = True
    return ws._session.perform(request)


def _itself(answer: Answer) -> Answer:
    return answer


def _value_in(answer: Answer) -> RawValue:
    return RawValue(answer.descriptor, answer.payload)


def _values_in(answer: Answer) -> list[RawValue]:
    return [RawValue(item.descriptor, item.payload) for item in answer.items]
