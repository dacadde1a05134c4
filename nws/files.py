"""User's files: can they be read or written, and how much is there to read?"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from nws.exchange import Upload

__all__ = ["check_writable", "upload_of"]


def check_writable(fobj: BinaryIO) -> None:
    """Make sure that bytes can be written to a file.

    Raises:
        TypeError: it says that they cannot.
    """
    _check(fobj, "write", "wax+", "writing")


def upload_of(fobj: BinaryIO, limit: int) -> Upload:
    """Announce the rest of a file, or its next ``limit`` bytes if that is not 0.

    The length comes from, in this order: the file's ``len`` (a number or a method), the system, or
    its end, if it can seek. A file that knows no length at all is read into memory.

    Raises:
        TypeError: it is not open for reading bytes.
        ValueError: the limit is negative.
    """
    _check(fobj, "read", "r+", "reading")
    if limit < 0:
        raise ValueError(f"{limit} is not a number of bytes")
    left = _length_left(fobj)
    if left is None:
        data = fobj.read(limit) if limit else fobj.read()
        return Upload(io.BytesIO(data), len(data))
    return Upload(fobj, min(left, limit) if limit else left)


def _check(fobj: object, method: str, flags: str, purpose: str) -> None:
    mode = getattr(fobj, "mode", None)
    fits = not isinstance(mode, str) or ("b" in mode and any(flag in mode for flag in flags))
    if not callable(getattr(fobj, method, None)) or isinstance(fobj, io.TextIOBase) or not fits:
        raise TypeError(f"{fobj!r} is not a file that is open for {purpose} bytes")


def _length_left(fobj: BinaryIO) -> int | None:
    """Return how many bytes lie behind the present position, or None if that cannot be known."""
    try:
        position = fobj.tell()
    except (AttributeError, OSError):
        return None
    length = getattr(fobj, "len", None)
    if length is not None:
        return max(0, int(length() if callable(length) else length) - position)
    try:
        end = os.fstat(fobj.fileno()).st_size
    except (AttributeError, OSError):
        try:
            end = fobj.seek(0, io.SEEK_END)
            fobj.seek(position)
        except (AttributeError, OSError):
            return None
    return max(0, end - position)
