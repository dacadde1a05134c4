"""A connection of a session on which one request is always under way.

A program need not wait for the reply: it can look after several streams at once, with `select`, or
do something else meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from nws.errors import Status
from nws.session.exchange import Exchange
from nws.session.pool import Pool
from nws.session.sockets import waiting_for
from nws.wire.replies import Answer
from nws.wire.requests import Field

__all__ = ["Stream"]


class Stream:
    """One request after the other, on a connection of its own; it ends with its session.

    After an exception at any moment it goes on where it was.

    Attributes:
        poll: waits up to so many seconds until something has come; tells whether it has.
    """

    def __init__(self, pool: Pool, fields: Sequence[Field], wait: float | None = None) -> None:
        """Connect, and send the first request; see `ask`."""
        self._transport = pool.connect()
        self._prepared: Exchange | None = None
        self.poll = waiting_for(self._transport.socket)
        self.ask(fields, wait)

    def ask(self, fields: Sequence[Field], wait: float | None = None) -> None:
        """Send the next request. The reply to the one before it must have been read.

        Args:
            fields: of the request.
            wait: seconds that the server may wait before it replies; None for any time.

        Raises:
            NwsConnectionDroppedException: the connection is gone.
        """
        exchange = self._prepared
        if exchange is None or exchange.fields is not fields:
            exchange = self._transport.prepare(fields, wait)
        self._prepared = None
        self._transport.pending = self._exchange = exchange
        self._transport.send(exchange)

    def prepare(self, fields: Sequence[Field]) -> None:
        """Have the next request ready, while there is time: `ask` is quicker then. The server may
        wait for any time before it replies."""
        if self._prepared is None:
            self._prepared = self._transport.prepare(fields)

    @property
    def answered(self) -> bool:
        """Whether the reply was read."""
        return self._exchange.answer is not None

    def has_reply(self) -> bool:
        """Make sure that all of the request was sent; tell whether some of the reply was read."""
        self._transport.send(self._exchange)
        return self._exchange.begun

    def answer(self) -> Answer:
        """Wait for the reply and return it; again, if that was done.

        Raises:
            NwsException: the request was refused, or the connection is gone.
        """
        return self._transport.end(self._exchange)

    def forget_failure(self) -> None:
        """Take the reply for a success from now on."""
        self._exchange.answer = Answer(Status.OK, "")

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self._transport.socket.fileno()

    def close(self) -> None:
        """Close the connection. What has come and was not read goes back."""
        self._transport.pending = None
        self._transport.close()
