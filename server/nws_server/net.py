"""The edge: Twisted's transports on one side, `Connection` objects on the other. No protocol here.

Flow control is in both directions. When a client does not read, Twisted tells us to pause; then
nothing is performed or read for it until it has caught up, so what is buffered for one client is
bounded by one reply. Long values are read from their files piece by piece, as the client takes
them.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ISystemHandle,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from nws_server.connection import Connection
from nws_server.hub import Hub

if TYPE_CHECKING:
    from nws.wire.requests import LongBody

_PIECE: Final = 256 * 1024
"""Bytes of a long value in memory at a time. Larger pieces are no faster on loopback."""


_MUCH: Final = 256 * 1024
"""Bytes to receive at a time while a long field comes."""

_ON_THE_WAY: Final = 1024 * 1024
"""Bytes that the system may hold for a client on this machine, see `nws.session.transport`."""

_LITTLE: Final = 64 * 1024
"""Bytes to receive at a time otherwise."""

_UNIX: Final = getattr(socket, "AF_UNIX", None)


class _OpenableBody(Protocol):
    def open(self) -> BinaryIO: ...


@implementer(IPushProducer)
class NwsProtocol(TwistedProtocol):
    """One connection; the `Outlet` of its `Connection`."""

    factory: NwsFactory

    def __init__(self, hub: Hub, peer: bytes) -> None:
        self._hub = hub
        self._peer = peer
        self._connection: Connection | None = None
        self._deadline: IDelayedCall | None = None
        self._send: Callable[[bytes | memoryview], int] | None = None
        self._writable = True
        self._reading_paused = False
        self._sending: BinaryIO | None = None  # the long value that is on its way
        self._left = 0  # bytes of it
        self._rest: memoryview | None = None  # of what the system took only a part of
        self._queue: deque[bytes | LongBody] = deque()  # what goes out behind it
        self._closing = False

    # Twisted calls these

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        if not self.factory.admit(self):
            transport.abortConnection()
            return
        self._send = _sender(transport)
        if self._send is not None and transport.getHandle().family == _UNIX:
            # For TCP the system finds a good size by itself.
            transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ON_THE_WAY)
        transport.registerProducer(self, self._send is None)
        self._connection = Connection(self._hub, self, self._peer)
        self._deadline = self.factory.clock.callLater(
            self.factory.handshake_timeout, self._handshake_overdue
        )

    def dataReceived(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.receive(data)
        if self._deadline is not None and connection.established:
            self._deadline.cancel()
            self._deadline = None
            # From here on Twisted may call the connection directly: this method adds nothing.
            self.dataReceived = connection.receive  # type: ignore[method-assign]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.dismiss(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._stop_sending()
        if self._connection is not None:
            self._connection.lost()
            self._connection = None
            self.__dict__.pop("dataReceived", None)  # the connection's, and that would keep us

    def pauseProducing(self) -> None:
        self._writable = False
        if self._connection is not None:
            self._connection.stall()
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        if self._rest is not None and not self._send_rest(self._rest):
            return
        self._writable = True
        self._pump()
        if self._writable and not self._closing:
            if not self._reading_paused:
                self._transport.resumeProducing()
            if self._connection is not None:
                self._connection.unstall()

    def stopProducing(self) -> None:
        self._stop_sending()

    # The connection calls these (see `Outlet`)

    def write(self, data: bytes) -> None:
        if self._rest is None and self._sending is None and not self._queue:
            self._put(data)
        else:
            self._queue.append(data)

    def write_body(self, body: LongBody) -> None:
        self._queue.append(body)
        self._pump()

    def expect(self, much: bool) -> None:
        self._transport.bufferSize = _MUCH if much else _LITTLE

    def pause_reading(self) -> None:
        self._reading_paused = True
        self._transport.pauseProducing()

    def resume_reading(self) -> None:
        self._reading_paused = False
        if self._writable:
            self._transport.resumeProducing()

    def close(self) -> None:
        self._closing = True
        self._pump()

    # Long values

    def _pump(self) -> None:
        """Send pieces while the transport takes them."""
        try:
            while self._writable and (self._sending is not None or self._queue):
                if self._sending is not None:
                    self._send_piece(self._sending)
                else:
                    self._begin(self._queue.popleft())
        except OSError as error:  # the value's head is sent: no other answer can be given
            reason = f"the value that it is sent cannot be read: {error.strerror or error}"
            self._hub.refuse(self._peer, reason)
            self._stop_sending()
            self._closing = True
            self._transport.abortConnection()
            return
        if self._closing and self._writable and self._sending is None:
            # Twisted would never close it behind a producer that it has paused.
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def _put(self, data: bytes) -> None:
        """Hand bytes to the system; what it does not take now is sent when it can take more.

        Twisted alone would wait for the next turn of the reactor to send anything at all, and ask
        the system twice about the socket: that costs a small answer half of its time. It would also
        copy what is large.
        """
        if self._send is None or not self._writable:
            self._transport.write(data)
            return
        try:
            sent = self._send(data)
        except OSError:  # full, or the connection has ended: then Twisted is about to say so
            sent = 0
        if sent < len(data):
            self._rest = memoryview(data)[sent:]
            self.pauseProducing()
            self._transport.startWriting()

    def _send_rest(self, rest: memoryview) -> bool:
        """Send more of what was only sent in part; return whether that was all."""
        assert self._send is not None
        try:
            sent = self._send(rest)
        except OSError:
            sent = 0
        if sent < len(rest):
            self._rest = rest[sent:]
            self._transport.startWriting()  # Twisted has nothing to write: it will call us again
            return False
        self._rest = None
        return True

    def _begin(self, item: bytes | LongBody) -> None:
        if isinstance(item, bytes):
            self._put(item)
        else:
            self._sending = cast(_OpenableBody, item).open()
            self._left = len(item)

    def _send_piece(self, file: BinaryIO) -> None:
        piece = file.read(min(self._left, _PIECE))
        if self._left and not piece:
            raise OSError("its file is too short")
        self._left -= len(piece)
        if not self._left:
            self._sending = None
            file.close()
        # By way of the reactor, so that others have their turn between two pieces.
        self._transport.write(piece)
        if self._send is not None:
            self.pauseProducing()  # until it is sent

    def _stop_sending(self) -> None:
        self._queue.clear()
        self._rest = None
        if self._sending is not None:
            self._sending.close()
            self._sending = None

    def _handshake_overdue(self) -> None:
        self._deadline = None
        self._hub.refuse(self._peer, "it did not say what it is in time")
        self._transport.abortConnection()

    @property
    def _transport(self) -> Any:
        return self.transport


def _sender(transport: Any) -> Callable[[bytes | memoryview], int] | None:
    """Return the system's own way to send, where Twisted only carries plain bytes to a socket."""
    if ISystemHandle.providedBy(transport) and not ISSLTransport.providedBy(transport):
        handle: Any = transport.getHandle()
        send: Callable[[bytes | memoryview], int] = handle.send
        return send
    return None


