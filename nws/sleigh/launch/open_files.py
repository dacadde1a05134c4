"""How many files the processes of a sleigh have open, and how many the system lets them."""

from __future__ import annotations

import sys

from nws.errors import SleighIllegalValueException

__all__ = ["check_open_files"]


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
