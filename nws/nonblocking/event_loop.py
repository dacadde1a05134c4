"""What the client needs of an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from nws.session.endpoint import Endpoint

if TYPE_CHECKING:
    from nws.nonblocking.connection import Connection

__all__ = ["EventLoop", "Link"]


class Link(Protocol):
    """A stream of bytes to a server. It tells its `Connection` what has come, and its end.

    Attributes:
        socket: to look at: who is at the other end.
        certificate: of the server, in DER, by TLS; else empty.
    """

    @property
    def socket(self) -> Any: ...

    @property
    def certificate(self) -> bytes: ...

    def write(self, data: bytes | memoryview, /) -> None:
        """Send bytes; those for which there is no room are kept until there is."""

    def drained(self) -> Awaitable[None]:
        """Wait until little is kept, or the connection has ended."""

    def close(self) -> None:
        """Hang up once all is sent."""

    def abort(self) -> None:
        """Hang up at once."""


class EventLoop(Protocol):
    """An event loop. A promise is what its coroutines can wait for."""

    def promise(self) -> Any:
        """Return a new promise."""

    def keep(self, promise: Any, value: Any) -> None:
        """Give whoever waits for a promise a value, unless the wait was cancelled."""

    def fail(self, promise: Any, error: Exception) -> None:
        """Raise an error where a promise is waited for, unless the wait was cancelled."""

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call something after a time; return what prevents that."""

    async def connect(self, endpoint: Endpoint, connection: Connection, timeout: float) -> None:
        """Connect to a server, by TLS if the endpoint is encrypted, and tell the connection.

        Raises:
            TlsError: it is not the right server, or does not speak TLS.
            OSError: it is not possible, or takes longer than ``timeout`` seconds.
        """
