"""Iterators over the values of a variable."""

from __future__ import annotations

from typing import Any, BinaryIO

from nws.errors import NwsNoValueException, NwsUnpicklingException
from nws.session.session import Session
from nws.workspace.cursor import Cursor, Found
from nws.workspace.files import check_writable

__all__ = ["NwsValueIterator"]


class NwsValueIterator:
    """Goes through the values of a fifo or single variable; see `NetWorkSpace.ifind` and others.

    The ``Try`` kinds end when there is no further value; the others wait for one. Once it has ended
    it stays so until `restart` or `reset`. After a timeout (NwsTimeoutException) it goes on.

    A value that cannot be read (NwsUnpicklingException) stays in the variable. An iterator that
    finds goes on behind it. One that fetches stays before it, until `writeTo` or somebody else has
    taken it out. (An original server has removed it, and both go on.)

    Any kind raises NwsOperationException when the variable is lifo or multi, or was deleted, also
    while it waits; NwsNoWorkSpaceException when the workspace was deleted before. On an original
    server, which gives no reasons, it ends then.
    """

    def __init__(self, session: Session, cursor: Cursor) -> None:
        """Made by the methods of `NetWorkSpace`; not for direct use."""
        self._session = session
        self._cursor = cursor
        self._ended = False

    def __iter__(self) -> NwsValueIterator:
        return self

    def next(self) -> Any:
        """Return the next value; the spelling of the original.

        Raises:
            StopIteration: there is none.
            NwsException: as this class says, and as `NetWorkSpace.fetch`.
        """
        (found,) = map(self._advance, (None,))
        if found is not None:
            return found.value
        raise StopIteration

    __next__ = next

    def writeTo(self, fobj: BinaryIO) -> int:
        """Write the next value's bytes, serialized or not, to a binary file.

        Returns:
            How many bytes were written; 0 when there is no further value.

        Raises:
            TypeError: the file is not open for writing bytes.
            OSError: the file cannot be written; the iterator stays where it was.
            NwsException: as for `next`.
        """
        check_writable(fobj)
        (found,) = map(self._advance, (fobj,))
        if found is not None:
            return found.size
        return 0

    def restart(self) -> None:
        """Go on behind the last value, after the iterator has ended."""
        self._ended = False

    def reset(self) -> None:
        """Begin again with the first value."""
        self._cursor.reset()
        self._ended = False

    def _advance(self, into: BinaryIO | None) -> Found | None:
        """Return what is next; None if there is nothing.

        Behind the get there is no call, and no jump where it went well: Python could be interrupted
        there, and the value would be lost.
        """
        if self._ended:
            return None
        request = self._cursor.next(into)
        try:
            (found,) = map(self._session.perform, (request,))
        except NwsNoValueException:
            self._ended = True
            return None
        self._cursor.place = found.place
        if found.value.__class__ is not NwsUnpicklingException:
            return found
        raise self._session.explained(request, found.value) from found.value.exception
