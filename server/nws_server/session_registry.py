"""Which connections belong to which session."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from nws_server.core.space import Session, Space, Waiter
from nws_server.run_queue import Ready


class Member(Ready, Protocol):
    """A connection that is past its handshake.

    Attributes:
        peer: the client's address.
        identity: what it has proved; empty if nobody has asked.
        since: when it came, in seconds of the hub's clock.
        performed: how many operations it has asked for.
        received, sent: bytes.
        waiter: the operation that waits, if one does.
    """

    peer: bytes
    identity: str
    since: float
    performed: int
    received: int
    sent: int
    waiter: Waiter | None


class Traffic(NamedTuple):
    """What some connections have done so far."""

    operations: int
    received: int
    """Bytes."""
    sent: int
    """Bytes."""


class SessionRegistry:
    """The sessions of a server's connections. A session ends when its last connection leaves."""

    def __init__(self, space: Space) -> None:
        """Open and close sessions of this space."""
        self._space = space
        self._members: dict[Session, set[Member]] = {}
        self._tokens: dict[Session, bytes] = {}
        self._by_token: dict[bytes, Session] = {}
        self._ended = Traffic(0, 0, 0)  # of connections that have left

    def join(self, connection: Member, peer: bytes, *, acknowledges: bool) -> Session:
        """Begin a session of one connection; see `Space.open_session`."""
        session = self._space.open_session(peer, acknowledges=acknowledges)
        self._members[session] = {connection}
        return session

    def leave(self, connection: Member, session: Session) -> None:
        """Forget a connection that has ended."""
        self._ended = _sum(self._ended, connection)
        self._take_out(connection, session)

    def _take_out(self, connection: Member, session: Session) -> None:
        members = self._members[session]
        members.discard(connection)
        if not members:
            del self._members[session]
            token = self._tokens.pop(session, None)
            if token is not None:
                del self._by_token[token]
            self._space.close_session(session)

    def token_of(self, session: Session) -> bytes:
        """Return the secret with which other connections can attach to a session."""
        token = self._tokens.get(session)
        if token is None:
            token = self._tokens[session] = secrets.token_hex(16).encode()
            self._by_token[token] = session
        return token

    def attach(self, connection: Member, own: Session, token: bytes) -> Session | None:
        """Move a connection from its own session to the one with this token, if there is one."""
        session = self._by_token.get(token)
        if session is not None and session is not own:
            self._members[session].add(connection)
            self._take_out(connection, own)
        return session

    def members(self) -> Iterator[tuple[Session, Member]]:
        """Walk the connections, by session."""
        for session, members in self._members.items():
            for member in members:
                yield session, member

    def connection_count(self) -> int:
        """Count the connections that are past their handshake."""
        return sum(map(len, self._members.values()))

    def traffic(self) -> Traffic:
        """Return what all connections have done, those that have ended among them."""
        traffic = self._ended
        for _, member in self.members():
            traffic = _sum(traffic, member)
        return traffic

    def session_count(self) -> int:
        """Count the sessions of these connections."""
        return len(self._members)


def _sum(traffic: Traffic, member: Member) -> Traffic:
    return Traffic(
        traffic.operations + member.performed,
        traffic.received + member.received,
        traffic.sent + member.sent,
    )
