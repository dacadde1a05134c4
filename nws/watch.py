"""Waits that do not block: for programs that wait for several things at once, or do not want to
ask again and again.

Each has a connection of its own, on which the server knows already what is wanted. So a value is on
its way as soon as it is there.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

from nws.calls import Calls
from nws.errors import exception_for
from nws.exchange import Answer, Exchange, Patience
from nws.transport import Transport
from nws.values import decode
from nws.wire import BLANK_ID

__all__ = ["Inbox", "Watch"]

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Without a file of its own, unlike the default."""


class _Standing:
    """A request that the server has not answered yet."""

    _exchange: Exchange

    def __init__(self, calls: Calls) -> None:
        self._transport = Transport(calls.address)
        self._transport.short([b"attach", calls.pool.token])
        self._selector = _Selector()
        self._selector.register(self._transport.socket, selectors.EVENT_READ)

    def _ask(self, fields: list[bytes], read: Callable[[Exchange], Callable[[], Answer]]) -> None:
        transport = self._transport
        exchange = Exchange(transport.socket, transport.dialect, fields, Patience(), wait=None)
        exchange.read = read(exchange)
        exchange.send()
        self._exchange = exchange

    def _answer(self) -> Answer:
        answer = self._exchange.read()  # after an exception it goes on where it was
        if answer.status:
            raise exception_for(answer.status)(answer.reason)
        return answer

    def fileno(self) -> int:
        """Return the number of the socket; it can be read when a value, or the end, has come."""
        return self._transport.socket.fileno()

    def close(self) -> None:
        """Wait no more. What has come and was not read goes back."""
        self._transport.close()


class Watch(_Standing):
    """The values of a variable, each seen once and left there; see `NetWorkSpace.watch`."""

    def __init__(self, calls: Calls, workspace: bytes, variable: bytes) -> None:
        """Made by `NetWorkSpace.watch`."""
        super().__init__(calls)
        self._where = (workspace, variable)
        self._ask_after(BLANK_ID, 0)

    def _ask_after(self, variable_id: bytes, index: int) -> None:
        fields = [b"ifind", *self._where, variable_id, b"%020d" % index]
        self._ask(fields, lambda exchange: exchange.read_long)

    def next(self) -> Any:
        """Return the next value; wait for it if need be.

        Raises:
            NwsOperationException: the variable or the workspace was deleted.
            NwsServerException: the server is gone.
            NwsUnpicklingException: the value cannot be read.
        """
        answer = self._answer()
        self._ask_after(answer.variable_id, answer.value_index)
        return decode(answer.descriptor, answer.payload)


class Inbox(_Standing):
    """The values of a variable, fetched as they come; see `NetWorkSpace.inbox`."""

    def __init__(self, calls: Calls, workspace: bytes, variable: bytes, limit: int) -> None:
        """Made by `NetWorkSpace.inbox`."""
        super().__init__(calls)
        self._fields = [b"take", workspace, variable, b"%d" % limit, b""]
        self._ask(self._fields, lambda exchange: exchange.read_many)

    def take(self, timeout: float) -> list[Any]:
        """Return the values that have come; wait so many seconds at most for the first.

        Raises:
            NwsException: as for `Watch.next`.
        """
        if not self._selector.select(timeout):
            return []
        items = self._answer().items
        values = [decode(item.descriptor, item.payload) for item in items]
        self._ask(self._fields, lambda exchange: exchange.read_many)  # which acknowledges these
        return values
