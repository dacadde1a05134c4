"""Checks values before they become keys of a dict or members of a set.

To hash or compare a tuple, Python visits everything in it, in C. That takes for ever if each of
sixty levels holds the next one twice, and overflows the stack if there are a million levels. It
cannot be interrupted, so such keys are refused.
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import Any, Final

__all__ = ["check_key"]

_MAX_VISITS: Final = 10_000
"""Tuples and sets visited in one key, each counted as often as it is visited."""

_MAX_NUMBER_BITS: Final = 100_000
"""Comparing a longer number with a Decimal takes more than linear time."""


def check_key(key: Any) -> None:
    """Check that a key can be hashed and compared quickly.

    Raises:
        UnpicklingError: it may take too long.
    """
    todo = [key]
    seen = 0
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is tuple or kind is frozenset:
            seen += 1
            if seen > _MAX_VISITS:
                raise UnpicklingError("a key is nested too deeply")
            todo += item
        elif kind is int and item.bit_length() > _MAX_NUMBER_BITS:
            raise UnpicklingError("a key is too large a number")