class NwsFactory(ServerFactory):
    """Makes a protocol for each connection, up to a number of them."""

    noisy = False  # Twisted would log its own start and stop lines beside ours

    def __init__(
        self, hub: Hub, clock: IReactorTime, *, max_connections: int, handshake_timeout: float
    ) -> None:
        """Serve a hub.

        Args:
            hub: the server behind the connections.
            clock: the reactor, or a test's clock.
            max_connections: further connections are closed at once.
            handshake_timeout: seconds that a connection has to complete its handshake.
        """
        self.clock = clock
        self.handshake_timeout = handshake_timeout
        self._hub = hub
        self._max_connections = max_connections
        self._protocols: set[NwsProtocol] = set()

    def buildProtocol(self, addr: IAddress | None) -> NwsProtocol:  # type: ignore[override]
        peer = str(getattr(addr, "host", None) or "local").encode()
        protocol = NwsProtocol(self._hub, peer)
        protocol.factory = self
        return protocol

    def admit(self, protocol: NwsProtocol) -> bool:
        """Count a new connection in, unless there are too many."""
        if len(self._protocols) >= self._max_connections:
            self._hub.refuse(protocol._peer, f"{self._max_connections} are connected already")
            return False
        self._protocols.add(protocol)
        return True

    def dismiss(self, protocol: NwsProtocol) -> None:
        """Count a connection out."""
        self._protocols.discard(protocol)

    def hang_up(self) -> None:
        """Close all connections."""
        for protocol in list(self._protocols):
            protocol.close()
