"""A session with a server, which carries out requests and returns their results.

Each request borrows a connection of the session's pool; each stream has one of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from nws.errors import (
    NwsNoValueException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from nws.session.endpoint import Endpoint
from nws.session.failures import unreadable
from nws.session.pool import Pool
from nws.session.request import REQUIRED, Request
from nws.session.stream import Stream
from nws.session.transport import Transport
from nws.values import Encoder
from nws.wire.operations import describe_request
from nws.wire.requests import Field

__all__ = ["Session"]

R = TypeVar("R")

_FIRST_POLL_SECONDS: Final = 0.001
_MAX_POLL_SECONDS: Final = 0.1


class Session:
    """One session with a server.

    Attributes:
        encoder: for the values that are stored.
        bound: names of the workspaces that the session has bound.
        pool: its connections.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        encoder: Encoder,
        token: bytes = b"",
        connect: Callable[[Endpoint], Transport] = Transport,
    ) -> None:
        """Connect; with a token, to that session. ``connect`` makes each connection.

        Raises:
            NwsConnectException: no server answers there.
            NwsOperationException: there is no session with this token.
        """
        self.encoder = encoder
        self.bound: dict[bytes, None] = {}
        self.pool = Pool(endpoint, self._bind_again, token, connect)

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
        if not self.pool.dialect.extensions:
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

    def perform(self, request: Request[R]) -> R:
        """Do an operation and return its result. What removes a value calls this by `map`; see
        `Pool`.

        Raises:
            NwsException: as `Transport.run`; what was to be removed stays with the server.
            NwsUnpicklingException: a value cannot be read; it goes back.
        """
        if request.timed and not self.extended:
            return self._poll(request)
        pool = self.pool
        mine: list[Transport] = []
        try:
            transport = pool.acquire(mine)
            answer = transport.run(
                request.fields, request.wait, request.into, request.failure, request.meanwhile
            )
            result = request.read(answer)
            if transport.pending is not None:
                transport.acknowledge()
                # No exception can strike from here to the caller's caller; see `Pool`.
                if mine:
                    transport.pending = None
            return result
        except BaseException as error:
            if isinstance(error, NwsNoValueException) and request.missing is not REQUIRED:
                return request.missing  # type: ignore[no-any-return]
            if mine:
                mine[0].give_back(blame=isinstance(error, NwsUnpicklingException))
                if isinstance(error, MemoryError):
                    pool.repair(mine)
            if isinstance(error, NwsUnpicklingException):
                raise self.explained(request, error) from error.exception
            raise
        finally:
            pool.idle += mine

    def explained(
        self, request: Request[Any], error: NwsUnpicklingException
    ) -> NwsUnpicklingException:
        """Return an error that also says which value cannot be read, and where that is now."""
        return unreadable(request.fields, error, self.pool.dialect, self.endpoint)

    def _poll(self, request: Request[R]) -> R:
        """Wait for a time on a server that cannot be told to."""
        name, *arguments, _ = request.fields
        assert isinstance(name, bytes)
        assert request.wait is not None
        attempt = Request([name + b"Try", *arguments], request.read)
        attempt.into = request.into
        deadline = time.monotonic() + float(request.wait)
        pause = _FIRST_POLL_SECONDS
        while True:
            try:
                return self.perform(attempt)
            except NwsNoValueException:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NwsTimeoutException(
                        f"{describe_request(request.fields)} at {self.endpoint}: "
                        "no value came in time"
                    ) from None
                time.sleep(min(pause, left))
                pause = min(2 * pause, _MAX_POLL_SECONDS)

    def _bind_again(self, transport: Transport) -> None:
        """In a forked child: use the workspaces that the parent had at hand."""
        for name in self.bound:
            try:
                transport.run([b"use ws", name, b"", b"no", b"no"])
            except NwsOperationException:
                pass  # deleted by now; operations on it will say so
