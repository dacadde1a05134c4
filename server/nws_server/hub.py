"""What the connections of one server share: the space, the limits, the sessions, the clock.

Also the order of work: an operation of one connection may let another one go on that has requests
in hand. Such connections are queued in ``ready`` and served one after another when the operation is
over (`drain`), never from inside it; so no chain of wake-ups can nest.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from nws.version import __version__
from nws.wire.dialect import EXTENSIONS, METADATA_FROM_SERVER, METADATA_TO_SERVER, WEB_PORT
from nws.wire.requests import Sink
from nws_server.core.space import Session, Space, Waiter

NO_LIMIT: Final = 2**63 - 1
_OFFERS: Final = (METADATA_TO_SERVER, METADATA_FROM_SERVER)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one connection may do. Sizes in bytes.

    Attributes:
        spool_threshold: values from this size on go to a file while they arrive.
        max_value: longer values are refused.
        max_backlog: memory for requests behind a waiting one before reading stops.
    """

    spool_threshold: int = 16 * 1024 * 1024
    max_value: int = NO_LIMIT
    max_backlog: int = 64 * 1024


class Ready(Protocol):
    """Somebody who can go on."""

    def go_on(self) -> None:
        """Do what can be done now."""


class Member(Ready, Protocol):
    """A connection, as far as the hub knows it.

    Attributes:
        peer: the client's address.
        since: when it came, in seconds of the hub's clock.
        performed: how many operations it has asked for.
        received, sent: bytes.
        waiter: the operation that waits, if one does.
    """

    peer: bytes
    since: float
    performed: int
    received: int
    sent: int
    waiter: Waiter | None


def _ignore(peer: bytes, reason: str) -> None:
    """Report to nobody."""


class Hub:
    """The server behind its connections.

    Attributes:
        space: where operations go.
        offers: options that a negotiating client may choose from.
        web_port: of the inspector, or None.
        open_spool: makes the sink for a long value, or None to keep all values in memory.
        clock: seconds, monotonic.
        started: when it began, in seconds of the clock.
        spooled: says how many bytes of values are in files.
        ready: who can go on; mostly connections that have requests in hand.
        refuse: told of a peer whose connection is given up, and why.
        crash: told of a peer whose operation raised an unexpected error, while it is handled.
    """

    def __init__(
        self,
        space: Space,
        *,
        extensions: bool = True,
        limits: Limits | None = None,
        open_spool: Callable[[int], Sink] | None = None,
        spooled: Callable[[], int] = int,
        clock: Callable[[], float] = time.monotonic,
        refuse: Callable[[bytes, str], None] = _ignore,
        crash: Callable[[bytes, str], None] = _ignore,
    ) -> None:
        self.space = space
        self.limits = limits or Limits()
        offers = (*_OFFERS, EXTENSIONS) if extensions else _OFFERS
        self.offers = dict.fromkeys(offers, b"")
        self.web_port: int | None = None
        self.open_spool = open_spool
        self.clock = clock
        self.refuse = refuse
        self.crash = crash
        self.ready: deque[Ready] = deque()
        self.spooled = spooled
        self._draining = False
        self.started = clock()
        self._connections: dict[Session, set[Member]] = {}
        self._tokens: dict[Session, bytes] = {}
        self._sessions: dict[bytes, Session] = {}  # by token

    def advertise(self, web_port: int) -> None:
        """Tell clients from now on where the inspector is."""
        self.web_port = web_port
        self.offers[WEB_PORT] = b"%d" % web_port

    # Sessions

    def join(self, connection: Member, peer: bytes) -> Session:
        """Begin a session of one connection."""
        session = self.space.open_session(peer)
        self._connections[session] = {connection}
        return session

    def leave(self, connection: Member, session: Session) -> None:
        """Take a connection out of its session; the last one to leave ends it."""
        members = self._connections[session]
        members.discard(connection)
        if not members:
            del self._connections[session]
            token = self._tokens.pop(session, None)
            if token is not None:
                del self._sessions[token]
            self.space.close_session(session)

    def token_of(self, session: Session) -> bytes:
        """Return the secret with which other connections can attach to a session."""
        token = self._tokens.get(session)
        if token is None:
            token = self._tokens[session] = secrets.token_hex(16).encode()
            self._sessions[token] = session
        return token

    def attach(self, connection: Member, own: Session, token: bytes) -> Session | None:
        """Move a connection from its own session to the one with this token, if there is one."""
        session = self._sessions.get(token)
        if session is not None and session is not own:
            self._connections[session].add(connection)
            self.leave(connection, own)
        return session

    def members(self) -> Iterator[tuple[Session, Member]]:
        """Walk the connections that are past their handshake, by session."""
        for session, members in self._connections.items():
            for member in members:
                yield session, member

    def connection_count(self) -> int:
        """Count the connections that are past their handshake."""
        return sum(map(len, self._connections.values()))

    def session_count(self) -> int:
        """Count the sessions of these connections."""
        return len(self._connections)

    # Work

    def drain(self) -> None:
        """Let every connection go on that can."""
        if self._draining:
            return
        self._draining = True
        try:
            while self.ready:
                self.ready.popleft().go_on()
        finally:
            self._draining = False

    def expire(self) -> None:
        """End the waits and leases whose time is over."""
        self.space.now = self.clock()
        self.space.expire()
        self.drain()

    def status(self) -> bytes:
        """Describe the server as JSON."""
        return json.dumps(
            {
                "version": __version__,
                "pid": os.getpid(),
                "uptime": round(self.clock() - self.started, 3),
                "connections": self.connection_count(),
                "sessions": self.session_count(),
                **self.space.look.totals(),
                "spooled": self.spooled(),
                "web": self.web_port,
            }
        ).encode()
