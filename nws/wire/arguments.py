"""Arguments of requests, as they go over the wire."""

from __future__ import annotations

import math
import operator
from typing import Final

from nws.keepalive import MAX_PEER_TIMEOUT, MIN_PEER_TIMEOUT
from nws.wire.requests import MAX_NAME_BYTES

__all__ = ["encode_limit", "encode_name", "encode_timeout", "milliseconds", "peer_seconds"]

_MAX_TIMEOUT_SECONDS: Final = 10**9
"""Some thirty years."""

_DURATION: Final = "timedelta64"
"""A class of NumPy, which makes numbers of such objects, whatever their unit."""


def encode_name(name: str, what: str = "variable") -> bytes:
    """Return a name as it goes over the wire.

    Raises:
        TypeError: it is not a string.
        ValueError: it is too long, or no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, not {type(name).__name__}")
    encoded = name.encode()
    if len(encoded) > MAX_NAME_BYTES:  # the server would hang up
        raise ValueError(
            f"the name of a {what} has {len(encoded)} bytes (at most {MAX_NAME_BYTES}): "
            f"{name[:40]!r}..."
        )
    return encoded


def encode_limit(limit: int) -> bytes:
    """Return the most values that are asked for, as it goes over the wire.

    Raises:
        ValueError: it is no whole number, or less than one.
    """
    try:
        whole = operator.index(limit)
    except TypeError:
        whole = 0
    if whole < 1:
        raise ValueError(f"limit {limit!r:.60} is not a whole number from 1 on")
    return b"%d" % whole


def encode_timeout(seconds: float | None) -> bytes:
    """Return a timeout as it goes over the wire: empty for None and infinity, which are any time.

    Raises:
        ValueError: as for `milliseconds`.
    """
    return b"" if seconds is None or seconds == math.inf else milliseconds(seconds)


def milliseconds(seconds: float) -> bytes:
    """Return a time as it goes over the wire.

    Raises:
        ValueError: it is negative, no number, or longer than thirty years.
    """
    real = seconds if type(seconds) is float else _plain(seconds)
    if not 0 <= real <= _MAX_TIMEOUT_SECONDS:
        raise ValueError(
            f"{seconds!r:.60} is not a number of seconds from 0 to {_MAX_TIMEOUT_SECONDS}"
        )
    return b"%d" % math.ceil(1000 * real)


def peer_seconds(seconds: float | None) -> int:
    """Return the time after which a machine that does not answer is given up, in whole seconds from
    3 to a day; 0 for None, which is the other side's own.

    Raises:
        ValueError: it is no number, or not more than zero.
    """
    if seconds is None:
        return 0
    real = _plain(seconds)
    if not real > 0:
        raise ValueError(f"peer_timeout={seconds!r:.60} is not a number of seconds above zero")
    return math.ceil(min(max(real, MIN_PEER_TIMEOUT), MAX_PEER_TIMEOUT))


def _plain(seconds: object) -> float:
    """Return a number of any kind as one of Python's, which cannot overflow; NaN for all else."""
    if isinstance(seconds, (str, bytes, bytearray)) or type(seconds).__name__ == _DURATION:
        return math.nan
    try:
        return float(seconds)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan
