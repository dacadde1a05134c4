"""Where the answers of a space's operations go, and what they consist of."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from nws_server.core.values import Value


class Place(Protocol):
    """Where a value came from; `Space.put_back` takes it."""

    @property
    def id(self) -> bytes:
        """Twenty digits that name the variable; iterators keep them."""

    @property
    def name(self) -> bytes:
        """The variable's name in its workspace."""


class Taken(NamedTuple):
    """One of several values that an operation took."""

    value: Value
    lease: int
    """The lease's id, or 0 for a plain take."""


class Cookie(NamedTuple):
    """The position of an iterator: what it was told with its last value."""

    variable_id: bytes
    """Empty for an iterator that has seen nothing."""
    last: int
    """The index of that value."""

    @property
    def seen(self) -> int:
        """The index that the iterator saw last; -1 before its first value."""
        return self.last if self.variable_id else -1


class Reply(Protocol):
    """Receives the answer of an operation, as one call of `done`, `failed`, `value`, `values` or
    `text`.

    These may not call the space: they note what is to be done and return.
    """

    def done(self) -> None:
        """The operation succeeded and has no result."""

    def failed(self, status: int, reason: str) -> None:
        """The operation failed and changed nothing. ``reason`` is for people."""

    def value(self, value: Value, index: int, place: Place) -> None:
        """A get succeeded. ``index`` is what an iterator has to keep."""

    def values(self, taken: list[Taken], place: Place) -> None:
        """A take succeeded, or a get from any of several variables, with at least one value."""

    def text(self, text: bytes) -> None:
        """The result is a listing, or a name."""

    def raised(self, error: Exception) -> None:
        """One of the other methods raised this error, which is being handled.

        What it was to deliver is back in its place. This method may not raise.
        """


def reply_done(reply: Reply) -> None:
    """Call `Reply.done`; an error goes to `Reply.raised`."""
    try:
        reply.done()
    except Exception as error:
        reply.raised(error)


def reply_failed(reply: Reply, status: int, reason: str) -> None:
    """Call `Reply.failed`; an error goes to `Reply.raised`."""
    try:
        reply.failed(status, reason)
    except Exception as error:
        reply.raised(error)


def reply_text(reply: Reply, text: bytes) -> None:
    """Call `Reply.text`; an error goes to `Reply.raised`."""
    try:
        reply.text(text)
    except Exception as error:
        reply.raised(error)
