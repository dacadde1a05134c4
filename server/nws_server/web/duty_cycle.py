"""Limits repeated work to a share of the time."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DutyCycle"]


class DutyCycle(NamedTuple):
    """How much of the time repeated work may take.

    Attributes:
        share: the largest share of the time, for example 0.05 for one twentieth.
    """

    share: float

    def pause_after(self, busy: float) -> float:
        """Return for how long to pause after work, both in seconds."""
        return busy / self.share
