"""Requests that nobody waits for: for programs that wait for several things at once, or do not
want to wait for each reply.

Each has a connection of its own, on which the server knows already what is wanted. So a value is on
its way as soon as it is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from nws.eager_poll import EagerPoll
from nws.errors import NwsOperationException
from nws.session.session import Session
from nws.values import decode, decode_or_error
from nws.wire.arguments import encode_name
from nws.wire.dialect import BLANK_ID
from nws.wire.requests import Field

__all__ = ["Inbox", "Outbox", "Watch"]

_NO_NAME: Final = object()
_STORE_FIELDS: Final = 4
"""Of a single value to store: workspace, variable, descriptor and payload."""


class Outbox:
    """Values that are stored without waiting for each reply; see `NetWorkSpace.outbox`.

    The server performs the stores in order. What was not confirmed when the connection ends may be
    stored or not.
    """

    def __init__(self, session: Session, workspace: bytes) -> None:
        """Made by `NetWorkSpace.outbox`."""
        self._workspace = workspace
        self._encoder = session.encoder
        self._last: tuple[object, bytes] = _NO_NAME, b""  # variable, as it is and encoded
        # It stores nothing, so that there always is a reply to confirm.
        self._stream = session.open_stream([b"settle", b""], 0.0)
        self._is_confirmed = False

    def store(self, stores: Iterable[tuple[str, Any]], *, numbered: bool = False) -> None:
        """Store values in one step: all of them or none.

        It returns when they have been sent; it waits for the reply to what was stored before.

        Args:
            stores: pairs of a variable and a value.
            numbered: `indexes` returns their indexes afterwards.

        Raises:
            NwsPicklingException: a value cannot be pickled; none was sent.
            NwsException: what was stored before this was refused; or the server is gone.
        """
        if not self._is_confirmed:
            self.confirm()
        fields: list[Field] = []
        last, name = self._last
        for varName, value in stores:
            if varName is not last:  # most are for the variable of the one before
                last, name = self._last = varName, encode_name(varName)
            fields += (self._workspace, name, *self._encoder.encode(value))
        if numbered:
            fields[:0] = (b"settle numbered", b"")
        elif len(fields) == _STORE_FIELDS:
            fields[:0] = (b"store",)  # which takes the server less time
        else:
            fields[:0] = (b"settle", b"")
        self._is_confirmed = False
        self._stream.ask(fields, 0.0)

    def confirm(self, timeout: float | None = None) -> bool:
        """Wait for the reply to what was stored last. Tell whether it is stored; if not, the time
        was over first.

        Args:
            timeout: seconds; None for any time.

        Raises:
            NwsException: it was refused, and nothing of it was stored; or the server is gone.
        """
        stream = self._stream
        if timeout is not None and not stream.answered:
            stream.has_reply()
            if not stream.poll(timeout):
                return False
        try:
            stream.answer()
        except NwsOperationException:
            stream.forget_failure()  # it is reported once
            raise
        self._is_confirmed = True
        return True

    def indexes(self) -> list[int]:
        """Return the indexes of the values that were stored last, when that was confirmed."""
        return [int(index) for index in self._stream.answer().payload.split()]

    def fileno(self) -> int:
        """Return the number of the socket; it can be read when the reply, or the end, has come."""
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


class Watch:
    """The values of a variable, each seen once and left there; see `NetWorkSpace.watch`."""

    def __init__(self, session: Session, workspace: bytes, variable: bytes) -> None:
        """Made by `NetWorkSpace.watch`."""
        self._where = (workspace, variable)
        self._stream = session.open_stream(self._fields_after(BLANK_ID, 0))

    def _fields_after(self, variable_id: bytes, index: int) -> list[Field]:
        return [b"ifind", *self._where, variable_id, b"%020d" % index]

    def next(self) -> Any:
        """Return the next value; wait until there is one.

        Raises:
            NwsOperationException: the variable or the workspace was deleted.
            NwsServerException: the server is gone, or the watch was closed.
            NwsUnpicklingException: the value cannot be read.
        """
        answer = self._stream.answer()
        self._stream.ask(self._fields_after(answer.variable_id, answer.value_index))
        return decode(answer.descriptor, answer.payload)

    def has_come(self) -> bool:
        """Tell whether `next` has a value, or the end, to tell of."""
        return self._stream.has_reply() or bool(self._stream.poll(0))

    def fileno(self) -> int:
        """Return the number of the socket; it can be read when a value, or the end, has come."""
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


class Inbox:
    """The values of a variable, fetched as they come; see `NetWorkSpace.inbox`."""

    def __init__(self, session: Session, workspace: bytes, variable: bytes, limit: int) -> None:
        """Made by `NetWorkSpace.inbox`."""
        self._fields = (b"take", workspace, variable, b"%d" % limit, b"")
        self._stream = session.open_stream(self._fields)
        self._poll_eagerly = EagerPoll()

    def take(
        self,
        timeout: float,
        *,
        eager: bool = False,
        meanwhile: Callable[[], object] | None = None,
        into: deque[Any] | None = None,
    ) -> list[Any]:
        """Return the values that have come, or none after ``timeout`` seconds. One that cannot be
        unpickled is the NwsUnpicklingException, which carries its bytes.

        Args:
            timeout: seconds to wait for the first one.
            eager: poll for the first 0.3 ms instead of sleeping. A value that comes that soon is
                seen before the system would have woken us. It keeps a core busy for that time;
                where others compute on that core as well, it sleeps nevertheless.
            meanwhile: is called again and again while it polls; must be quick.
            into: receives the values as well, before the server is told that they were read: so an
                exception that strikes then, as Ctrl-C may, costs none. It may repeat some.

        Raises:
            NwsOperationException, NwsServerException: as for `Watch.next`.
        """
        stream = self._stream
        if not stream.has_reply():
            stream.prepare(self._fields)
            has_come = self._poll_eagerly(partial(self._look, meanwhile)) if eager else False
            if not (has_come or stream.poll(timeout)):
                return []
        items = stream.answer().items
        values = [decode_or_error(item.descriptor, item.payload) for item in items]
        if into is not None:
            into.extend(values)
        stream.ask(self._fields)  # which acknowledges these
        return values

    def _look(self, meanwhile: Callable[[], object] | None) -> bool:
        if self._stream.poll(0):
            return True
        if meanwhile is not None:
            meanwhile()
        return False

    def fileno(self) -> int:
        """Return the number of the socket; it can be read when a value, or the end, has come."""
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection. What has come and was not taken goes back."""
        self._stream.close()
