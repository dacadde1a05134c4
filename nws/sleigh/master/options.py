"""What the user asks for in a few words and numbers: checked before anything is sent, and plain.

The options of a call travel with its tasks.

An object of a class of the user's could be one that workers cannot read, and nothing of the call
could then be read.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final, NamedTuple

from nws.counted import counted
from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.groups import checked_group, queue_of
from nws.sleigh.shared.messages import TASK

__all__ = [
    "NO_OPTIONS",
    "CallOptions",
    "checked_factor",
    "checked_lease_time",
    "checked_name",
    "checked_options",
    "checked_path",
    "checked_permutation",
    "checked_size",
    "checked_wait",
]

_MIN_SECONDS: Final = 1e-9
"""Workers count in nanoseconds."""

_MAX_SECONDS: Final = 4e9
"""Some 126 years, which their 62 bits have room for. A longer time is any time."""

_MIN_LEASE_SECONDS: Final = 1.0
"""Leases are renewed three times in that, by processes that may have to wait for a core."""

_MAX_LEASE_SECONDS: Final = 1e9
"""Some 31 years, the longest that the client takes."""

_MAX_NAME_CHARS: Final = 64

_MAX_FACTOR: Final = 1e12

_MAX_RETRIES: Final = 2**31
"""Numbers that travel have a bound; nobody lives to see this many."""


class CallOptions(NamedTuple):
    """Checked options; see `nws.sleigh.shared.messages.Call` for each."""

    timeout: float = 0.0
    retries: int = 0
    seed: int | None = None
    queue: str = TASK


NO_OPTIONS: Final = CallOptions()


def checked_options(timeout: Any, retries: Any, seed: Any = None, group: Any = None) -> CallOptions:
    """Check options of a call as the user gave them.

    Args:
        timeout: seconds, any real number that is more than 0; None or infinity for any time.
        retries: a whole number, at least 0.
        seed: a whole number, or None.
        group: the name of a group of workers, or None.

    Raises:
        SleighIllegalValueException: one of them is something else.
    """
    return CallOptions(
        _checked_time(timeout),
        min(_whole_number("retries", retries, 0), _MAX_RETRIES),
        None if seed is None else _whole_number("seed", seed),
        queue_of(checked_group(group)),
    )


def checked_name(name: Any) -> str:
    """Return what the user calls a sleigh; empty for nothing.

    Raises:
        SleighIllegalValueException: it is no text, too long, or would not be seen as it is.
    """
    if type(name) is not str:
        raise SleighIllegalValueException(f"name={name!r} is not a text")
    if len(name) > _MAX_NAME_CHARS:
        raise SleighIllegalValueException(
            f"name={name!r} has {len(name)} characters; it can have up to {_MAX_NAME_CHARS}"
        )
    if not name.isprintable() or name != name.strip():
        raise SleighIllegalValueException(
            f"name={name!r} has control characters, or blanks at an end; leave them out"
        )
    return name


def checked_size(size: Any) -> int | None:
    """Return the size of tasks that the user wants, None if it is to be chosen.

    Raises:
        SleighIllegalValueException: it is no whole number, or less than 1.
    """
    return None if size is None else _whole_number("chunkSize", size, 1)


def checked_factor(factor: Any) -> float:
    """Return the user's ``loadFactor``.

    Raises:
        SleighIllegalValueException: it is no real number.
    """
    return min(_real_number("loadFactor", factor), _MAX_FACTOR)


def checked_lease_time(seconds: Any) -> float:
    """Return the user's ``Sleigh.lease_time``. Infinity stands for the longest one.

    Raises:
        SleighIllegalValueException: it is no real number, or less than a second.
    """
    real = _real_number("lease_time", seconds)
    if real < _MIN_LEASE_SECONDS:
        raise SleighIllegalValueException(f"lease_time={seconds!r} is less than a second")
    return min(real, _MAX_LEASE_SECONDS)


def checked_path(name: str, path: Any) -> str | None:
    """Return a path as a text, None for none.

    Raises:
        SleighIllegalValueException: it is neither a text nor a path.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if text is not None and not isinstance(text, str):
        raise SleighIllegalValueException(f"{name}={path!r} is not a path")
    return text if text is None else str(text)


def checked_permutation(places: Any, count: int) -> Sequence[int] | None:
    """Return the places of arguments in ``argPermute``, None for all of them in their order.

    Args:
        places: whole numbers; negative ones count from the end.
        count: how many arguments there are.

    Raises:
        SleighIllegalValueException: it is no iterable of whole numbers, or there is no such place.
    """
    if places is None:
        return None
    try:
        checked = [operator.index(place) for place in places]
    except TypeError:
        raise SleighIllegalValueException(
            f"argPermute={places!r} is not a list of whole numbers"
        ) from None
    for item, place in enumerate(checked):
        if not -count <= place < count:
            raise SleighIllegalValueException(
                f"argPermute: item {item} is no place of an argument; the first place is 0, and "
                f"there are {counted(count, 'argument')}, fixed ones among them"
            )
    return checked


def checked_wait(seconds: Any) -> float:
    """Return the ``timeout`` of a call that waits for workers. What is less than zero is zero.

    Raises:
        SleighIllegalValueException: it is no real number.
    """
    return _real_number("timeout", seconds)


def _checked_time(timeout: Any) -> float:
    """Return the user's timeout, 0.0 for any time."""
    if timeout is None:
        return 0.0
    seconds = _real_number("timeout", timeout)
    if not timeout > 0:
        raise SleighIllegalValueException(f"timeout={timeout!r} is not more than zero")
    return 0.0 if seconds > _MAX_SECONDS else max(_MIN_SECONDS, seconds)


def _real_number(name: str, number: Any) -> float:
    real = _as_float(number) if _is_real(number) else math.nan
    if math.isnan(real):
        raise SleighIllegalValueException(f"{name}={number!r} is not a real number")
    return real


def _is_real(number: Any) -> bool:
    if isinstance(number, (float, int, Decimal)):
        return type(number) is not bool
    # NumPy counts a timedelta64, whatever its unit, among the whole numbers.
    is_duration = isinstance(number, Integral) and not hasattr(number, "__index__")
    return isinstance(number, Real) and not is_duration


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    except ValueError:
        return math.nan  # a signalling one


def _whole_number(name: str, number: Any, least: int | None = None) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        raise SleighIllegalValueException(f"{name}={number!r} is not a whole number") from None
    if least is not None and whole < least:
        raise SleighIllegalValueException(f"{name}={whole} is less than {least}")
    return whole
