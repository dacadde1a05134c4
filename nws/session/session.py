"""A session with a server, and the calls that `nws.workspace` is made of: names in, values out.

Each call borrows a connection of the session's pool. What is particular to one operation of the
user's interface stays in that interface.
"""

from __future__ import annotations

import io
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
from nws.session.endpoint import Endpoint
from nws.session.exchange import Answer, Field, Item
from nws.session.pool import Pool
from nws.session.transport import Transport
from nws.values import Encoder, decode
from nws.wire.requests import BLANK_ID

__all__ = ["Session", "check_readable", "check_writable", "encode_name", "milliseconds"]

_LONGEST_WAIT: Final = 10**9
"""Seconds; some thirty years."""

_POLL_FIRST: Final = 0.001
_POLL_LAST: Final = 0.1


class Session:
    """One session with a server.

    Attributes:
        pool: its connections.
        encoder: for the values that are stored.
        bound: names of the workspaces that the session has bound.
    """

    def __init__(self, address: Endpoint, encoder: Encoder, token: bytes = b"") -> None:
        """Connect; with a token, to that session.

        Raises:
            NwsConnectException: no server answers there.
            NwsOperationException: there is no session with this token.
        """
        self.encoder = encoder
        self.bound: dict[bytes, None] = {}
        self.pool = Pool(address, self._bind_again, token)

    @property
    def address(self) -> Endpoint:
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
        mine: list[Transport] = []
        try:
            pool.acquire(mine).short(fields, ordinary)
        finally:
            pool.idle += mine

    def text(self, fields: Sequence[Field]) -> str:
        """Do an operation that is answered with a text."""
        pool = self.pool
        mine: list[Transport] = []
        try:
            return pool.acquire(mine).long(fields).payload.decode("utf-8", "replace")
        finally:
            pool.idle += mine

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
        """Do one of the gets; return the answer and, unless it went to a file, the value.

        With a cookie, a value that cannot be read is returned as the NwsUnpicklingException.
        """
        fields = _fields_of_get(operation, workspace, variable, cookie, timeout)
        if timeout is not None and not self.extended:
            return self._poll(operation, workspace, variable, cookie, timeout, into)
        removes = b"fetch" in operation
        wait = 0.0 if operation.endswith(b"Try") else timeout
        pool = self.pool
        mine: list[Transport] = []
        value: Any = None
        try:
            transport = pool.acquire(mine)
            answer = transport.long(fields, removes=removes, wait=wait, into=into)
            try:
                if into is None:
                    value = decode(answer.descriptor, answer.payload, missing)
            except NwsUnpicklingException as error:
                if mine:
                    transport.pending = None
                if cookie is None:
                    raise
                value = error
            # No exception can strike from here to the caller's caller; see `Pool`.
            if mine:
                transport.pending = None
            return answer, value
        except BaseException:
            if mine:
                mine[0].give_back()
            raise
        finally:
            pool.idle += mine

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
            except NwsOperationException:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NwsTimeoutException(
                        f"{operation.decode()} of {variable!r} in workspace {workspace.decode()!r} "
                        f"at {self.address}: no value came in time"
                    ) from None
                time.sleep(min(pause, left))
                pause = min(2 * pause, _POLL_LAST)

    def many(
        self, fields: Sequence[bytes], timeout: float | None, make: Callable[[Item], Any]
    ) -> list[Any]:
        """Take or lease several values; what cannot be made of them goes back."""
        pool = self.pool
        mine: list[Transport] = []
        try:
            transport = pool.acquire(mine)
            made = [make(item) for item in transport.many(fields, wait=timeout)]
            transport.pending = None  # see `get`
            return made
        except BaseException as error:
            if mine:
                mine[0].give_back(blame=isinstance(error, NwsUnpicklingException))
            raise
        finally:
            pool.idle += mine

    def _bind_again(self, transport: Transport) -> None:
        """In a forked child: use the workspaces that the parent had at hand."""
        for name in self.bound:
            try:
                transport.short([b"use ws", name, b"", b"no", b"no"])
            except NwsOperationException:
                pass  # deleted by now; operations on it will say so


def _fields_of_get(
    operation: bytes,
    workspace: bytes,
    variable: str,
    cookie: tuple[bytes, int] | None,
    timeout: float | None,
) -> list[bytes]:
    fields = [operation, workspace, encode_name(variable)]
    if cookie is not None:
        fields += (cookie[0], b"%020d" % cookie[1])
    if timeout is not None:
        if cookie is None:
            fields += (BLANK_ID, b"0")
        fields.append(milliseconds(timeout))
    return fields


def encode_name(name: str, what: str = "variable") -> bytes:
    """Return a name as it goes over the wire.

    Raises:
        TypeError: it is not a string.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, not {type(name).__name__}")
    return name.encode()


def check_readable(fobj: object) -> None:
    """Make sure that bytes can be read from a user's file.

    Raises:
        TypeError: it has no such method, or its mode says that they cannot.
    """
    _check_file(fobj, "read", "r+", "reading")


def check_writable(fobj: object) -> None:
    """Make sure that bytes can be written to a user's file; see `check_readable`."""
    _check_file(fobj, "write", "wax+", "writing")


def _check_file(fobj: object, method: str, flags: str, purpose: str) -> None:
    mode = getattr(fobj, "mode", None)
    fits = not isinstance(mode, str) or ("b" in mode and any(flag in mode for flag in flags))
    if not callable(getattr(fobj, method, None)) or isinstance(fobj, io.TextIOBase) or not fits:
        raise TypeError(f"{fobj!r} is not a file that is open for {purpose} bytes")


def milliseconds(seconds: float | None) -> bytes:
    """Return a time as it goes over the wire; None, for ever, is empty.

    Raises:
        ValueError: it is negative, no number, or longer than anybody waits.
    """
    if seconds is None:
        return b""
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise ValueError(f"{seconds!r} is not a number of seconds from 0 to {_LONGEST_WAIT}")
    return b"%d" % math.ceil(1000 * seconds)
