"""Twisted's reactor, as `nws.nonblocking` wants an event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from nws.nonblocking.connection import Connection
from nws.session.endpoint import UNIX, Endpoint
from nws.session.sockets import is_tcp, tune

__all__ = ["ReactorLoop"]


class ReactorLoop:
    """A reactor."""

    def __init__(self, reactor: Any) -> None:
        """Take a reactor; None for the one that is installed."""
        if reactor is None:
            from twisted.internet import reactor as installed  # whose import installs one

            reactor = installed
        self._reactor = reactor

    def promise(self) -> Deferred[Any]:
        """Return a new promise."""
        return Deferred()

    def keep(self, promise: Deferred[Any], value: Any) -> None:
        """Give whoever waits for a promise a value, unless the wait was cancelled."""
        if not promise.called:
            promise.callback(value)

    def fail(self, promise: Deferred[Any], error: Exception) -> None:
        """Raise an error where a promise is waited for, unless the wait was cancelled."""
        if not promise.called:
            promise.errback(error)

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call something after a time; return what prevents that."""
        delayed = self._reactor.callLater(seconds, call)

        def cancel() -> None:
            if delayed.active():
                delayed.cancel()

        return cancel

    async def connect(self, endpoint: Endpoint, connection: Connection, timeout: float) -> None:
        """Connect to a server; see `nws.nonblocking.event_loop.EventLoop`."""
        host = endpoint.dialed or endpoint.host
        factory: Any = Factory.forProtocol(lambda: _ReactorLink(connection))
        way: Any
        if endpoint.local:
            with suppress(ConnectError):  # then there is the port
                way = UNIXClientEndpoint(self._reactor, endpoint.local, timeout)
                await _cancellable(way.connect(factory))
                return
        if host.startswith(UNIX):
            way = UNIXClientEndpoint(self._reactor, host.removeprefix(UNIX), timeout)
        else:
            way = HostnameEndpoint(self._reactor, host, endpoint.port, timeout)
        if endpoint.is_encrypted:
            from nws.tx.encryption import by_tls  # which needs the extra [tls]

            factory = by_tls(factory, endpoint, host, self._reactor)
        try:
            await _cancellable(way.connect(factory))
        except ConnectError as error:
            raise OSError(str(error)) from error


async def _cancellable(connecting: Deferred[Any]) -> None:
    """Wait for a connection. An endpoint that is cancelled has errors of its own, such as that no
    such host was found."""
    done: Deferred[Any] = Deferred()

    def tell(result: Any) -> None:
        if not done.called:
            done.callback(result)

    connecting.addBoth(tell)
    try:
        await done
    except CancelledError:
        connecting.cancel()
        raise


@implementer(IPushProducer, IHandshakeListener)
class _ReactorLink(Protocol):
    """A stream of bytes."""

    transport: Any

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._room: Deferred[None] | None = None
        self._is_open = False

    @property
    def socket(self) -> Any:
        carrier = self.transport.transport if self._is_encrypted else self.transport
        return carrier.getHandle()

    @property
    def certificate(self) -> bytes:
        if not self._is_encrypted:
            return b""
        from nws.tx.encryption import certificate_of

        return certificate_of(self.transport)

    @property
    def _is_encrypted(self) -> bool:
        return self._connection.endpoint.is_encrypted

    def connectionMade(self) -> None:
        if is_tcp(self.socket):
            tune(self.socket, self._connection.endpoint)
        if not self._is_encrypted:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """TLS has begun, if it is spoken."""
        self._is_open = True
        self.transport.registerProducer(self, True)
        self._connection.opened(self)

    def dataReceived(self, data: bytes) -> None:
        self._connection.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._is_open:
            from nws.tx.encryption import problem_of

            self._connection.failed(problem_of(reason.value))
        self._connection.ended(reason.getErrorMessage())
        self.resumeProducing()

    def write(self, data: bytes | memoryview, /) -> None:
        """Send bytes."""
        self.transport.write(bytes(data))

    def close(self) -> None:
        """Hang up once all is sent."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Hang up at once."""
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        self._room = self._room or Deferred()

    def resumeProducing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()

    async def drained(self) -> None:
        """Wait until little is kept, or the connection has ended."""
        if self._room is not None:
            await self._room
