"""Pipes to processes that are started."""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ["pipe_apart"]

_STDERR: Final = 2
"""The last of the standard descriptors."""


def pipe_apart() -> tuple[int, int]:
    """Make a pipe whose ends a child can have besides its standard streams.

    If this program has closed its own standard streams, the system gives their numbers to what is
    opened next. A child would have its streams in place of the pipe.
    """
    ends = os.pipe()
    if min(ends) > _STDERR or sys.platform == "win32":
        return ends
    import fcntl

    read_end, write_end = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1) for end in ends)
    for end in ends:
        os.close(end)
    return read_end, write_end
