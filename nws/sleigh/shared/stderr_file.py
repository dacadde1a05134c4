"""A file for the stderr of another process, which can be read however that one ends."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Final

__all__ = ["StderrFile"]

_MAX_READ_BYTES: Final = 4000
"""Read from the end of the file."""


class StderrFile:
    """A file without a name.

    Attributes:
        fd: its number.
        close: call it to close the file.
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
        data = os.pread(self.fd, _MAX_READ_BYTES, max(0, size - _MAX_READ_BYTES))
        return data.decode("utf-8", "replace").strip()
