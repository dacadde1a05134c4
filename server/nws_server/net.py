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
    ISystemHandle,
    ITCPTransport,
    IUNIXTransport,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from nws.keepalive import DEFAULT_PEER_TIMEOUT, MIN_PEER_TIMEOUT, keep_alive
from nws.wire.handshake import TLS_HELLO
from nws_server.authenticator import Authenticator, Visitor
from nws_server.certificate import Certificate
from nws_server.connection import Connection
from nws_server.hub import Hub
from nws_server.incidents import (
    OVERDUE_HANDSHAKES,
    REFUSED_HANDSHAKES,
    REFUSED_LOGINS,
    REFUSED_REQUESTS,
    SLOW_CLIENTS,
    UNREADABLE_VALUES,
    VANISHED_CLIENTS,
)
from nws_server.places import Places
from nws_server.slow_clients import SlowClients
from nws_server.sockets import direct_receive, direct_send, tcp_socket
from nws_server.tls import TlsLayer
from nws_server.unfinished import Unfinished, bound_for
from nws_server.vanished import has_vanished

if TYPE_CHECKING:
    from nws.wire.requests import LongBody

_PIECE_BYTES: Final = 256 * 1024
"""How much of a long value is in memory at a time. Larger pieces are no faster on loopback."""

_RECEIVE_BYTES: Final = 64 * 1024
"""How much to receive at a time."""

_LONG_RECEIVE_BYTES: Final = 256 * 1024
"""How much to receive at a time while a long field arrives."""

_TURN_BYTES: Final = 8 * 1024 * 1024
"""How much to send to slow readers before others have their turn; it takes some 3 ms on loopback.
The system would take some megabytes for each of them."""

_MIN_SHARE_BYTES: Final = 64 * 1024
"""Of a turn, for each of very many readers."""

_PEER_CHECKS: Final = 6
"""How often connections are looked at within the timeout for a client's machine."""

