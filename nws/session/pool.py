"""All connections of one session: one for each thread that uses it, and one for each stream.

On a server of ours all connections of a pool share one session, so it does not matter which of them
an operation uses: ownership, bindings and leases are the session's. It lasts as long as one of them
does. After a fork the parent keeps its session, and the child gets one of its own. An original
server knows only single connections; there threads take turns, and one that blocks in a fetch holds
up the others.

An exception that strikes between any two byte codes must not leave a connection without an owner.
So a borrowed connection goes from one list into another without a byte code in between, and back by
``+=``, which the handler of a signal cannot interrupt.

Python 3.10 runs handlers in more places. After a Python function has returned to another: so what
hands on a removed value calls the function below it by `starmap`, and a C function stands between
them. (In the program's own code nobody can do that. There, a value can be lost if a handler raises
just when a fetch has returned.) And as an exception arrives at its handler: if another one strikes
just then, a connection may stay unused until the session ends.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from nws.errors import NwsConnectionDroppedException, NwsException
from nws.session.endpoint import Endpoint
from nws.session.transport import Transport

__all__ = ["Pool"]


class Pool:
    """The connections of a session with one server.

    Attributes:
        endpoint: of the server.
        dialect: what the server speaks.
        main: the session's first connection, or what took its place.
        idle: connections that nobody uses; borrowers put theirs back here.
        token: by which others can join the session; empty on an original server.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_new_session: Callable[[Transport], None],
        token: bytes = b"",
        connect: Callable[[Endpoint], Transport] = Transport,
    ) -> None:
        """Connect.

        Args:
            endpoint: of the server.
            on_new_session: called with the first connection of each session but the very first:
                in a forked child, when it first needs one.
            token: of a session to join; empty for a new one.
            connect: makes a connection.

        Raises:
            NwsConnectException: it is not possible.
            NwsOperationException: there is no session with this token.
        """
        self.endpoint = endpoint
        self._on_new_session = on_new_session
        self._make_transport = connect
        self._lock = threading.RLock()
        self._ended = ""  # why the session cannot go on
        self._begin_session(token)
        self._orphaned = False  # this process is a fork of the one that had the session
        _pools.add(self)

    def _begin_session(self, token: bytes = b"") -> None:
        self.main = self._make_transport(self.endpoint)
        self.dialect = self.main.dialect
        self._all = weakref.WeakSet((self.main,))
        self.idle: list[Transport] = []
        if token:
            self.main.run([b"attach", token])
        self.token = token or self.main.token
        if self.dialect.extensions:
            self.idle.append(self.main)

    def acquire(self, mine: list[Transport]) -> Transport:
        """Borrow a connection that nobody else uses.

        Args:
            mine: an empty list. In the end, whatever happens, its contents must be added to
                ``idle``. It stays empty if there is only one connection for all.

        Raises:
            NwsConnectionDroppedException: the session has ended.
            NwsConnectException: one more connection is needed, but cannot be made.
        """
        if self._orphaned:
            self._begin_session_of_child()
        if not self.dialect.extensions:
            return self.main
        try:
            mine.extend(map(self.idle.pop, (-1,)))
        except IndexError:
            mine.append(self.connect())
        transport = mine[0]
        if transport.pending is not None:
            transport.give_back()
        if not transport.usable:
            transport = self._replace(mine)
        return transport

    def connect(self) -> Transport:
        """Open one more connection of the session, which the caller keeps.

        It ends with the session at the latest. Only for servers with the extensions.

        Raises:
            NwsConnectionDroppedException: the session has ended.
            NwsConnectException: it is not possible.
        """
        if self._orphaned:
            self._begin_session_of_child()
        with self._lock:
            self._check_open()
            try:
                transport = self._make_transport(self.endpoint)
                transport.run([b"attach", self.token])
            except NwsException as error:
                if any(other.usable for other in self._all):
                    raise
                self._ended = self._ended or str(error)
                self._check_open()
                raise
            self._all.add(transport)
            if self._ended:  # meanwhile, by another thread
                transport.close()
                self._check_open()
            return transport

    def _check_open(self) -> None:
        if self._ended:
            raise NwsConnectionDroppedException(
                f"the session with the server at {self.endpoint} has ended: {self._ended}"
            )

    def _give_up(self) -> None:
        """End the session, since the server's machine does not answer: each connection, and each
        attempt to make one, would wait as long to find that out."""
        self._ended = self._ended or "its machine does not answer"
        self.idle = []
        for transport in list(self._all):
            transport.close()

    def _replace(self, mine: list[Transport]) -> Transport:
        """Put a new connection in the place of one that is of no use any more."""
        useless = mine[0]
        if useless.vanished:
            self._give_up()
        transport = self.connect()
        if self.main is useless:
            self.main = transport
        mine[0] = transport
        useless.close()
        return transport

    def repair(self, mine: list[Transport]) -> None:
        """Replace a borrowed connection that is stuck, so that what it was sent returns now and not
        when it is used again. If that is not possible now, whoever borrows it next does it.

        Only for a server that answers: else this waits for it, and Ctrl-C must not.
        """
        if mine and mine[0].stuck:
            try:
                self._replace(mine)
            except (NwsException, MemoryError):
                pass

    def close(self) -> None:
        """End the session, with its streams. Threads that wait get an
        NwsConnectionDroppedException."""
        self._ended = self._ended or "it was closed"
        idle, self.idle = self.idle, []
        for transport in idle:
            transport.give_back()
        for transport in list(self._all):
            transport.close()

    def _begin_session_of_child(self) -> None:
        """In a forked child: the parent keeps its session, we get one of our own."""
        with self._lock:
            if self._orphaned:
                self._check_open()
                self._begin_session()
                self._on_new_session(self.main)
                self._orphaned = False

    def _after_fork(self) -> None:
        """Forget the parent's connections, which are closed here already, and its locks."""
        self.idle = []
        self._lock = threading.RLock()
        self._orphaned = True


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
