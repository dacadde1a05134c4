"""Checks of what users pass: with the types of exceptions that pp raises."""

from __future__ import annotations

import math
import operator
import pickle
from numbers import Real
from typing import Any, Final, SupportsIndex, TypeGuard

from nws.errors import SleighIllegalValueException
from nws.session.address import Address, read_address
from nws.sleigh.launch.open_files import check_local_workers
from nws.sleigh.node.pattern import broadcast_address
from nws.sleigh.shared.cores import available_cores

__all__ = [
    "AUTODETECT",
    "DEFAULT_PORT",
    "check_callable",
    "check_callback",
    "check_protocol",
    "check_stream",
    "check_tuple",
    "check_wait",
    "node_addresses",
    "worker_count",
]

AUTODETECT: Final = "autodetect"

DEFAULT_PORT: Final = 60000
"""Of nodes."""


def worker_count(ncpus: int | str) -> int:
    """Return how many workers ``ncpus`` stands for.

    Raises:
        TypeError: it is neither ``autodetect`` nor a whole number.
        ValueError: it is negative, or more than a process can have.
    """
    if ncpus == AUTODETECT:
        return available_cores()
    if not _is_whole(ncpus) or isinstance(ncpus, bool):
        raise TypeError(f"ncpus={ncpus!r} is neither a whole number nor {AUTODETECT!r}")
    workers = operator.index(ncpus)
    if workers < 0:
        raise ValueError(f"ncpus={ncpus}: the number of workers cannot be negative")
    try:
        check_local_workers(f"ncpus={workers}", workers)
    except SleighIllegalValueException as error:
        raise ValueError(str(error)) from error
    return workers


def _is_whole(number: Any) -> TypeGuard[SupportsIndex]:
    """Tell whether something is a whole number, of Python or NumPy."""
    return hasattr(type(number), "__index__")


def node_addresses(ppservers: Any) -> list[Address]:
    """Return the addresses in ``ppservers``, each once. A host may be a pattern with asterisks.

    Raises:
        TypeError: it is no tuple of strings.
        ValueError: one of them is no address.
    """
    return list(dict.fromkeys(_node_address(each) for each in check_tuple("ppservers", ppservers)))


def _node_address(entry: Any) -> Address:
    if not isinstance(entry, str):
        raise TypeError(f"each of ppservers must be a string, not {type(entry).__name__}")
    try:
        address = read_address(entry.strip(), DEFAULT_PORT)
        broadcast_address(address.host)
    except ValueError as error:
        raise ValueError(
            f"ppservers: {entry!r} is no 'host', 'host:port' or pattern such as '*' or '10.0.*'"
        ) from error
    if not address.port:
        raise ValueError(f"ppservers: {entry!r}: no node listens on port 0")
    return address


def check_tuple(name: str, thing: Any) -> tuple[Any, ...]:
    """Return the argument of this name.

    Raises:
        TypeError: it is no tuple.
    """
    if not isinstance(thing, tuple):
        hint = f"; for a single one write ({thing!r},)" if isinstance(thing, str) else ""
        raise TypeError(f"{name} must be a tuple, not {type(thing).__name__}{hint}")
    return thing


def check_callable(name: str, thing: Any) -> None:
    """Raise TypeError if the argument of this name cannot be called."""
    if not callable(thing):
        raise TypeError(f"{name} must be a function, not {type(thing).__name__}")


def check_callback(callback: Any, callbackargs: Any) -> None:
    """Raise TypeError if a callback cannot be called, or its arguments are no tuple."""
    check_tuple("callbackargs", callbackargs)
    if callback is not None:
        check_callable("callback", callback)


def check_protocol(proto: Any) -> None:
    """Check a protocol number of pickle; a negative one stands for the highest.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too high.
    """
    if not _is_whole(proto):
        raise TypeError(f"proto={proto!r} is no whole number")
    if operator.index(proto) > pickle.HIGHEST_PROTOCOL:
        raise ValueError(f"proto={proto}: pickle has protocols up to {pickle.HIGHEST_PROTOCOL}")


def check_wait(number: Any, timeout: Any) -> None:
    """Check a number of nodes, and the seconds to wait for them.

    Raises:
        TypeError: these are no such numbers.
        ValueError: the number of nodes is negative, or the seconds are not a number (NaN).
    """
    if not _is_whole(number):
        raise TypeError(f"number={number!r} is no whole number")
    if not isinstance(timeout, Real):
        raise TypeError(f"timeout={timeout!r} is no number of seconds")
    if operator.index(number) < 0:
        raise ValueError(f"number={number!r} is negative")
    if math.isnan(timeout):
        raise ValueError(f"timeout={timeout!r} is no number of seconds")


def check_stream(name: str, thing: Any) -> None:
    """Raise TypeError if the argument of this name is neither a stream nor None."""
    if thing is not None and not hasattr(thing, "write"):
        raise TypeError(f"{name} must be a stream, not {type(thing).__name__}")
