"""``workerCount=``: how many workers there are to be, or from how many to how many."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.cores import available_cores

__all__ = ["WorkerRange", "checked_count", "worker_range"]


class WorkerRange(NamedTuple):
    """How many workers a sleigh is to have."""

    low: int
    high: int
    is_elastic: bool
    """It has as many as there is work for."""


def worker_range(count: Any) -> WorkerRange:
    """Return what the user wants.

    Args:
        count: a number, a pair of the least and the greatest number, or None for as many as this
            process may use cores.

    Raises:
        SleighIllegalValueException: it is something else.
    """
    if count is None:
        count = available_cores()
    if not isinstance(count, tuple):
        number = checked_count("workerCount", count)
        return WorkerRange(number, number, False)
    if len(count) != 2:
        raise SleighIllegalValueException(
            f"workerCount={count!r}: a pair has the least and the greatest number of workers"
        )
    low, high = (checked_count("workerCount", number) for number in count)
    if low > high:
        raise SleighIllegalValueException(f"workerCount={count!r}: the first number is greater")
    return WorkerRange(low, high, True)


def checked_count(name: str, count: Any) -> int:
    """Return a number of workers.

    Raises:
        SleighIllegalValueException: it is none, or less than 1.
    """
    try:
        whole = operator.index(count)
    except TypeError:
        raise SleighIllegalValueException(f"{name}={count!r} is not a whole number") from None
    if whole < 1:
        raise SleighIllegalValueException(f"{name}={whole}: a sleigh needs workers")
    return whole
