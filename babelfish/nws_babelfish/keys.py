"""Which values may be keys of a dict or members of a set.

To hash or compare a tuple, Python visits all that is in it, in C: without end if each of sixty
levels holds the next one twice, and to the end of the stack if there are a million levels. Neither
can be interrupted, so it must not begin.
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import Any, Final

__all__ = ["check_key"]

_MOST: Final = 10_000
"""Tuples and sets inside one key, each counted as often as it is met."""

_LONGEST: Final = 100_000
"""Bits. To compare a longer number with a decimal one takes more than its length in time."""


def check_key(key: Any) -> None:
    """Make sure that a key is hashed and compared in a short time.

    Raises:
        UnpicklingError: it may not be.
    """
    todo = [key]
    seen = 0
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is tuple or kind is frozenset:
            seen += 1
            if seen > _MOST:
                raise UnpicklingError("a key is nested too deeply")
            todo += item
        elif kind is int and item.bit_length() > _LONGEST:
            raise UnpicklingError("a key is too large a number")
