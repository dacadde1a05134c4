"""Requests that nobody waits for: for programs that wait for several things at once, or do not
want to wait for each answer.

Each has a connection of its own, on which the server knows already what is wanted. So a value is on
its way as soon as it is there.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nws.errors import NwsOperationException, Status, exception_for
from nws.session.exchange import Answer, Exchange, Field, Patience
from nws.session.session import Session, encode_name
from nws.session.transport import Transport
from nws.values import decode
from nws.wire.requests import BLANK_ID

__all__ = ["Inbox", "Outbox", "Watch"]

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Without a file of its own, unlike the default."""

_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)

_MOMENT = 0.0003
"""Seconds."""


class _Standing:
    """A request that the server has not answered yet."""

    _exchange: Exchange

    def __init__(self, calls: Session) -> None:
        self._transport = Transport(calls.address)
        self._transport.short([b"attach", calls.pool.token])
        self._selector = _Selector()
        self._selector.register(self._transport.socket, selectors.EVENT_READ)

    def _ask(
        self,
        fields: Sequence[Field],
        reader: Callable[[Exchange], Answer],
        wait: float | None = None,
    ) -> None:
        transport = self._transport
        exchange = Exchange(transport.socket, transport.dialect, fields, Patience(), wait=wait)
        exchange.reader = reader
        self._exchange = exchange
        exchange.send()

    def _answer(self) -> Answer:
        """Read the answer; what an exception has cut short goes on where it was."""
        exchange = self._exchange
        if exchange.answer is None:
            exchange.send()
            exchange.answer = exchange.read()
        answer = exchange.answer
        if answer.status:
            raise exception_for(answer.status)(answer.reason)
        return answer

    def fileno(self) -> int:
        """Return the number of the socket; it can be read when a value, or the end, has come."""
        return self._transport.socket.fileno()

    def close(self) -> None:
        """Wait no more. What has come and was not read goes back."""
        self._transport.close()


class Outbox(_Standing):
    """Values that are stored without waiting for the server's word; see `NetWorkSpace.outbox`."""

    def __init__(self, calls: Session, workspace: bytes) -> None:
        """Made by `NetWorkSpace.outbox`."""
        super().__init__(calls)
        self._workspace = workspace
        self._encoder = calls.encoder
        self._post([])  # so that there always is something to confirm

    def store(self, stores: Iterable[tuple[str, Any]]) -> None:
        """Store values in one step: pairs of a variable and a value.

        Raises:
            NwsException: what was stored before this was refused; or the server is gone.
        """
        self.confirm()
        self._post(stores)

    def _post(self, stores: Iterable[tuple[str, Any]]) -> None:
        fields: list[Field] = [b"settle", b""]
        for varName, value in stores:
            fields += (self._workspace, encode_name(varName), *self._encoder.encode(value))
        self._ask(fields, Exchange.read_short, 0.0)

    def confirm(self, timeout: float | None = None) -> None:
        """Wait for the server's word about what was stored last, so many seconds at most.

        Raises:
            NwsException: it was refused, and nothing of it was stored; or the server is gone.
        """
        exchange = self._exchange
        if exchange.answer is None:
            exchange.send()  # what was not, because an exception has struck
            if timeout is not None and not self._selector.select(timeout):
                return
        try:
            self._answer()
        except NwsOperationException:
            exchange.answer = Answer(Status.OK, "")  # it was said: no need to say it again
            raise


class Watch(_Standing):
    """The values of a variable, each seen once and left there; see `NetWorkSpace.watch`."""

    def __init__(self, calls: Session, workspace: bytes, variable: bytes) -> None:
        """Made by `NetWorkSpace.watch`."""
        super().__init__(calls)
        self._where = (workspace, variable)
        self._ask_after(BLANK_ID, 0)

    def _ask_after(self, variable_id: bytes, index: int) -> None:
        fields = [b"ifind", *self._where, variable_id, b"%020d" % index]
        self._ask(fields, Exchange.read_long)

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

    def __init__(self, calls: Session, workspace: bytes, variable: bytes, limit: int) -> None:
        """Made by `NetWorkSpace.inbox`."""
        super().__init__(calls)
        self._fields = [b"take", workspace, variable, b"%d" % limit, b""]
        self._ask(self._fields, Exchange.read_many)

    def take(
        self, timeout: float, *, eager: bool = False, into: deque[Any] | None = None
    ) -> list[Any]:
        """Return the values that have come; wait up to ``timeout`` seconds for the first.

        Args:
            timeout: seconds.
            eager: look again and again for the first 0.3 ms. A value that comes that soon arrives
                before the system would have woken this thread. It costs a core for that time.
            into: receives the values as well, before the server is told that they were read: so an
                exception that strikes then, as Ctrl-C may, costs none. It may repeat some.

        Raises:
            NwsException: as for `Watch.next`.
        """
        self._exchange.send()  # what was not, because an exception has struck
        if not self._exchange.begun and not self._wait(timeout, eager):
            return []
        items = self._answer().items
        values = [decode(item.descriptor, item.payload) for item in items]
        if into is not None:
            into.extend(values)
        self._ask(self._fields, Exchange.read_many)  # which acknowledges these
        return values

    def _wait(self, timeout: float, eager: bool) -> bool:
        select = self._selector.select
        if eager:
            end = time.perf_counter() + _MOMENT
            while time.perf_counter() < end:
                if select(0):
                    return True
                _give_way()  # the server may wait for this very core
        return bool(select(timeout))
