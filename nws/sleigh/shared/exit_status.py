"""Exit statuses of processes: what ours mean, and how any of them reads to people."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["LEFT", "MISMATCH", "TOO_LATE", "name_of_end"]

TOO_LATE: Final = 3
"""Exit status of a supervisor that cannot join because the group is closed."""

MISMATCH: Final = 4
"""Exit status of a supervisor whose version is not that of the master; see ``protocol.py``."""


LEFT: Final = 5
"""Exit status of a supervisor that has left in order, as it was told to."""


def name_of_end(status: int) -> str:
    """Say for people how a process ended: its exit status, or the signal that killed it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"  # real-time signals have no names
