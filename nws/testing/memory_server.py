"""A server in memory, and clients of it."""

from __future__ import annotations

import time
from typing import Any, Final, NoReturn, cast

from nws.client import NwsServer
from nws.session.endpoint import UNIX, Endpoint
from nws.session.session import Session
from nws.session.transport import Transport
from nws.testing.memory_socket import MemorySocket, Switch
from nws.values import Encoder
from nws_server.core.memory import MemorySpace
from nws_server.hub import Hub

__all__ = ["MemoryServer"]

_PLACE: Final = f"{UNIX}memory"
"""What stands for its address in messages."""


class MemoryServer:
    """A server in this process, for tests: no other process, no port, no socket.

    Any thread may use its clients. It lasts until it is closed, or nobody refers to it or a client
    of it. It is not for processes that fork: a child has a copy of it.
    """

    def __init__(self) -> None:
        """Make a server that holds nothing but ``__default``."""
        self._ahead = 0.0
        self._switch = Switch(Hub(MemorySpace(), clock=self._now))

    def _now(self) -> float:
        return time.monotonic() + self._ahead

    def connect(self, *, pickle_protocol: int = 5, session: str = "") -> NwsServer:
        """Return a client with a session of its own, as another program would have.

        Args:
            pickle_protocol, session: see `NwsServer`.

        Raises:
            NwsOperationException: there is no such session.
        """
        return _MemoryClient(self._switch, pickle_protocol, session)

    def advance(self, seconds: float) -> None:
        """Let time pass: timeouts and leases that end within it are over when this returns."""
        self._ahead += seconds
        self._switch.run(self._expire)

    def _expire(self) -> None:
        hub = self._switch.hub
        hub.expire()
        while (deadline := hub.next_deadline()) is not None and deadline <= self._now():
            hub.expire()  # of very many it ends a part at a time

    def close(self) -> None:
        """Stop it: whoever waits gets an NwsConnectionDroppedException."""
        self._switch.run(self._stop)

    def _stop(self) -> None:
        hub = self._switch.hub
        hub.space.close()
        hub.run_queue.drain()

    def __enter__(self) -> MemoryServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _MemoryTransport(Transport):
    """A connection that needs no socket of the system."""

    def __init__(self, switch: Switch, endpoint: Endpoint) -> None:
        self._switch = switch
        super().__init__(endpoint)

    def _connect(self, timeout: float, deadline: float) -> None:
        self.socket = cast("Any", MemorySocket(self._switch))


class _MemoryClient(NwsServer):
    """A client of a server in memory."""

    def __init__(self, switch: Switch, pickle_protocol: int, session: str) -> None:
        self.serverHost = _PLACE
        self.serverPort = 0

        def connect(endpoint: Endpoint) -> Transport:
            return _MemoryTransport(switch, endpoint)

        encoder = Encoder(pickle_protocol)
        self._session = Session(Endpoint(_PLACE, 0), encoder, session.encode(), connect)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a server in memory cannot be reached from another process")
