"""TLS on a socket of the blocking client, such that an exception may strike at any moment.

OpenSSL works in memory, and we move what is encrypted between that and the socket: in pieces of any
size, where OpenSSL by itself would make a call of the system for each record of 16 KiB.

What is encrypted must be sent, once and in its order, or the connection is of no use. So whoever
has encrypted something calls `TlsChannel.flush`, again if an exception struck there. Bytes go from
one C function to the next without a byte code in between, as in `exchange.py`. Hence these are the
ones below those of `ssl.SSLObject`, which are written in Python. They are not documented, but are
what Python's own have called since 3.2.

Both run the handlers of signals themselves, once their work is done, and what a handler raises
takes the place of their result. So bytes count as encrypted before they are, and a channel is
``torn`` where decrypted bytes were lost. Elsewhere Python runs handlers only where a call has
returned or a loop goes back: nothing strikes between two statements that do neither.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from itertools import starmap
from typing import Any, Final

__all__ = ["BLOCK_BYTES", "RECORD_BYTES", "TlsChannel"]

RECORD_BYTES: Final = 16 * 1024
"""The most that a record holds; nothing returns more of what was decrypted at a time."""

BLOCK_BYTES: Final = 32 * RECORD_BYTES
"""How much to encrypt before it is sent: the other side decrypts it meanwhile. Half of it takes
longer, as each call of the system wakes the other side."""


class _Piece:
    """Some bytes that are being sent: none yet, or one piece of them."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.sent: list[int] = []  # what each call took


class TlsChannel:
    """What is between an exchange and its socket.

    Attributes:
        socket: to which `set_poll_interval` is applied once there are exchanges.
        torn: what was decrypted is lost, and nothing behind it can be understood.
    """

    torn = False

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        """Prepare one, on a socket that is connected.

        Args:
            sock: the connection.
            context: says how the server's certificate is checked.
            host: the server's name, as its certificate may have it.
        """
        self.socket = sock
        self._arrived, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._to_send, server_hostname=host)
        below: Any = self._tls._sslobj  # type: ignore[attr-defined]
        self._write: Callable[[bytes | memoryview], int] = below.write
        self._read: Callable[..., Any] = below.read
        self._decrypted: Callable[[], int] = below.pending
        self._piece = _Piece()

    @property
    def certificate(self) -> bytes:
        """The server's, in DER."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def may_decrypt(self) -> bool:
        """Whether something has come that was not decrypted yet; it may be a part of a record."""
        return self._arrived.pending > 0 or self._decrypted() > 0

    def encrypt(self, data: bytes | memoryview, sent: list[int]) -> None:
        """Encrypt bytes, and append to ``sent`` how many. Then call `flush`."""
        size = [len(data)]
        sent += size
        self._write(data)  # nothing can strike before it has begun

    def decrypt(self, taken: list[Any], size: int, *buffer: memoryview) -> bool:
        """Decrypt a record, or what is left of one; return whether all of it has come.

        Args:
            taken: is given the bytes, or their number if there is a buffer; none at the end.
            size: the most to take.
            buffer: to be filled.
        """
        records = starmap(self._read, ((size, *buffer),))
        self.torn = True
        try:
            taken += records
        except ssl.SSLWantReadError:
            self.torn = False
            return False
        self.torn = False
        return True

    def flush(self) -> None:
        """Send what is encrypted. After any exception it can be called again."""
        piece = self._piece
        while piece.data or self._to_send.pending:
            if not piece.data:
                piece.data.extend(map(self._to_send.read, (2 * BLOCK_BYTES,)))
            data = memoryview(piece.data[0])
            done = sum(piece.sent)
            while done < len(data):
                piece.sent.extend(map(self.socket.send, (data[done:],)))
                done += piece.sent[-1]
            piece = self._piece = _Piece()

    def receive(self) -> int:
        """Receive something to decrypt; return its size, which is 0 at the end."""
        received: list[int] = []
        received.extend(map(self._arrived.write, map(self.socket.recv, (BLOCK_BYTES,))))
        return received[0]

    # Before there are exchanges, when the socket has a timeout

    def do_handshake(self, deadline: float) -> None:
        """Begin, until `time.monotonic` is this.

        Raises:
            OSError: it failed. TimeoutError: it was too late.
        """
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                pass
            finally:
                self.flush()  # also what says why it failed
            # Not zero, which would mean not to wait at all.
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            if not self.receive():
                self._arrived.write_eof()

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        self.encrypt(data, [])
        self.flush()

    def recv(self, size: int) -> bytes:
        """Receive up to ``size`` bytes; none at the end."""
        taken: list[bytes] = []
        while not self.decrypt(taken, size):
            if not self.receive():
                return b""
        return taken[0]
