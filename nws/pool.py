"""The connections of one session: one for each thread that is at it, and none from before a fork.

On a server of ours all connections of a pool share one session, so it does not matter which of them
an operation uses: ownership, bindings and leases are the session's. An original server knows only
single connections; there threads take turns, and one that blocks in a fetch holds up the others.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nws.errors import NwsConnectionDroppedException
from nws.transport import Address, Transport
from nws.wire import Dialect

__all__ = ["Pool"]


class Pool:
    """Connections to one server.

    Attributes:
        address: of the server.
    """

    def __init__(self, address: Address, on_new_session: Callable[[Transport], None]) -> None:
        """Connect.

        Args:
            address: of the server.
            on_new_session: called with the first connection of each session but the very first:
                in a forked child, on its first operation.

        Raises:
            NwsConnectException: it is not possible.
        """
        self.address = address
        self._on_new_session = on_new_session
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # for the only connection to an original server
        self._begin_session()
        self._orphaned = False  # this process is a fork of the one that had the session
        _pools.add(self)

    def _begin_session(self) -> None:
        self._main = Transport(self.address)
        # The token by which further connections join the session. It is asked for now because
        # later, when it is needed, this connection may be waiting.
        self._token = b""
        if self.dialect.extensions:
            self._token = bytes(self._main.long([b"session"]).payload)
        self._all = [self._main]
        self._idle = [self._main]

    @property
    def main(self) -> Transport:
        """The session's first connection."""
        return self._main

    @property
    def dialect(self) -> Dialect:
        """What the server speaks."""
        return self._main.dialect

    @contextmanager
    def connection(self) -> Iterator[Transport]:
        """Lend a connection that nobody else uses."""
        transport = self.acquire()
        try:
            yield transport
        finally:
            self.release(transport)

    def acquire(self) -> Transport:
        """Take a connection that nobody else uses; give it to `release` in the end."""
        if self._orphaned:
            self._start_anew()
        if not self._main.dialect.extensions:
            self._turn.acquire()
            return self._main
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect_another()

    def release(self, transport: Transport) -> None:
        """Give a connection back."""
        if not self._main.dialect.extensions:
            self._turn.release()
        elif transport.usable or transport is self._main:
            self._idle.append(transport)
        else:
            self._all.remove(transport)

    def _connect_another(self) -> Transport:
        """All connections are in use, most likely by threads that wait: open one more."""
        with self._lock:
            if not self._main.usable:
                raise NwsConnectionDroppedException(
                    f"the session with the server at {self.address} has ended"
                )
            transport = Transport(self.address)
            transport.short([b"attach", self._token])
            self._all.append(transport)
            return transport

    def close(self) -> None:
        """End the session. Threads that wait get an NwsConnectionDroppedException."""
        for transport in self._all:
            transport.close()

    def _start_anew(self) -> None:
        """In a forked child: the parent keeps its session, we get one of our own."""
        with self._lock:
            if self._orphaned:
                self._begin_session()
                self._orphaned = False
                self._on_new_session(self._main)

    def _after_fork(self) -> None:
        """Let go of the parent's connections at once: if we held them open, the server would not
        notice the parent's end."""
        for transport in self._all:
            transport.forget()
        self._all, self._idle = [], []
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._orphaned = True


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _let_go() -> None:
    for pool in list(_pools):
        pool._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
