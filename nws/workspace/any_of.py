"""Gets from whichever of several variables has a value first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import starmap
from typing import Any, Final

from nws.session.session import Session, encode_name, encode_timeout, milliseconds
from nws.values import decode
from nws.wire.replies import Item
from nws.workspace.leases import Lease, LeasingWorkspace

__all__ = ["fetch", "find", "lease"]

_ONE: Final = b"1"


def fetch(
    session: Session, workspace: bytes, varNames: Iterable[str], timeout: float | None
) -> tuple[str, Any]:
    """Remove a value; see `NetWorkSpace.fetchAny`."""
    names = _checked(session, varNames)
    fields = [b"take any", workspace, _ONE, encode_timeout(timeout), *map(encode_name, names)]

    def make(item: Item, place: int) -> tuple[str, Any]:
        return names[place], decode(item.descriptor, item.payload)

    got: list[tuple[str, Any]]
    (got,) = starmap(session.take, [(fields, timeout, make)])
    return got[0]


def find(
    session: Session, workspace: bytes, varNames: Iterable[str], timeout: float | None
) -> tuple[str, Any]:
    """Return a value; see `NetWorkSpace.findAny`."""
    names = _checked(session, varNames)
    fields = [b"find any", workspace, encode_timeout(timeout), *map(encode_name, names)]

    def make(item: Item, place: int) -> tuple[str, Any]:
        return names[place], decode(item.descriptor, item.payload)

    found: list[tuple[str, Any]] = session.take(fields, timeout, make)
    return found[0]


def lease(
    ws: LeasingWorkspace,
    session: Session,
    workspace: bytes,
    varNames: Iterable[str],
    timeout: float | None,
    duration: float,
) -> Lease:
    """Take a value for a time; see `NetWorkSpace.leaseAny`."""
    names = _checked(session, varNames)
    fields = [b"lease any", workspace, _ONE, encode_timeout(timeout), milliseconds(duration)]
    fields += map(encode_name, names)

    def make(item: Item, place: int) -> Lease:
        value = decode(item.descriptor, item.payload)
        return Lease(ws, names[place], item.lease, item.attempt, value)

    taken: list[Lease]
    (taken,) = starmap(session.take, [(fields, timeout, make)])
    return taken[0]


def _checked(session: Session, varNames: Iterable[str]) -> list[str]:
    """Return the names, of which there has to be one.

    Raises:
        TypeError: it is one name, not several.
        ValueError: there is none.
        NwsUnsupportedOperationException: the server does not know such operations.
    """
    if isinstance(varNames, str):
        raise TypeError(f"varNames={varNames!r} is one name; put a list around it")
    names = list(varNames)
    if not names:
        raise ValueError("varNames is empty: name at least one variable")
    session.require_extensions("waiting for several variables")
    return names
