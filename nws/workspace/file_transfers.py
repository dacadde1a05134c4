"""Values that come from files and go to files: the operations of a workspace."""

from __future__ import annotations

from typing import BinaryIO

from nws.session.session import Session
from nws.workspace.files import upload_of
from nws.workspace.requests import WorkspaceRequests

__all__ = ["FileTransfers"]


class FileTransfers:
    """What `nws.client.NetWorkSpace` does with files."""

    _session: Session
    _requests: WorkspaceRequests

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
        body = upload_of(fobj, n)
        request = self._requests.storeFile(varName, body)
        return self._session.perform(request) if len(body) else 0

    def fetchFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Remove a value and write its bytes, serialized or not, to a binary file; see `fetch`.

        Returns:
            How many bytes were written.

        Raises:
            TypeError: the file is not open for writing bytes.
            OSError: the file cannot be written; the value stays in the variable.
            NwsException: as for `fetch`.
        """
        request = self._requests.fetchFile(varName, fobj, timeout=timeout)
        (size,) = map(self._session.perform, (request,))
        return size

    def fetchTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `fetchFile`, but return False if there is no value; see `fetchTry`."""
        request = self._requests.fetchTryFile(varName, fobj)
        (size,) = map(self._session.perform, (request,))
        return size

    def findFile(self, varName: str, fobj: BinaryIO, *, timeout: float | None = None) -> int:
        """Write a value's bytes to a binary file, without removing it; see `fetchFile`."""
        return self._session.perform(self._requests.findFile(varName, fobj, timeout=timeout))

    def findTryFile(self, varName: str, fobj: BinaryIO) -> int | bool:
        """Like `findFile`, but return False if there is no value; see `fetchTry`."""
        return self._session.perform(self._requests.findTryFile(varName, fobj))
