"""Iterators over the values of a variable, on an event loop."""

from __future__ import annotations

from typing import Any, BinaryIO

from nws.errors import NwsNoValueException, NwsUnpicklingException
from nws.nonblocking.session import LoopSession
from nws.workspace.cursor import Cursor, Found
from nws.workspace.files import check_writable

__all__ = ["LoopValueIterator"]


class LoopValueIterator:
    """Goes through the values of a fifo or single variable; see `nws.client.NwsValueIterator`."""

    def __init__(self, session: LoopSession, cursor: Cursor) -> None:
        """Made by the methods of a workspace."""
        self._session = session
        self._cursor = cursor
        self._ended = False

    def __aiter__(self) -> LoopValueIterator:
        return self

    async def __anext__(self) -> Any:
        found = await self._advance(None)
        if found is None:
            raise StopAsyncIteration
        return found.value

    async def writeTo(self, fobj: BinaryIO) -> int:
        """Write the next value's bytes, serialized or not, to a binary file.

        Returns:
            How many bytes were written; 0 when there is no further value.

        Raises:
            TypeError: the file is not open for writing bytes.
            OSError: the file cannot be written; the iterator stays where it was.
            NwsException: as for the next value.
        """
        check_writable(fobj)
        found = await self._advance(fobj)
        return 0 if found is None else found.size

    def restart(self) -> None:
        """Go on behind the last value, after the iterator has ended."""
        self._ended = False

    def reset(self) -> None:
        """Begin again with the first value."""
        self._cursor.reset()
        self._ended = False

    async def _advance(self, into: BinaryIO | None) -> Found | None:
        """Return what is next; None if there is nothing."""
        if self._ended:
            return None
        request = self._cursor.next(into)
        try:
            found = await self._session.perform(request)
        except NwsNoValueException:
            self._ended = True
            return None
        self._cursor.place = found.place
        if isinstance(found.value, NwsUnpicklingException):
            raise self._session.explained(request, found.value) from found.value.exception
        return found
