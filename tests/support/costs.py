"""What an operation costs, counted instead of timed, so that it is the same on every run."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from statistics import median_low
from types import FrameType
from typing import Any, NamedTuple

_REPEATS = 5


class Cost(NamedTuple):
    """The work of one operation."""

    steps: int
    """Lines of Python run, and calls and returns of Python functions."""
    memory: int
    """Bytes that it held at its peak beyond what was there; a copy of a long list shows here."""


def cost_of(operation: Callable[[], object]) -> Cost:
    """Run an operation several times and return what it costs as a rule.

    The median leaves out what is rare by design: a list that grows, a heap that is swept.
    """
    steps = median_low(_steps(operation) for _ in range(_REPEATS))
    memory = median_low(_memory(operation) for _ in range(_REPEATS))
    return Cost(steps, memory)


def _steps(operation: Callable[[], object]) -> int:
    steps = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        operation()
    finally:
        sys.settrace(before)
    return steps


def _memory(operation: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        operation()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
