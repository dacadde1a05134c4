"""What stands in for the sockets between client and server in one process.

Theory of operation
-------------------
A server takes bytes of one connection after the other. Here the thread of the client that sends
them does the server's work for them, under the lock of the `Switch`; what the server has to say
lies in the `MemorySocket` of the client that it is for, whose thread waits for it if it has to.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from nws_server.connection import Connection
from nws_server.hub import Hub

__all__ = ["MemorySocket", "Switch"]


_LOOK_SECONDS: Final = 0.05
"""Between looks of a thread that waits, in case that nobody notifies it."""


class Switch:
    """Lets one thread at a time do the server's work."""

    def __init__(self, hub: Hub) -> None:
        """Serve the connections of a server."""
        self.hub = hub
        self.turn = threading.Condition()
        self._busy = False
        self._later: deque[Callable[[], None]] = deque()

    def run(self, action: Callable[[], None]) -> None:
        """Do some work, and what else is due; then let all that wait look again."""
        with self.turn:
            if self._busy:  # the garbage collector closes a connection in the midst of it
                self._later.append(action)
                return
            self._busy = True
            try:
                self.hub.expire()
                action()
                while self._later:
                    self._later.popleft()()
            finally:
                self._busy = False
            self.turn.notify_all()

    def wait(self, is_ready: Callable[[], bool]) -> None:
        """Wait until something is true; meanwhile end the waits and leases whose time is over."""
        with self.turn:
            while not is_ready():
                if self._busy:
                    raise RuntimeError(
                        "a signal handler cannot use a server in memory in the middle of a call"
                    )
                deadline = self.hub.next_deadline()
                left = None if deadline is None else deadline - self.hub.clock()
                if left is not None and left <= 0:
                    self.run(_nothing)
                else:  # a handler may have been here since we looked, which notifies nobody
                    self.turn.wait(_LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS))


def _nothing() -> None:
    """Only what is due."""


class MemorySocket:
    """The client's end of a connection: as much of a socket as the client uses.

    It never fails with a timeout: the server is here, and replies to what is due at once. An
    exception of a signal handler that strikes while bytes are moved costs the connection.
    """

    family: Final = socket.AF_UNSPEC

    def __init__(self, switch: Switch) -> None:
        """Connect."""
        self._switch = switch
        self._incoming = bytearray()
        self._ended = self._closed = False
        self._wakeup: tuple[int, int] | None = None
        self._connection = Connection(switch.hub, _ServerEnd(self), b"memory")

    # For the server

    def put(self, data: bytes) -> None:
        """Take what the server sends."""
        self._incoming += data
        self._wake()

    def end(self) -> None:
        """Note that nothing else will come."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None:
            os.write(self._wakeup[1], b"!")

    # For the client

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        """Have the server do what is asked for; see `socket.socket.send`."""
        if self._ended:
            raise BrokenPipeError(errno.EPIPE, "the connection has ended")
        self._switch.run(partial(self._connection.receive, bytes(data)))
        return len(data)

    def sendall(self, data: bytes) -> None:
        """See `socket.socket.sendall`."""
        self.send(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come, at most ``size`` bytes; wait for it. Empty at the end."""
        with self._switch.turn:
            self._switch.wait(self._has_news)
            data = bytes(self._incoming[:size])
            del self._incoming[:size]
            if self._wakeup is not None and not self._has_news():
                self._calm_down(self._wakeup[0])
            return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """See `socket.socket.recv_into`."""
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _has_news(self) -> bool:
        return self._ended or bool(self._incoming)

    @staticmethod
    def _calm_down(fd: int) -> None:
        try:
            while os.read(fd, 4096):
                pass
        except BlockingIOError:
            pass

    def fileno(self) -> int:
        """Return a descriptor that can be read when there is something to receive, of a pipe; -1
        when this is closed."""
        with self._switch.turn:
            if self._closed:
                return -1
            if self._wakeup is None:
                self._wakeup = os.pipe()
                for fd in self._wakeup:
                    os.set_blocking(fd, False)
                if self._has_news():
                    self._wake()
            return self._wakeup[0]

    def settimeout(self, seconds: float | None) -> None:
        """Nothing here takes long."""

    def setsockopt(self, *option: Any) -> None:
        """There is no system between the ends."""

    def shutdown(self, how: int) -> None:
        """Hang up; who waits here notices."""
        self._switch.run(self._hang_up)

    def _hang_up(self) -> None:
        if not self._ended:
            self.end()
            self._connection.lost()

    def close(self) -> None:
        """Hang up, and give the descriptor back."""
        self._switch.run(self._close)

    def _close(self) -> None:
        self._hang_up()
        self._closed = True
        if self._wakeup is not None:
            pipe, self._wakeup = self._wakeup, None
            for fd in pipe:
                with suppress(OSError):  # somebody has closed it by its number
                    os.close(fd)


class _ServerEnd:
    """The server's end; see `nws_server.connection.Outlet`. It never has to wait for the client."""

    def __init__(self, client: MemorySocket) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        self._client.put(data)

    def write_body(self, body: Any) -> None:
        raise AssertionError("all values are in memory here")

    def expect(self, much: bool) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self._client.end()

    def admit(self) -> None:
        pass

    def limit_silence(self, seconds: int) -> None:
        pass
