"""What a process leaves behind in writing, whatever becomes of it."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Final

__all__ = ["StderrFile"]

_MOST: Final = 4000
"""Bytes that are read of it, from its end."""


class StderrFile:
    """A file without a name, for the errors of another process.

    Attributes:
        fd: its number.
        close: call it to have done with it.
    """

    def __init__(self) -> None:
        # Not a file object: that would complain about being open at the end of a fork of us.
        self.fd, name = tempfile.mkstemp(prefix="nws-")
        os.unlink(name)
        self.close = weakref.finalize(self, os.close, self.fd)
        self.close.atexit = False

    def fileno(self) -> int:
        """Return its number."""
        return self.fd

    def read(self) -> str:
        """Return what was written, or the end of it."""
        size = os.fstat(self.fd).st_size
        data = os.pread(self.fd, _MOST, max(0, size - _MOST))
        return data.decode("utf-8", "replace").strip()
