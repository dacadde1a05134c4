"""A session with a server, and the calls that `nws.workspace` is made of: names in, values out.

Each call borrows a connection of the session's pool; each stream has one of its own. What is
particular to one operation of the user's interface stays in that interface.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from nws.errors import (
    NwsException,
    NwsNoValueException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from nws.session.endpoint import Endpoint
from nws.session.pool import Pool
from nws.session.stream import Stream
from nws.session.transport import Transport
from nws.values import Encoder, decode
from nws.wire.dialect import BLANK_ID
from nws.wire.operations import EXTENDED_OPERATIONS, describe_request
from nws.wire.replies import Answer, Item
from nws.wire.requests import MAX_NAME_BYTES, Field

__all__ = ["Session", "encode_limit", "encode_name", "encode_timeout", "milliseconds"]

_MAX_TIMEOUT_SECONDS: Final = 10**9
"""Some thirty years."""

_FIRST_POLL_SECONDS: Final = 0.001
_MAX_POLL_SECONDS: Final = 0.1


class Session:
    """One session with a server.

    Attributes:
        encoder: for the values that are stored.
        bound: names of the workspaces that the session has bound.
        pool: its connections.
    """

    def __init__(self, endpoint: Endpoint, encoder: Encoder, token: bytes = b"") -> None:
        """Connect; with a token, to that session.

        Raises:
            NwsConnectException: no server answers there.
            NwsOperationException: there is no session with this token.
        """
        self.encoder = encoder
        self.bound: dict[bytes, None] = {}
        self.pool = Pool(endpoint, self._bind_again, token)

    @property
    def endpoint(self) -> Endpoint:
        """Where the server is."""
        return self.pool.endpoint

    @property
    def extended(self) -> bool:
        """Whether the server knows the extensions."""
        return self.pool.dialect.extensions

    def require_extensions(self, what: str) -> None:
        """Raise NwsUnsupportedOperationException if the server does not know the extensions."""
        if not self.extended:
            raise NwsUnsupportedOperationException(
                f"the server at {self.endpoint} speaks only the original protocol, "
                f"which has no {what}"
            )

    def close(self) -> None:
        """End the session and all that belongs to it."""
        self.pool.close()

    def open_stream(self, fields: Sequence[Field], wait: float | None = None) -> Stream:
        """Open a connection for requests whose replies come later; see `Stream`."""
        return Stream(self.pool, fields, wait)

    def run(
        self, fields: Sequence[Field], failure: type[NwsException] = NwsOperationException
    ) -> None:
        """Do an operation that is answered with a status; see `Transport.run`."""
        pool = self.pool
        mine: list[Transport] = []
        try:
            pool.acquire(mine).run(fields, failure=failure)
        finally:
            pool.idle += mine

    def text(self, fields: Sequence[Field]) -> str:
        """Do an operation that is answered with a text."""
        pool = self.pool
        mine: list[Transport] = []
        try:
            return pool.acquire(mine).run(fields).payload.decode("utf-8", "replace")
        finally:
            pool.idle += mine

    def get(
        self,
        operation: bytes,
        workspace: bytes,
        variable: str,
        timeout: float | None = None,
        cookie: tuple[bytes, int] | None = None,
        into: BinaryIO | None = None,
        missing: Any = None,
    ) -> tuple[Answer, Any]:
        """Do one of the gets; return the answer and, unless it went to a file, the value.

        What removes a value calls this by `starmap`; see `Pool`.

        Args:
            operation: its name.
            workspace, variable: where.
            timeout: seconds to wait; None or infinity for any time.
            cookie: id of the variable and index of the value that an iterator saw last. With it, a
                value that cannot be read and does not go back is returned as the
                NwsUnpicklingException.
            into: a file that is given the payload.
            missing: returned for an empty payload that is not direct.

        Raises:
            NwsNoValueException: there is none, and the operation does not wait.
        """
        if timeout == math.inf:
            timeout = None
        fields = _fields_of_get(operation, workspace, variable, cookie, timeout)
        if timeout is not None and not self.extended:
            return self._poll(operation, workspace, variable, timeout, cookie, into)
        wait = 0.0 if operation.endswith(b"Try") else timeout
        pool = self.pool
        mine: list[Transport] = []
        value: Any = None
        try:
            transport = pool.acquire(mine)
            answer = transport.run(fields, wait=wait, into=into)
            try:
                if into is None:
                    value = decode(answer.descriptor, answer.payload, missing)
            except NwsUnpicklingException as error:
                value = self._explained(error, fields)
                if cookie is None or transport.pending is not None:  # it goes back below
                    raise value from error.exception
            transport.acknowledge()
            # No exception can strike from here to the caller's caller; see `Pool`.
            if mine:
                transport.pending = None
            return answer, value
        except BaseException as error:
            if mine:
                mine[0].give_back()
                if isinstance(error, MemoryError):
                    pool.repair(mine)
            raise
        finally:
            pool.idle += mine

    def _poll(
        self,
        operation: bytes,
        workspace: bytes,
        variable: str,
        timeout: float,
        cookie: tuple[bytes, int] | None,
        into: BinaryIO | None,
    ) -> tuple[Answer, Any]:
        """Wait for a time on a server that cannot be told to."""
        deadline = time.monotonic() + float(timeout)
        pause = _FIRST_POLL_SECONDS
        while True:
            try:
                return self.get(operation + b"Try", workspace, variable, None, cookie, into)
            except NwsNoValueException:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NwsTimeoutException(
                        f"{operation.decode()} of {variable!r} in workspace {workspace.decode()!r} "
                        f"at {self.endpoint}: no value came in time"
                    ) from None
                time.sleep(min(pause, left))
                pause = min(2 * pause, _MAX_POLL_SECONDS)

    def take(
        self, fields: Sequence[bytes], timeout: float | None, make: Callable[[Item, int], Any]
    ) -> list[Any]:
        """Take, lease or find several values; if one cannot be made into what is wanted, all go
        back. What removes values calls this by `starmap`; see `Pool`.

        Args:
            fields: of the request.
            timeout: seconds to wait; None or infinity for any time.
            make: makes what is wanted of an item, and of the place of its variable among those that
                were named.
        """
        pool = self.pool
        mine: list[Transport] = []
        try:
            transport = pool.acquire(mine)
            answer = transport.run(fields, wait=None if timeout == math.inf else timeout)
            made = [make(item, answer.place) for item in answer.items]
            transport.acknowledge()
            transport.pending = None  # see `get`
            return made
        except BaseException as error:
            if mine:
                mine[0].give_back(blame=isinstance(error, NwsUnpicklingException))
                if isinstance(error, MemoryError):
                    pool.repair(mine)
            if isinstance(error, NwsUnpicklingException):
                raise self._explained(error, fields) from error.exception
            raise
        finally:
            pool.idle += mine

    def _explained(
        self, error: NwsUnpicklingException, fields: Sequence[bytes]
    ) -> NwsUnpicklingException:
        """Return an error that also says which value cannot be read, and where that is now."""
        operation = EXTENDED_OPERATIONS[fields[0]]
        left = ""
        if operation.removes:
            left = "; it stays in its place, and fetchFile takes its bytes out"
            if not self.extended:
                left = "; this server has removed it: `obj` of this exception has its bytes"
        request = describe_request(fields)
        return NwsUnpicklingException(
            f"{request} at {self.endpoint}: {error}{left}", error.exception, error.obj
        )

    def _bind_again(self, transport: Transport) -> None:
        """In a forked child: use the workspaces that the parent had at hand."""
        for name in self.bound:
            try:
                transport.run([b"use ws", name, b"", b"no", b"no"])
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
        ValueError: it is too long, or no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, not {type(name).__name__}")
    encoded = name.encode()
    if len(encoded) > MAX_NAME_BYTES:  # the server would hang up
        raise ValueError(
            f"the name of a {what} has {len(encoded)} bytes (at most {MAX_NAME_BYTES}): "
            f"{name[:40]!r}..."
        )
    return encoded


def encode_limit(limit: int) -> bytes:
    """Return the most values that are asked for, as it goes over the wire.

    Raises:
        ValueError: it is less than one.
    """
    if limit < 1:
        raise ValueError(f"limit {limit} is less than one")
    return b"%d" % limit


def encode_timeout(seconds: float | None) -> bytes:
    """Return a timeout as it goes over the wire: empty for None and infinity, which are any time.

    Raises:
        ValueError: as for `milliseconds`.
    """
    return b"" if seconds is None or seconds == math.inf else milliseconds(seconds)


def milliseconds(seconds: float) -> bytes:
    """Return a time as it goes over the wire.

    Raises:
        ValueError: it is negative, no number, or longer than thirty years.
    """
    if not 0 <= seconds <= _MAX_TIMEOUT_SECONDS:
        raise ValueError(f"{seconds!r} is not a number of seconds from 0 to {_MAX_TIMEOUT_SECONDS}")
    return b"%d" % math.ceil(1000 * seconds)
