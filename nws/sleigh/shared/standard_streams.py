"""Descriptors 0, 1 and 2 of a worker, which its tasks share. A task may close them, or point them
elsewhere, as code does that turns into a daemon: that is undone, so that no other task suffers.

They are restored from a copy of each. The worker stays: it may have loaded much, and others that do
the same task would meet the same.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from operator import itemgetter
from os import fstat
from typing import Final, TypeAlias

__all__ = ["StandardStreams", "file_behind"]

_FDS: Final = range(3)

_File: TypeAlias = "tuple[int, int]"
"""The device and inode of what is behind a descriptor."""

_identity: Final[Callable[[os.stat_result], _File]] = itemgetter(stat.ST_DEV, stat.ST_INO)


class StandardStreams:
    """What is to be behind these descriptors. Any thread may use it."""

    def __init__(self) -> None:
        """Prepare. What is there now is right."""
        self._files = [*map(file_behind, _FDS)]
        self._copies = [*map(_copy_of, _FDS)]

    @property
    def are_right(self) -> bool:
        """Whether the right files are there. It takes 2 µs to tell, and more after a wait."""
        stdin, stdout, stderr = self._files
        try:
            return (
                _identity(fstat(0)) == stdin
                and _identity(fstat(1)) == stdout
                and _identity(fstat(2)) == stderr
            )
        except OSError:
            return False

    def keep(self) -> None:
        """Take for right what is there now. What is closed is restored all the same."""
        for fd in _FDS:
            file = file_behind(fd)
            if file is None:
                self.restore(fd)
            elif file != self._files[fd]:
                if self._has_copy(fd):
                    os.close(self._copies[fd])
                self._files[fd], self._copies[fd] = file, _copy_of(fd)

    def restore_all(self) -> bool:
        """Put the right files there. Return whether that was possible."""
        lost = [fd for fd in _FDS if not self.restore(fd)]
        return not lost

    def restore(self, fd: int) -> bool:
        """Put the right file there. Return whether that was possible: the copy may be gone."""
        if file_behind(fd) != self._files[fd]:
            if not self._has_copy(fd):
                return False
            os.dup2(self._copies[fd], fd)
        return True

    def _has_copy(self, fd: int) -> bool:
        """Tell whether the copy is there: a task may have closed it, and its number be reused."""
        return file_behind(self._copies[fd]) == self._files[fd]


def file_behind(fd: int) -> _File | None:
    """Return what is behind a descriptor; None if it is closed."""
    try:
        return _identity(fstat(fd))
    except OSError:
        return None


def _copy_of(fd: int) -> int:
    """Return a copy of a descriptor, for this process only; -1 if it may open no more."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FDS.stop)
    except OSError:
        return -1