_UNIX_SEND_BUFFER_BYTES: Final = 1024 * 1024
"""What the system may hold for a client on this machine, see `nws.session.sockets`."""


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
        self._visitor: Visitor | None = None
        self._certificate: Certificate | None = None  # as long as TLS may begin
        self._tls: TlsLayer | None = None
        self._tcp_socket: socket.socket | None = None
        self._peer_timeout = 0
        self._send: Callable[[bytes | memoryview], int] | None = None
        self._writable = True
        self._reading_paused = False
        self._body: LongBody | None = None  # the long value that is being sent
        self._body_read = 0  # bytes of it that were read
        self._unsent: memoryview | None = None  # what the system did not take of a write
        self._queue: deque[bytes | LongBody] = deque()  # what is sent after these
        self._closing = False

    # Twisted calls these

    def connectionMade(self) -> None:
        transport: Any = self.transport
        local = IUNIXTransport.providedBy(transport)
        if ITCPTransport.providedBy(transport) and not local:  # some claim to be both
            transport.setTcpNoDelay(True)
        self._tcp_socket = tcp_socket(transport)
        if self._tcp_socket is not None:
            self._certificate = self.factory.certificate
            self._peer_timeout = self.factory.peer_timeout
            keep_alive(self._tcp_socket, self._peer_timeout)
        admitted = self.factory.places.give(self)
        if self.factory.fast_io:
            self._send = direct_send(transport)
            receive = direct_receive(transport)
            if receive is not None:
                transport.doRead = receive
        if self._send is not None and local:
            # For TCP the system finds a good size by itself.
            transport.getHandle().setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, _UNIX_SEND_BUFFER_BYTES
            )
        transport.registerProducer(self, self._send is None)
        self._visitor = self.factory.meet(transport)
        self._connection = Connection(
            self._hub, self, self._peer, visitor=self._visitor, admitted=admitted
        )
        self._deadline = self.factory.clock.callLater(
            self.factory.handshake_timeout, self._handshake_overdue
        )
        self.factory.unfinished.enter(self)

    def dataReceived(self, data: bytes) -> None:
        if self._certificate is not None:
            certificate, self._certificate = self._certificate, None
            if data.startswith(TLS_HELLO):
                self._begin_tls(certificate)
        if self._tls is None:
            self._receive(data)
        else:
            self._receive_by_tls(self._tls, data)

    def _receive(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.receive(data)
        if self._deadline is not None and connection.established:
            self._deadline.cancel()
            self._deadline = self._visitor = None
            self.factory.unfinished.leave(self)
            if self._tls is None:
                # From here on Twisted may call the connection directly: this adds nothing.
                self.dataReceived = connection.receive  # type: ignore[method-assign]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.places.leave(self)
        self.factory.unfinished.leave(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._stop_sending()
        if self._connection is not None:
            self._connection.lost()
            self._connection = None
            self.__dict__.pop("dataReceived", None)  # the connection's, and that would keep us
            vars(self._transport).pop("doRead", None)  # likewise

    def pauseProducing(self) -> None:
        self._writable = False
        if self._connection is not None:
            self._connection.stall()
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        if self._unsent is not None and not self._send_unsent(self._unsent):
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

    # The factory calls these

    def lose_place(self) -> None:
        self._hub.refuse_connection(self._peer)
        self._transport.abortConnection()

    def check_peer(self) -> None:
        """Hang up if the client's machine has not answered in time; see `has_vanished`."""
        seconds = self._peer_timeout * (1 - 1 / _PEER_CHECKS)  # it is noticed in time then
        if self._tcp_socket is not None and has_vanished(self._tcp_socket, seconds):
            reason = f"its machine did not answer for {seconds:.0f} s"
            self._hub.refuse(VANISHED_CLIENTS, self._peer, reason)
            self._transport.abortConnection()

    @property
    def unsent(self) -> tuple[int, int, int] | None:
        """What the client has still to take, see `SlowClients`."""
        if self._writable:
            return None
        return len(self._unsent or b""), self._body_read, len(self._queue)

    def note_slow(self, seconds: float) -> None:
        """Note that the client takes nothing."""
        text = f"{self._peer.decode()} has not read what it was sent for {seconds:.0f} s"
        self._hub.incidents.add(SLOW_CLIENTS, text)

    # TLS

    def _begin_tls(self, certificate: Certificate) -> None:
        tls = self._tls = TlsLayer(certificate.context, self._send)
        if self._send is not None:
            self._send = tls.send
        if self._visitor is not None:
            self._visitor.encrypt(certificate.address)

    def _receive_by_tls(self, tls: TlsLayer, data: bytes) -> None:
        plain = tls.receive(data)
        if plain:
            self._receive(plain)
        elif self._unsent is None:
            self._put(b"")  # what TLS itself has to say: in its handshake
        if tls.failure and self._deadline is not None:
            reason = f"its TLS handshake failed: {tls.failure}"
            self._hub.refuse(REFUSED_LOGINS, self._peer, reason)
        elif tls.failure:
            self._hub.refuse(REFUSED_REQUESTS, self._peer, f"its TLS failed: {tls.failure}")
        if tls.failure or tls.ended:
            self._hang_up()

    # The connection calls these (see `Outlet`)

    def write(self, data: bytes) -> None:
        if self._unsent is None and self._body is None and not self._queue:
            self._put(data)
        else:
            self._queue.append(data)

    def write_body(self, body: LongBody) -> None:
        self._queue.append(body)
        self._pump()

    def expect(self, much: bool) -> None:
        self._transport.bufferSize = _LONG_RECEIVE_BYTES if much else _RECEIVE_BYTES

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

    def limit_silence(self, seconds: int) -> None:
        if self._tcp_socket is not None:
            self._peer_timeout = min(self._peer_timeout, max(seconds, MIN_PEER_TIMEOUT))
            keep_alive(self._tcp_socket, self._peer_timeout)

    def admit(self) -> None:
        self.factory.places.keep(self)

    # Long values

    def _pump(self) -> None:
        """Send pieces while the transport takes them."""
        try:
            while self._writable and (self._body is not None or self._queue):
                if self._body is not None:
                    self._send_piece(self._body)
                else:
                    self._send_next(self._queue.popleft())
        except OSError as error:  # the value's head is sent: no other answer can be given
            reason = f"a value that is being sent to it cannot be read: {error.strerror or error}"
            self._hub.refuse(UNREADABLE_VALUES, self._peer, reason)
            self._stop_sending()
            self._closing = True
            self._transport.abortConnection()
            return
        if self._closing and self._writable and self._body is None:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._tls is not None and self._unsent is None:
            self._transport.write(self._tls.end())
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
            self._write(data)
            return
        size = len(data)
        now = data if size <= _MIN_SHARE_BYTES else memoryview(data)[: self.factory.share()]
        try:
            sent = self._send(now)
        except OSError:  # full, or the connection has ended: then Twisted is about to say so
            sent = 0
        if sent < size:
            self._unsent = memoryview(data)[sent:]
            self.factory.sending.add(self)
            self.pauseProducing()
            self._transport.startWriting()

    def _send_unsent(self, data: memoryview) -> bool:
        """Send more of a write that the system took only a part of; return whether that was all."""
        assert self._send is not None
        try:
            sent = self._send(data[: self.factory.share()])
        except OSError:
            sent = 0
        if sent < len(data):
            self._unsent = data[sent:]
            self._transport.startWriting()  # Twisted has nothing to write: it will call us again
            return False
        self._sent_all()
        return True

    def _sent_all(self) -> None:
        self._unsent = None
        self.factory.sending.discard(self)

    def _send_next(self, item: bytes | LongBody) -> None:
        if isinstance(item, bytes):
            self._put(item)
        else:
            self._body, self._body_read = item, 0

    def _send_piece(self, body: LongBody) -> None:
        piece = _read_piece(body, self._body_read)
        self._body_read += len(piece)
        if self._body_read == len(body):
            self._body = None
            self._put(piece)
            return
        # By way of the reactor, so that others have their turn between two pieces.
        self._write(piece)
        if self._send is not None:
            self.pauseProducing()  # until it is sent

    def _write(self, data: bytes) -> None:
        self._transport.write(data if self._tls is None else self._tls.encrypt(data))

    def _stop_sending(self) -> None:
        self._queue.clear()
        self._sent_all()
        self._body = None

    # Before the handshake is over (see `Unknown`)

    @property
    def is_of_own_user(self) -> bool:
        return self._visitor is not None and self._visitor.is_of_own_user

    def give_way(self) -> None:
        reason = "too many others have not said who they are either"
        self._hub.refuse(REFUSED_HANDSHAKES, self._peer, reason)
        self._transport.abortConnection()

    def _handshake_overdue(self) -> None:
        self._deadline = None
        self._hub.refuse(OVERDUE_HANDSHAKES, self._peer, "its handshake took too long")
        self._transport.abortConnection()

    @property
    def _transport(self) -> Any:
        return self.transport


def _read_piece(body: LongBody, offset: int) -> bytes:
    """Read the next bytes of a long value. Its file is not kept open: a reader that does not read
    would take a file descriptor from clients."""
    with cast(_OpenableBody, body).open() as file:
        file.seek(offset)
        piece = file.read(min(len(body) - offset, _PIECE_BYTES))
    if not piece:
        raise OSError("its file is too short")
    return piece


class NwsFactory(ServerFactory):
    """Makes a protocol for each connection.

    Attributes:
        places: of the connections.
        unfinished: those whose handshake is not over.
        sending: protocols whose client has still to take a part of a write.
    """

    noisy = False  # Twisted would log its own start and stop lines beside ours

    def __init__(
        self,
        hub: Hub,
        clock: IReactorTime,
        *,
        reserved: int = 4,
        handshake_timeout: float,
        peer_timeout: int = DEFAULT_PEER_TIMEOUT,
        fast_io: bool = True,
        authenticator: Authenticator | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """Serve a hub.

        Args:
            hub: the server behind the connections.
            clock: the reactor, or a test's clock.
            reserved: places for connections beyond those that the hub allows.
            handshake_timeout: seconds that a connection has to complete its handshake.
            peer_timeout: seconds after which a client's machine that does not answer is gone.
            fast_io: send through the socket where that works; else always through Twisted.
            authenticator: decides who may come in; None if anybody may.
            certificate: by which TLS is spoken with who begins it, by TCP; None for not at all.
        """
        self._authenticator = authenticator
        self.certificate = certificate
        self.clock = clock
        self.fast_io = fast_io
        self.handshake_timeout = handshake_timeout
        self.peer_timeout = peer_timeout
        self.sending: set[NwsProtocol] = set()
        self._peer_check: IDelayedCall | None = None
        self._peer_check_seconds = min(peer_timeout, DEFAULT_PEER_TIMEOUT) / _PEER_CHECKS
        self._slow = SlowClients[NwsProtocol]()
        self.unfinished = Unfinished(bound_for(hub.max_connections))
        self._hub = hub
        self.places = Places[NwsProtocol](hub.max_connections, reserved)

    def buildProtocol(self, addr: IAddress | None) -> NwsProtocol | None:  # type: ignore[override]
        peer = str(getattr(addr, "host", None) or "local").encode()
        if self.places.are_taken:
            self._hub.refuse_connection(peer)
            return None  # and Twisted hangs up at once
        protocol = NwsProtocol(self._hub, peer)
        protocol.factory = self
        return protocol

    def share(self) -> int:
        """Return how many bytes to hand to the system for one client at a time."""
        return max(_MIN_SHARE_BYTES, _TURN_BYTES // max(1, len(self.sending)))

    def meet(self, transport: Any) -> Visitor | None:
        """Begin with a new connection."""
        if self._authenticator is None:
            return None
        has_socket = ISystemHandle.providedBy(transport)
        return self._authenticator.meet(transport.getHandle() if has_socket else None)

    def startFactory(self) -> None:
        """Begin to look for clients whose machines have gone. Twisted calls this."""
        self._schedule_peer_check()

    def stopFactory(self) -> None:
        """Stop that. Twisted calls this when nobody listens any more."""
        if self._peer_check is not None:
            self._peer_check.cancel()
            self._peer_check = None

    def _schedule_peer_check(self) -> None:
        self._peer_check = self.clock.callLater(self._peer_check_seconds, self._check_peers)

    def _check_peers(self) -> None:
        self._schedule_peer_check()
        for slow in self._slow.look(self.places):
            slow.note_slow(self._peer_check_seconds)
        for protocol in self.places:
            protocol.check_peer()

    def hang_up(self) -> None:
        """Close all connections."""
        for protocol in self.places:
            protocol.close()
