"""Iterators over the values of a variable."""

from __future__ import annotations

from typing import Any, BinaryIO

from nws.errors import NwsOperationException, NwsUnpicklingException
from nws.session.exchange import Answer
from nws.session.session import Session, check_writable

__all__ = ["NwsValueIterator"]

_BLANK: tuple[bytes, int] = (b" " * 20, 0)


class NwsValueIterator:
    """Walks through the values of a fifo or single variable; see `NetWorkSpace.ifind` and others.

    It ends when there is no further value (the ``Try`` kinds), when the variable is deleted, or
    when the variable's mode is lifo or multi. Once it has ended it stays so until `restart` or
    `reset`. After a value that cannot be read (NwsUnpicklingException) it goes on with the next.
    """

    def __init__(
        self,
        calls: Session,
        workspace: bytes,
        varName: str,
        op: str,
        timeout: float | None = None,
    ) -> None:
        """Made by the methods of `NetWorkSpace`; not for direct use."""
        self._session = calls
        self._workspace = workspace
        self._variable = varName
        self._operation = op.encode()
        self._timeout = timeout
        self._cookie = _BLANK
        self._ended = False

    def __iter__(self) -> NwsValueIterator:
        return self

    def __next__(self) -> Any:
        _, value = self._advance(None)
        return value

    def next(self) -> Any:
        """Return the next value; the spelling of the original.

        Raises:
            StopIteration: there is none.
        """
        return self.__next__()

    def writeTo(self, fobj: BinaryIO) -> int:
        """Write the next value's bytes to a binary file.

        Returns:
            How many bytes were written; 0 when there is no further value.

        Raises:
            TypeError: the file is not open for writing bytes.
        """
        check_writable(fobj)
        try:
            answer, _ = self._advance(fobj)
        except StopIteration:
            return 0
        return answer.size

    def restart(self) -> None:
        """Go on behind the last value, after the iterator has ended."""
        self._ended = False

    def reset(self) -> None:
        """Begin again with the first value."""
        self._cookie = _BLANK
        self._ended = False

    def _advance(self, into: BinaryIO | None) -> tuple[Answer, Any]:
        if self._ended:
            raise StopIteration
        try:
            answer, value = self._session.get(
                self._operation,
                self._workspace,
                self._variable,
                cookie=self._cookie,
                timeout=self._timeout,
                into=into,
            )
        except TimeoutError:
            raise
        except NwsOperationException:
            self._ended = True
            raise StopIteration from None
        self._cookie = (answer.variable_id, answer.value_index)
        if value.__class__ is NwsUnpicklingException:  # no call: it could be interrupted
            raise value
        return answer, value
