"""The server's side of TLS on one connection: encrypted bytes in, plain ones out, and back.

OpenSSL works in memory here, and we send: a record of TLS has 16 KiB at most, and by itself each of
them would cost a call of the system, or a turn of Twisted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["TlsLayer"]

_RECORD_BYTES: Final = 16 * 1024
"""The most that a record holds."""

_BLOCK_BYTES: Final = 16 * _RECORD_BYTES
"""How much to encrypt before it is sent: the other side decrypts it meanwhile."""

_OUTPUT_BYTES: Final = _BLOCK_BYTES + 4 * 1024
"""How much to take from OpenSSL at a time: a block, and what makes records of it."""


class TlsLayer:
    """Between a socket and what is said there.

    Attributes:
        failure: why nothing more can be understood; empty if it can.
        ended: the client has said that nothing more will come.
    """

    def __init__(self, context: Any, send: Callable[[bytes | memoryview], int] | None) -> None:
        """Wait for the client to begin.

        Args:
            context: of OpenSSL, with the certificate and its key.
            send: of the socket, which does not block; None if `send` is not called.
        """
        from OpenSSL import SSL  # which most servers do without

        self.failure = ""
        self.ended = False
        self._error, self._needs_bytes, self._end = (
            SSL.Error,
            SSL.WantReadError,
            SSL.ZeroReturnError,
        )
        self._engine = SSL.Connection(context, None)
        self._engine.set_accept_state()
        self._send = send
        self._unsent = memoryview(b"")
        self._unsent_plain_bytes = 0  # in what is unsent, and in what was sent of the same block

    def receive(self, data: bytes) -> bytes:
        """Take what came; return what it says. If that is nothing, `send` nothing, or `encrypt` it:
        TLS itself may have an answer."""
        self._engine.bio_write(data)
        pieces: list[bytes] = []
        try:
            while True:
                pieces.append(self._engine.recv(_RECORD_BYTES))
        except self._needs_bytes:
            pass
        except self._end:
            self.ended = True
        except self._error as error:
            self.failure = _reason(error)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """Return what is to be sent for these bytes, behind what TLS itself has to say."""
        if data and not self.failure:
            self._engine.send(data)  # all of it, see `certificate`
        return self._output()

    def send(self, data: bytes | memoryview) -> int:
        """Send bytes; return how many the system took. The next call must begin with the others:
        some of these are encrypted already."""
        assert self._send is not None
        sent = 0
        try:
            while True:
                if not self._unsent:
                    block = data[sent : sent + _BLOCK_BYTES]
                    self._unsent = memoryview(self.encrypt(block))
                    self._unsent_plain_bytes = len(block)
                while self._unsent:
                    self._unsent = self._unsent[self._send(self._unsent) :]
                sent += self._unsent_plain_bytes
                if sent >= len(data):
                    return sent
        except OSError:
            return sent  # full, or the connection has ended: then Twisted is about to say so

    def end(self) -> bytes:
        """Return what says that nothing more will be sent."""
        try:
            self._engine.shutdown()
        except self._error:
            pass  # it has not begun
        return self._output()

    def _output(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while not pieces or len(pieces[-1]) == _OUTPUT_BYTES:
                pieces.append(self._engine.bio_read(_OUTPUT_BYTES))
        except self._needs_bytes:
            pass  # there is no more
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _reason(error: Any) -> str:
    """Return what OpenSSL says about a failure."""
    reasons = error.args[0] if error.args else ()
    return ", ".join(str(parts[-1]) for parts in reasons) or "the client has gone"
