"""Where an iterator is among the values of a variable, and what it asks for next."""

from __future__ import annotations

import math
from typing import Any, BinaryIO, NamedTuple

from nws.session.request import Request
from nws.values import decode, decode_or_error
from nws.wire.arguments import encode_name, milliseconds
from nws.wire.dialect import BLANK_ID
from nws.wire.operations import EXTENDED_OPERATIONS
from nws.wire.replies import Answer

__all__ = ["Cursor", "Found"]


class Found(NamedTuple):
    """What an iterator has got.

    Attributes:
        place: where it is now.
        size: length of the payload.
        value: the value; None if the payload went to a file. The NwsUnpicklingException if it
            cannot be read and stays, so that an iterator that finds goes on behind it.
    """

    place: tuple[bytes, int]
    size: int
    value: Any = None


class Cursor:
    """The place of an iterator.

    Attributes:
        place: of the value that was got last: the id of the variable and the value's index. It is
            set by whoever has got one.
    """

    def __init__(
        self, workspace: bytes, varName: str, operation: str, timeout: float | None
    ) -> None:
        """Begin before the first value.

        Args:
            workspace, varName: where.
            operation: ``ifetch``, ``ifetchTry``, ``ifind`` or ``ifindTry``.
            timeout: seconds to wait for each value at most; None or infinity for any time.
        """
        name = operation.encode()
        self._start = (name, workspace, encode_name(varName))
        self._value_of = decode if EXTENDED_OPERATIONS[name].removes else decode_or_error
        self._waits = EXTENDED_OPERATIONS[name].waits
        self._timeout = None if timeout == math.inf else timeout
        self.reset()

    def reset(self) -> None:
        """Begin again before the first value."""
        self.place = (BLANK_ID, 0)

    def next(self, into: BinaryIO | None = None) -> Request[Found]:
        """Return the request for the next value.

        Args:
            into: a file that is given the payload, in place of the value.
        """
        variable_id, index = self.place
        fields = [*self._start, variable_id, b"%020d" % index]
        read = self._read if into is None else _read_size
        request = Request(fields, read, self._timeout if self._waits else 0.0)
        if self._timeout is not None:
            fields.append(milliseconds(self._timeout))
            request.timed = True
        request.into = into
        return request

    def _read(self, answer: Answer) -> Found:
        value = self._value_of(answer.descriptor, answer.payload)
        return Found((answer.variable_id, answer.value_index), answer.size, value)


def _read_size(answer: Answer) -> Found:
    return Found((answer.variable_id, answer.value_index), answer.size)
