"""Values that come from files and go to files: the operations of a workspace."""

from __future__ import annotations

from itertools import starmap
from typing import BinaryIO

from nws.descriptors import BINARY
from nws.errors import NwsNoValueException
from nws.session.session import Session, encode_name
from nws.workspace.files import check_writable, upload_of

__all__ = ["FileTransfers"]


class FileTransfers:
    """What `nws.client.NetWorkSpace` does with files."""

    _session: Session
    _name: bytes

    def storeFile(self, varName: str, fobj: BinaryIO, n: int = 0) -> int:
        """Store the bytes of a file as one value; see `store`. They are not gathered in memory.

        Args:
            varName: name of the variable.
            fobj: a file that is open for reading bytes; it is read from its present position.
            n: store at most ``n`` bytes; 0 for all to the end.

        Returns:
            How many bytes were stored. 0 at the end of the file: then nothing was stored.

        Raises:
            TypeError: the file is not open for reading bytes.
            OSError: it cannot be read. Nothing is stored.
            NwsException: as for `store`.
        """
        name = encode_name(varName)
        body = upload_of(fobj, n)
        if len(body):
            self._session.run([b"store", self._name, name, BINARY, body])
        return len(body)

    def fetchFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Remove a value and write its bytes, serialized or not, to a binary file; see `fetch`.

        Returns:
            How many bytes were written.

        Raises:
            TypeError: the file is not open for writing bytes.
            OSError: the file cannot be written; the value stays in the variable.
            NwsException: as for `fetch`.
        """
        (size,) = starmap(self._to_file, [(b"fetch", varName, fobj, timeout)])
        return size

    def fetchTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `fetchFile`, but return False if there is no value; see `fetchTry`."""
        (size,) = starmap(self._to_file, [(b"fetchTry", varName, fobj)])
        return size

    def findFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Write a value's bytes to a binary file, without removing it; see `fetchFile`."""
        return self._to_file(b"find", varName, fobj, timeout)

    def findTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `findFile`, but return False if there is no value; see `fetchTry`."""
        return self._to_file(b"findTry", varName, fobj)

    def _to_file(
        self, operation: bytes, varName: str, fobj: BinaryIO, timeout: float | None = None
    ) -> int | bool:
        """Return the length of the value; False if there is none, and it is not waited for."""
        check_writable(fobj)
        request = (operation, self._name, varName, timeout, None, fobj)
        try:
            ((answer, _),) = starmap(self._session.get, [request])
        except NwsNoValueException:
            return False
        return answer.size
