"""How many files this process may have open, and what for. Each connection is one."""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

if sys.platform != "win32":
    import resource

_RESERVED_PART: Final = 8
"""One file in eight is not for ordinary clients."""

_MIN_RESERVED_FILES: Final = 64
"""Not for them either, but half of the files are."""

_MAX_LIMIT: Final = 2**20
"""Where the system sets no limit."""


class OpenFiles(NamedTuple):
    """What the open files of this process are for.

    Attributes:
        limit: how many there may be.
        connections: of clients.
        reserved: connections beyond these, for operators.
        browsers: connections to the inspector.
    """

    limit: int
    connections: int
    reserved: int
    browsers: int


def raise_limit() -> None:
    """Let this process open as many files as the system lets it."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # macOS says "unlimited" and refuses that


def open_files(max_connections: int) -> OpenFiles:
    """Divide what this process may open among those who need it.

    Args:
        max_connections: of clients, even if more are possible.
    """
    if sys.platform == "win32":
        return divide(_MAX_LIMIT, 0, max_connections)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = _MAX_LIMIT
    return divide(limit, len(os.listdir("/dev/fd")), max_connections)


def divide(limit: int, used: int, max_connections: int) -> OpenFiles:
    """Divide ``limit`` open files, of which some are in use. What is left over is for long values,
    the babelfish and the log."""
    free = limit - used
    kept = max(free // _RESERVED_PART, min(_MIN_RESERVED_FILES, free // 2))
    connections = max(1, min(max_connections, free - kept))
    return OpenFiles(limit, connections, reserved=kept // 2, browsers=kept // 4)
