"""Iterators over the values of a variable."""

from __future__ import annotations

from itertools import starmap
from typing import Any, BinaryIO

from nws.errors import NwsNoValueException, NwsUnpicklingException
from nws.session.session import Session
from nws.wire.dialect import BLANK_ID
from nws.wire.replies import Answer
from nws.workspace.files import check_writable

__all__ = ["NwsValueIterator"]

_BEGINNING: tuple[bytes, int] = (BLANK_ID, 0)


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

    def __init__(
        self,
        session: Session,
        workspace: bytes,
        varName: str,
        op: str,
        timeout: float | None = None,
    ) -> None:
        """Made by the methods of `NetWorkSpace`; not for direct use."""
        self._session = session
        self._workspace = workspace
        self._variable = varName
        self._operation = op.encode()
        self._timeout = timeout
        self._cookie = _BEGINNING
        self._ended = False

    def __iter__(self) -> NwsValueIterator:
        return self

    def next(self) -> Any:
        """Return the next value; the spelling of the original.

        Raises:
            StopIteration: there is none.
            NwsException: as this class says, and as `NetWorkSpace.fetch`.
        """
        (found,) = starmap(self._advance, [(None,)])
        if found is not None:
            return found[1]
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
        (found,) = starmap(self._advance, [(fobj,)])
        if found is not None:
            return found[0].size
        return 0

    def restart(self) -> None:
        """Go on behind the last value, after the iterator has ended."""
        self._ended = False

    def reset(self) -> None:
        """Begin again with the first value."""
        self._cookie = _BEGINNING
        self._ended = False

    def _advance(self, into: BinaryIO | None) -> tuple[Answer, Any] | None:
        """Return what is next; None if there is nothing.

        Behind the get there is no call, and no jump where it went well: Python could be interrupted
        there, and the value would be lost.
        """
        if self._ended:
            return None
        where = (self._workspace, self._variable)
        request = (self._operation, *where, self._timeout, self._cookie, into)
        try:
            ((answer, value),) = starmap(self._session.get, [request])
        except NwsNoValueException:
            self._ended = True
            return None
        self._cookie = (answer.variable_id, answer.value_index)
        if value.__class__ is not NwsUnpicklingException:
            return answer, value
        raise value
