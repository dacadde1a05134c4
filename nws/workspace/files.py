"""Values that come from files and go to files."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from nws.errors import NwsOperationException
from nws.session.exchange import Upload
from nws.session.session import Session, check_readable, check_writable, encode_name
from nws.values import BINARY

__all__ = ["WorkspaceFiles", "upload_of"]


class WorkspaceFiles:
    """The part of `nws.client.NetWorkSpace` that moves bytes between values and files.

    The bytes pass through memory in pieces, whatever their number.
    """

    _session: Session
    _name: bytes

    def storeFile(self, varName: str, fobj: BinaryIO, n: int = 0) -> int:
        """Store the bytes of a file as one value. They are not gathered in memory.

        Args:
            varName: name of the variable.
            fobj: a file that is open for reading bytes; it is read from its present position.
            n: store at most so many bytes; 0 for all to the end.

        Returns:
            How many bytes were stored. 0 at the end of the file: then nothing was stored.

        Raises:
            TypeError: the file is not open for reading bytes.
        """
        name = encode_name(varName)
        body = upload_of(fobj, n)
        if len(body):
            self._session.short([b"store", self._name, name, BINARY, body])
        return len(body)

    def fetchFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Remove a value and write its bytes, serialised or not, to a binary file; see `fetch`.

        Returns:
            How many bytes were written.

        Raises:
            TypeError: the file is not open for writing bytes.
            OSError: the file cannot be written; the value stays in the variable.
        """
        return self._to_file(b"fetch", varName, fobj, timeout)

    def fetchTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `fetchFile`, but return False if there is no value."""
        return self._try_to_file(b"fetchTry", varName, fobj)

    def findFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Write a value's bytes to a binary file, without removing it; see `fetchFile`."""
        return self._to_file(b"find", varName, fobj, timeout)

    def findTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `findFile`, but return False if there is no value."""
        return self._try_to_file(b"findTry", varName, fobj)

    def _to_file(
        self, operation: bytes, varName: str, fobj: BinaryIO, timeout: float | None
    ) -> int:
        check_writable(fobj)
        return self._session.get(operation, self._name, varName, into=fobj, timeout=timeout)[0].size

    def _try_to_file(self, operation: bytes, varName: str, fobj: BinaryIO) -> int | bool:
        try:
            return self._to_file(operation, varName, fobj, None)
        except NwsOperationException:
            return False


def upload_of(fobj: BinaryIO, limit: int) -> Upload:
    """Announce the rest of a file, or its next ``limit`` bytes if that is not 0.

    The length comes from, in this order: the file's ``len`` (a number or a method); its end, if it
    can seek; the system, which only knows the length of what was compressed. A file that knows no
    length at all is read into memory.

    Raises:
        TypeError: it is not open for reading bytes.
        ValueError: the limit is negative.
    """
    check_readable(fobj)
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
