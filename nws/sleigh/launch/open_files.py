"""How many files the processes of a sleigh have open, and how many the system lets them."""

from __future__ import annotations

import sys
from typing import Final

from nws.errors import SleighIllegalValueException

__all__ = ["check_local_workers", "check_open_files"]

_FILES_PER_WORKER: Final = 4
"""In a supervisor: two pipes, a connection, a file for the traceback."""

_FILES_BESIDES: Final = 16
"""In a supervisor."""


def check_local_workers(asked: str, workers: int) -> None:
    """Make sure that the supervisor of a machine can have so many workers.

    Args:
        asked: what the user has asked for, for the message.
        workers: on this machine.

    Raises:
        SleighIllegalValueException: it cannot.
    """
    check_open_files(asked, _FILES_PER_WORKER * workers + _FILES_BESIDES)


def check_open_files(asked: str, files: int) -> None:
    """Make sure that one process can have this number of files open.

    Args:
        asked: what the user has asked for, for the message.
        files: open files, pipes and sockets.

    Raises:
        SleighIllegalValueException: the limit is lower.
    """
    if sys.platform == "win32":
        return
    import resource

    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != limit < files:
        raise SleighIllegalValueException(
            f"{asked}: one process has {files} files open for that, and the limit of this process "
            f"is {limit}; `ulimit -n {files}` raises it"
            + (f", but not beyond {most} without the rights to" if 0 <= most < files else "")
        )
