"""Many values in one message. On an original server they go one by one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import starmap
from typing import Any, Final

from nws.session.session import Session, encode_limit, encode_name, encode_timeout
from nws.values import decode
from nws.wire.replies import Item
from nws.wire.requests import Field

__all__ = ["fetch_many", "store_many"]

_MAX_BATCH_VALUES: Final = 1000
_BATCH_BYTES: Final = 1024 * 1024


def store_many(session: Session, workspace: bytes, varName: str, values: Iterable[Any]) -> None:
    """Store values in order; see `NetWorkSpace.store_many`."""
    where = (workspace, encode_name(varName))
    fields: list[Field] = []
    size = 0
    for value in values:
        descriptor, pieces = session.encoder.encode(value)
        fields += (descriptor, pieces)
        size += sum(map(len, pieces))
        if len(fields) >= 2 * _MAX_BATCH_VALUES or size >= _BATCH_BYTES:
            _store_batch(session, where, fields)
            fields, size = [], 0
    if fields:
        _store_batch(session, where, fields)


def _store_batch(session: Session, where: tuple[bytes, bytes], fields: list[Field]) -> None:
    if session.extended:
        session.run([b"store many", *where, *fields])
    else:
        for pair in zip(fields[::2], fields[1::2], strict=True):
            session.run([b"store", *where, *pair])


def fetch_many(
    session: Session, workspace: bytes, varName: str, limit: int, timeout: float | None
) -> list[Any]:
    """Fetch what is there; see `NetWorkSpace.fetch_many`."""
    number = encode_limit(limit)
    if not session.extended:
        return [session.get(b"fetch", workspace, varName, timeout)[1]]
    fields = [b"take", workspace, encode_name(varName), number, encode_timeout(timeout)]
    (values,) = starmap(session.take, [(fields, timeout, _value_of)])
    return values


def _value_of(item: Item, _: int) -> Any:
    return decode(item.descriptor, item.payload)
