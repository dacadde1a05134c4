"""Process groups, as the system has them."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

__all__ = ["peak_bytes", "signal_group"]

_PEAK_UNIT: Final = 1 if sys.platform == "darwin" else 1024


def signal_group(group: int, number: int) -> None:
    """Send a signal to all processes of a group, if any is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left, or (macOS) nobody but a zombie


def peak_bytes(usage: Any) -> int:
    """Return how many bytes the largest process had in memory, given what `os.wait4` says."""
    peak: int = usage.ru_maxrss * _PEAK_UNIT
    return peak
