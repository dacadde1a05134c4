"""Functions for elements of maps on batch systems."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.processes import until, write_at_once


def note_then_wait(number: int, folder: Path) -> int:
    """Note that the element has begun, and by which process; the first time, wait for ever."""
    mark = folder / str(number)
    if not mark.exists():
        write_at_once(mark, str(os.getpid()))
        until((folder / "go").exists, "leave to go on", within=600.0)
    return 10 * number
