"""A session on an event loop: its connections, one for each coroutine that waits for the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsNoValueException,
    NwsOperationException,
    NwsUnpicklingException,
)
from nws.nonblocking.connection import Connection
from nws.nonblocking.event_loop import EventLoop
from nws.session.endpoint import Endpoint
from nws.session.failures import no_server, refused, unreadable
from nws.session.request import REQUIRED, Request
from nws.session.sockets import Timeouts
from nws.values import Encoder
from nws.wire.dialect import Dialect
from nws.wire.replies import Answer
from nws.wire.requests import Field

__all__ = ["LoopSession"]

R = TypeVar("R")

_OURS: Final = Dialect(metadata_out=True, extensions=True)
"""What all connections speak."""

_CONNECT_SECONDS: Final = 20.0
"""Seconds for connecting and shaking hands."""


class LoopSession:
    """One session with a server, for the coroutines of one event loop.

    Attributes:
        endpoint: of the server.
        encoder: for the values that are stored.
        loop: on which it was opened.
        token: by which others can join the session.
    """

    token = b""
    loop: EventLoop

    def __init__(
        self,
        endpoint: Endpoint,
        encoder: Encoder,
        make_loop: Callable[[], EventLoop],
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - it is a tuple
    ) -> None:
        """Prepare a session; see `open`."""
        self.endpoint = endpoint
        self.encoder = encoder
        self._make_loop = make_loop
        self._timeouts = timeouts
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []
        self._ended = "it was not opened"
        self._stop_looking: Callable[[], None] = lambda: None

    async def open(self, token: bytes = b"") -> None:
        """Connect, unless that was done; with a token, to that session.

        Raises:
            NwsConnectException: no server answers there, or it speaks only the original protocol.
            NwsOperationException: there is no session with this token.
        """
        if not self._ended:
            return
        self.loop = self._make_loop()
        connection = await self._connect()
        try:
            if token:
                await _do(connection, [b"attach", token])
        except BaseException:
            connection.close("the session was not opened")
            raise
        self.token = token or connection.token
        self._ended = ""
        self._all.add(connection)
        self._idle.append(connection)
        self._look()

    async def close(self) -> None:
        """End the session. Who waits for it gets an NwsConnectionDroppedException."""
        self._ended = self._ended or "it was closed"
        self._stop_looking()
        connections = list(self._all)
        self._all.clear()
        self._idle.clear()
        for connection in connections:
            connection.close("the session was closed")
        for connection in connections:
            await connection.closed()

    async def perform(self, request: Request[R]) -> R:
        """Do an operation and return its result.

        Where this is cancelled, or raises anything else, what was to be removed stays with the
        server.

        Raises:
            NwsException: as `refused`, or the server is gone.
            NwsUnpicklingException: a value cannot be read; it goes back.
        """
        connection = await self._acquire()
        try:
            answer = await connection.ask(request.fields, request.wait, request.into)
            if answer.status:
                self.check(request.fields, answer, request.failure)
            result = request.read(answer)
        except BaseException as error:
            connection.give_back(blame=isinstance(error, NwsUnpicklingException))
            if isinstance(error, NwsNoValueException) and request.missing is not REQUIRED:
                return request.missing  # type: ignore[no-any-return]
            if isinstance(error, NwsUnpicklingException):
                raise self.explained(request, error) from error.exception
            raise
        else:
            connection.keep()
            return result
        finally:
            self._release(connection)

    def check(
        self,
        fields: Sequence[Field],
        answer: Answer,
        failure: type[NwsException] = NwsOperationException,
    ) -> None:
        """Raise what an answer means that is no success; see `refused`."""
        if answer.status:
            raise refused(fields, answer, _OURS, self.endpoint, failure)

    def explained(
        self, request: Request[Any], error: NwsUnpicklingException
    ) -> NwsUnpicklingException:
        """Return an error that also says which value cannot be read, and where that is now."""
        return unreadable(request.fields, error, _OURS, self.endpoint)

    async def connect(self) -> Connection:
        """Open one more connection of the session, which the caller keeps.

        Raises:
            NwsConnectionDroppedException: the session has ended.
            NwsConnectException: it is not possible.
        """
        self._check_open()
        try:
            connection = await self._connect()
            try:
                await _do(connection, [b"attach", self.token])
                self._check_open()
            except BaseException:
                connection.close("it could not join the session")
                raise
        except (NwsConnectException, NwsOperationException) as error:
            if not any(other.usable for other in self._all):
                self._ended = self._ended or str(error)
            self._check_open()
            raise
        self._all.add(connection)
        return connection

    async def _connect(self) -> Connection:
        connection = Connection(self.endpoint, self.loop, self._timeouts)
        try:
            await connection.open(_CONNECT_SECONDS)
        except (OSError, OverflowError, UnicodeError) as error:
            raise NwsConnectException(no_server(self.endpoint, error)) from error
        return connection

    async def _acquire(self) -> Connection:
        """Borrow a connection that nobody else uses."""
        self._check_open()
        if not self._idle:
            return await self.connect()
        connection = self._idle.pop()
        if connection.ready:
            return connection
        try:
            await connection.settle()
            if connection.usable:
                return connection
            other = await self.connect()
        except BaseException:
            self._release(connection)
            raise
        self.drop(connection)
        return other

    def _release(self, connection: Connection) -> None:
        if not self._ended:
            self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection. What has come there and was not acknowledged goes back."""
        self._all.discard(connection)
        connection.close("it was closed")

    def _check_open(self) -> None:
        if self._ended:
            raise NwsConnectionDroppedException(
                f"there is no session with the server at {self.endpoint}: {self._ended}"
            )

    def _look(self) -> None:
        """Give up servers that do not answer, now and again."""
        for connection in list(self._all):
            connection.look()
        self._stop_looking = self.loop.later(self._timeouts.poll_interval, self._look)


async def _do(connection: Connection, fields: Sequence[Field]) -> bytes:
    """Do an operation of the session itself; return the payload of the answer."""
    answer = await connection.ask(fields)
    connection.keep()
    if answer.status:
        raise refused(fields, answer, _OURS, connection.endpoint)
    return bytes(answer.payload)
