"""What the tasks of a parallel map do. The workers import it, so it holds nothing else."""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")


def same(value: _T) -> _T:
    """Return the argument."""
    return value
