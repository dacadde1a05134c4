"""A transport without a socket, with Twisted's own buffers and flow control.

Twisted's string transport never says that it is full; this one is Twisted's real `FileDescriptor`,
and takes from it as many bytes as the test lets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ISystemHandle
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from nws_server.net import NwsFactory, NwsProtocol
from tests.support.frames import KINDS, Speaker


class _Interest:
    """Stands for the reactor: it notes who wants to read and write."""

    def __init__(self) -> None:
        self.readers: set[object] = set()
        self.writers: set[object] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard


class NarrowTransport(FileDescriptor):
    """The server's end of a connection to a client that reads when the test says so.

    Attributes:
        sent: what the client has taken.
        most_held: the most bytes that ever waited to be taken.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._interest = _Interest()
        super().__init__(self._interest)  # type: ignore[arg-type]
        self.connected = 1
        self.protocol = protocol
        self.sent = bytearray()
        self.most_held = 0
        self._room = 0
        self._aborted = False
        self.startReading()
        protocol.makeConnection(self)

    # What the test does

    def take(self, size: int) -> None:
        """Let the client read this many bytes, if there are this many."""
        self._room = size
        while self.is_written() and self._room > 0:
            self._turn()
        self._end_of_turn()

    def take_all(self) -> None:
        """Let the client read until there is nothing more."""
        while self.is_written():
            self._room = 1 << 30
            self._turn()
        self._end_of_turn()

    def take_turn(self) -> None:
        """Let the client read all that the server sends in one turn."""
        self._room = 1 << 30
        self._turn()
        self._end_of_turn()

    def deliver(self, data: bytes) -> None:
        """Let the client's bytes arrive, which must be wanted."""
        assert self.is_read()
        self.protocol.dataReceived(data)

    def hang_up(self) -> None:
        """Let the client vanish."""
        if self.connected:
            self.connectionLost(Failure(ConnectionLost()))

    @property
    def held(self) -> int:
        """Bytes that wait to be taken."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def is_read(self) -> bool:
        """Whether the server wants to hear from the client."""
        return bool(self._interest.readers)

    def is_written(self) -> bool:
        """Whether the server has something for the client."""
        return bool(self._interest.writers)

    # What Twisted does

    def _turn(self) -> None:
        outcome = self.doWrite()
        if outcome is not None:
            self.connectionLost(Failure(ConnectionDone()))

    def _end_of_turn(self) -> None:
        self._room = 0
        if self._aborted:
            self.hang_up()

    def write(self, data: bytes) -> None:
        super().write(data)
        self.most_held = max(self.most_held, self.held)

    def writeSomeData(self, data: Any) -> int:  # noqa: N802 - Twisted's name, as below
        piece = bytes(data)[: self._room]
        self._room -= len(piece)
        self.sent += piece
        return len(piece)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.protocol.connectionLost(reason)

    def abortConnection(self) -> None:  # noqa: N802
        self._aborted = True  # like Twisted's, it is lost a moment later
        self.stopReading()
        self.stopWriting()

    def getPeer(self) -> IPv4Address:  # noqa: N802
        return IPv4Address("TCP", "10.0.0.1", 4711)


@implementer(ISystemHandle)
class NarrowSocketTransport(NarrowTransport):
    """The same, with a socket that can be written to directly."""

    def getHandle(self) -> NarrowSocketTransport:  # noqa: N802
        return self

    def send(self, data: bytes | memoryview) -> int:
        """Send what the client takes now, as a socket does."""
        sent = self.writeSomeData(data)
        if not sent:
            raise BlockingIOError
        self.sends += 1
        return sent

    sends = 0
    """How often something was sent past Twisted's buffers."""


class NarrowClient(Speaker):
    """A raw client at the other end of a narrow transport."""

    def __init__(
        self,
        factory: NwsFactory,
        kind: str | None = "cookie",
        transport: Callable[[NwsProtocol], NarrowTransport] = NarrowTransport,
    ) -> None:
        protocol = factory.buildProtocol(IPv4Address("TCP", "10.0.0.1", 4711))
        assert protocol is not None
        self.protocol = protocol
        self.transport = transport(protocol)
        if kind is not None:
            self.shake_hands(KINDS[kind])
            assert self.ask("use ws", "ws", "", "no").status == 0

    def write(self, data: bytes) -> None:
        self.transport.deliver(data)

    def read(self, size: int) -> bytes:
        sent = self.transport.sent
        self.transport.take(size - len(sent))
        assert len(sent) >= size, f"{size} bytes are expected, there are {bytes(sent)!r}"
        data = bytes(sent[:size])
        del sent[:size]
        return data
