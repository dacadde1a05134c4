"""What the connections of one server share: the space, the sessions, the limits, the clock."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from nws.version import __version__
from nws.wire.dialect import (
    EXTENSIONS,
    METADATA_FROM_SERVER,
    METADATA_TO_SERVER,
    PEER_TIMEOUT,
    SESSION,
    WEB_PORT,
)
from nws.wire.requests import Sink
from nws_server.core.deadlines import Deadlines, Timed
from nws_server.core.space import Space
from nws_server.incidents import (
    REFUSED_CONNECTIONS,
    REFUSED_HANDSHAKES,
    Incidents,
)
from nws_server.run_queue import RunQueue
from nws_server.session_registry import SessionRegistry

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


class Keeper(Timed, Protocol):
    """A connection that keeps what it has delivered for a moment; its deadline is the end."""

    def forget_delivered(self) -> None:
        """Keep it no longer."""


def _ignore(*_: object) -> None:
    """Log nothing."""


class Hub:
    """The server behind its connections.

    Attributes:
        space: where operations go.
        sessions: which connections there are.
        run_queue: which of them can go on.
        keepers: which of them keep what was acknowledged, and until when.
        limits: on each connection.
        offers: options that a negotiating client may choose from.
        web_port: of the inspector, or None.
        open_spool: makes the sink for a long value, or None to keep all values in memory.
        spooled: says how many bytes of values are in files.
        clock: seconds, monotonic.
        started: when it began, in seconds of the clock.
        log_crash: logs what failed for a peer, and the error that is being handled.
        max_connections: how many clients there can be.
        incidents: what could not be served.
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
        log_crash: Callable[[bytes, str], None] = _ignore,
        log_warning: Callable[[str], None] = _ignore,
        max_connections: int = NO_LIMIT,
    ) -> None:
        self.space = space
        self.sessions = SessionRegistry(space)
        self.run_queue = RunQueue()
        self.keepers: Deadlines[Keeper] = Deadlines()
        self.limits = limits or Limits()
        offers = (*_OFFERS, EXTENSIONS, PEER_TIMEOUT, SESSION) if extensions else _OFFERS
        self.offers = dict.fromkeys(offers, b"")
        self.web_port: int | None = None
        self.open_spool = open_spool
        self.spooled = spooled
        self.clock = clock
        self.started = clock()
        self.log_crash = log_crash
        self.max_connections = max_connections
        self.incidents = Incidents(clock, log_warning)

    def refuse_connection(self, peer: bytes) -> str:
        """Note that a client has no place; return the reason."""
        reason = (
            f"{self.max_connections} clients are connected already, and the server takes no more; "
            "--max-connections and the limit of its open files (ulimit -n) set how many"
        )
        self.refuse(REFUSED_CONNECTIONS, peer, reason)
        return reason

    def refuse(self, kind: str, peer: bytes, reason: str) -> None:
        """Note an incident because of which a connection is closed."""
        # Anybody can cause many that are no handshakes, which are to hide no other reason.
        apart = reason if kind == REFUSED_HANDSHAKES else ""
        self.incidents.add(kind, f"refused {peer.decode()}: {reason}", apart)

    def advertise(self, web_port: int) -> None:
        """Tell clients from now on where the inspector is."""
        self.web_port = web_port
        self.offers[WEB_PORT] = b"%d" % web_port

    def on_earlier_deadline(self, callback: Callable[[float], None]) -> None:
        """Have ``callback`` called with each deadline that comes before all others of its kind."""
        self.space.on_earlier_deadline = callback
        self.keepers.on_earlier = callback

    def next_deadline(self) -> float | None:
        """Return when `expire` has something to do, or None."""
        deadlines = (self.space.next_deadline(), self.keepers.next())
        return min((each for each in deadlines if each is not None), default=None)

    def expire(self) -> None:
        """End the waits and leases whose time is over."""
        now = self.space.now = self.clock()
        for keeper in self.keepers.pop_due(now):
            keeper.forget_delivered()
        self.space.expire()
        self.run_queue.drain()

    def status(self) -> bytes:
        """Describe the server as JSON."""
        return json.dumps(
            {
                "version": __version__,
                "pid": os.getpid(),
                "uptime": round(self.clock() - self.started, 3),
                "connections": self.sessions.connection_count(),
                "max_connections": self.max_connections,
                "sessions": self.sessions.session_count(),
                **self.space.views.totals(),
                "spooled": self.spooled(),
                **self.incidents.counts,
                "web": self.web_port,
            }
        ).encode()
