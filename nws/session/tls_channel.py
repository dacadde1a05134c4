"""What an `Exchange` sends and receives by, over TLS, in place of a socket.

Its calls are the C functions below those of `ssl.SSLSocket`, which are written in Python: there an
exception could strike between what was done and the note of it. They are not documented, but are
what Python's own have called since 3.2.

Two things are different from a socket. What OpenSSL has for us need not make the socket readable:
so one reads first, and waits only when there is nothing. And a send that had to wait must be made
again with the same bytes, or the connection is of no use.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ssl

__all__ = ["TlsChannel"]

# These have no file of their own, unlike the default.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


class TlsChannel:
    """The calls of one connection, none of which blocks.

    Attributes:
        send: takes bytes, and returns how many went.
        recv: takes the most that it shall return; returns bytes, none at the end.
    """

    send: Callable[..., int]
    recv: Callable[[int], bytes]

    def __init__(self, sock: ssl.SSLSocket) -> None:
        """Take a connection on which TLS has begun."""
        import ssl  # as a program that speaks no TLS should not wait for that

        sock.setblocking(False)
        self._socket = sock
        self._to_read, self._to_write = ssl.SSLWantReadError, ssl.SSLWantWriteError
        below: Any = sock._sslobj  # type: ignore[attr-defined]
        self.send, self.recv = below.write, below.read
        self._receive: Callable[[int, memoryview], int] = below.read

    def receiving_into(self, buffer: memoryview) -> tuple[Any, ...]:
        """Return the arguments of a `map` that receives into a buffer."""
        return self._receive, (len(buffer),), (buffer,)

    def has_to_send_again(self, error: OSError) -> bool:
        """Tell whether an error says that a send has to be made again."""
        return isinstance(error, self._to_write)

    def has_to_wait(self, error: OSError) -> bool:
        """Tell whether an error says that a call has to wait, and for an open socket."""
        waits = isinstance(error, self._to_read | self._to_write)
        return waits and self._socket.fileno() >= 0

    def wait(self, error: OSError, seconds: float) -> bool:
        """Wait for what was lacking; return False if it did not come in time."""
        sends = self.has_to_send_again(error)
        with _Selector() as selector:
            selector.register(
                self._socket, selectors.EVENT_WRITE if sends else selectors.EVENT_READ
            )
            return bool(selector.select(seconds))
