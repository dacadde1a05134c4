"""A request as data: what is asked of the server, and what its answer means.

So an operation is written once, in `nws.workspace`, whatever carries it out: the blocking client,
or one on an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final, Generic, TypeVar

from nws.errors import NwsException, NwsOperationException
from nws.wire.replies import Answer
from nws.wire.requests import Field

__all__ = ["REQUIRED", "Request", "nothing", "text"]

R = TypeVar("R")

REQUIRED: Final = object()
"""In place of what stands for a missing value: that is an error."""


class Request(Generic[R]):
    """What is asked, and what is made of the answer.

    Attributes:
        fields: the first one is a name in `nws.wire.operations`.
        read: makes the result of a successful answer. It changes nothing, so that what it has read
            can still go back.
        wait: seconds that the server may wait before it replies; None for any time.
        timed: the last field is a timeout, which an original server does not know.
        missing: the result if there is no value; or `REQUIRED`.
        into: a file that is given the payload piece by piece, in place of the answer.
        failure: what to raise for an ordinary failure.
        meanwhile: is called when it was sent, before the answer is waited for.
    """

    timed = False
    missing: Any = REQUIRED
    into: BinaryIO | None = None
    failure: type[NwsException] = NwsOperationException
    meanwhile: Callable[[], object] | None = None

    def __init__(
        self, fields: Sequence[Field], read: Callable[[Answer], R], wait: float | None = 0.0
    ) -> None:
        self.fields = fields
        self.read = read
        self.wait = wait


def nothing(answer: Answer) -> None:
    """Read an answer that says only that all went well."""


def text(answer: Answer) -> str:
    """Read an answer that is a text."""
    return answer.payload.decode("utf-8", "replace")
