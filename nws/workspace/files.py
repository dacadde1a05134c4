"""Values that come from files and go to files, in pieces, whatever their length."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from nws.session.transfers import Upload

__all__ = ["check_writable", "upload_of"]


def upload_of(fobj: BinaryIO, limit: int) -> Upload:
    """Announce the rest of a file, or its next ``limit`` bytes if that is not 0.

    The length comes from, in this order: the file's ``len`` (a number or a method); its end, if it
    can seek; the system, which only knows the length of what was compressed. A file that knows no
    length at all is read into memory.

    Raises:
        TypeError: it is not open for reading bytes.
        ValueError: the limit is negative.
    """
    _check_readable(fobj)
    if limit < 0:
        raise ValueError(f"{limit} is not a number of bytes")
    left = _length_left(fobj)
    if left is None:
        data = fobj.read(limit) if limit else fobj.read()
        return Upload(io.BytesIO(data), len(data))
    return Upload(fobj, min(left, limit) if limit else left)


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
        end = fobj.seek(0, io.SEEK_END)
        fobj.seek(position)
    except (AttributeError, OSError):
        try:
            end = os.fstat(fobj.fileno()).st_size
        except (AttributeError, OSError):
            return None
    return max(0, end - position)


def _check_readable(fobj: object) -> None:
    """Make sure that bytes can be read from a user's file.

    Raises:
        TypeError: it has no such method, or its mode says that they cannot.
    """
    _check_file(fobj, "read", "r+", "reading")


def check_writable(fobj: object) -> None:
    """Make sure that bytes can be written to a user's file.

    Raises:
        TypeError: it has no such method, or its mode says that they cannot.
    """
    _check_file(fobj, "write", "wax+", "writing")


def _check_file(fobj: object, method: str, flags: str, purpose: str) -> None:
    mode = getattr(fobj, "mode", None)
    fits = not isinstance(mode, str) or ("b" in mode and any(flag in mode for flag in flags))
    if not callable(getattr(fobj, method, None)) or isinstance(fobj, io.TextIOBase) or not fits:
        raise TypeError(f"{fobj!r} is not a file that is open for {purpose} bytes")
