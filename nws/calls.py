"""The calls that the classes of ``client.py`` are made of: names and times in, values out.

A `Calls` object stands for one session. Each call borrows a connection of the session's pool. What
is particular to one operation of the user's interface stays in that interface.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from nws.errors import (
    NwsException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from nws.exchange import ANSWER_TIMEOUT, Answer, Field, Item
from nws.pool import Pool
from nws.transport import Address, Transport
from nws.values import Encoder, decode
from nws.wire import BLANK_ID

__all__ = ["Calls", "encode_name", "milliseconds"]

_POLL_FIRST: Final = 0.001
_POLL_LAST: Final = 0.1


class Calls:
    """One session with a server.

    Attributes:
        pool: its connections.
        encoder: for the values that are stored.
        bound: names of the workspaces that the session has bound.
    """

    def __init__(self, address: Address, encoder: Encoder) -> None:
        """Connect.

        Raises:
            NwsConnectException: no server answers there.
        """
        self.encoder = encoder
        self.bound: dict[bytes, None] = {}
        self.pool = Pool(address, self._bind_again)

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self.pool.address

    @property
    def extended(self) -> bool:
        """Whether the server knows the extensions."""
        return self.pool.dialect.extensions

    def require_extensions(self, what: str) -> None:
        """Raise NwsUnsupportedOperationException if the server does not know the extensions."""
        if not self.extended:
            raise NwsUnsupportedOperationException(
                f"the server at {self.address} speaks only the original protocol, "
                f"which has no {what}"
            )

    def short(
        self, fields: Sequence[Field], ordinary: type[NwsException] = NwsOperationException
    ) -> None:
        """Do an operation that is answered with a status; see `Transport.short`."""
        pool = self.pool
        transport = pool.acquire()
        try:
            transport.short(fields, ordinary)
        finally:
            pool.release(transport)

    def text(self, fields: Sequence[Field]) -> str:
        """Do an operation that is answered with a text."""
        with self.pool.connection() as transport:
            return transport.long(fields).payload.decode("utf-8", "replace")

    def get(
        self,
        operation: bytes,
        workspace: bytes,
        variable: str,
        *,
        cookie: tuple[bytes, int] | None = None,
        timeout: float | None = None,
        into: BinaryIO | None = None,
        missing: Any = None,
    ) -> tuple[Answer, Any]:
        """Do one of the gets; return the answer and, unless it went to a file, the value."""
        fields = [operation, workspace, encode_name(variable)]
        if cookie is not None:
            fields += (cookie[0], b"%020d" % cookie[1])
        patience: float | None = ANSWER_TIMEOUT
        if not operation.endswith(b"Try"):
            patience = None
            if timeout is not None:
                if not self.extended:
                    return self._poll(operation, workspace, variable, cookie, timeout, into)
                if cookie is None:
                    fields += (BLANK_ID, b"0")
                fields.append(milliseconds(timeout))
                patience = timeout + ANSWER_TIMEOUT
        removes = b"fetch" in operation
        pool = self.pool
        transport = pool.acquire()
        try:
            answer = transport.long(fields, removes=removes, patience=patience, into=into)
            if into is not None:
                return answer, None
            return answer, decode(answer.descriptor, answer.payload, missing)
        except NwsException:
            raise
        except BaseException:  # Ctrl-C after the value had come
            if removes:
                transport.give_back()
            raise
        finally:
            pool.release(transport)

    def _poll(
        self,
        operation: bytes,
        workspace: bytes,
        variable: str,
        cookie: tuple[bytes, int] | None,
        timeout: float,
        into: BinaryIO | None,
    ) -> tuple[Answer, Any]:
        """Wait for a time on a server that cannot be told to."""
        deadline = time.monotonic() + timeout
        pause = _POLL_FIRST
        while True:
            try:
                return self.get(operation + b"Try", workspace, variable, cookie=cookie, into=into)
            except NwsUnpicklingException:
                raise
            except NwsOperationException as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NwsTimeoutException(f"{error} within {timeout} seconds") from None
                time.sleep(min(pause, left))
                pause = min(2 * pause, _POLL_LAST)

    def many(
        self, fields: Sequence[bytes], timeout: float | None, make: Callable[[Item], Any]
    ) -> list[Any]:
        """Take or lease several values; what cannot be made of them goes back."""
        patience = None if timeout is None else timeout + ANSWER_TIMEOUT
        with self.pool.connection() as transport:
            items = transport.many(fields, removes=True, patience=patience)
            try:
                return [make(item) for item in items]
            except BaseException:
                if items[0].lease:
                    ids = b" ".join(b"%d" % item.lease for item in items)
                    transport.short([b"release", ids, b"yes"])
                else:
                    transport.give_back()
                raise

    def _bind_again(self, transport: Transport) -> None:
        """In a forked child: use the workspaces that the parent had at hand."""
        for name in self.bound:
            try:
                transport.short([b"use ws", name, b"", b"no", b"no"])
            except NwsOperationException:
                pass  # deleted by now; operations on it will say so


def encode_name(name: str, what: str = "variable") -> bytes:
    """Return a name as it goes over the wire.

    Raises:
        TypeError: it is not a string.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, not {type(name).__name__}")
    return name.encode()


def milliseconds(seconds: float | None) -> bytes:
    """Return a time as it goes over the wire; None, for ever, is empty.

    Raises:
        ValueError: it is negative or no number.
    """
    if seconds is None:
        return b""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is not a number of seconds")
    return b"%d" % math.ceil(1000 * seconds)
