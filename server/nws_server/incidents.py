"""Things that go wrong many times: each is counted, few are logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

__all__ = [
    "INCIDENTS",
    "LOG_PAUSE_SECONDS",
    "OVERDUE_HANDSHAKES",
    "REFUSED_CONNECTIONS",
    "REFUSED_HANDSHAKES",
    "REFUSED_LOGINS",
    "REFUSED_REQUESTS",
    "REFUSED_VALUES",
    "SLOW_CLIENTS",
    "UNREADABLE_VALUES",
    "UNWRITABLE_VALUES",
    "VANISHED_CLIENTS",
    "Incidents",
]

LOG_PAUSE_SECONDS: Final = 60.0
"""Between two lines about incidents of one kind."""

REFUSED_CONNECTIONS: Final = "refused_connections"
REFUSED_HANDSHAKES: Final = "refused_handshakes"
OVERDUE_HANDSHAKES: Final = "overdue_handshakes"
REFUSED_LOGINS: Final = "refused_logins"
REFUSED_REQUESTS: Final = "refused_requests"
REFUSED_VALUES: Final = "refused_values"
UNWRITABLE_VALUES: Final = "unwritable_values"
UNREADABLE_VALUES: Final = "unreadable_values"
SLOW_CLIENTS: Final = "slow_clients"
VANISHED_CLIENTS: Final = "vanished_clients"

INCIDENTS: Final[Mapping[str, str]] = {
    REFUSED_CONNECTIONS: "Clients for whom there was no place",
    REFUSED_HANDSHAKES: "Connections that did not begin as those of clients do",
    OVERDUE_HANDSHAKES: "Connections that took too long to say who they are",
    REFUSED_LOGINS: "Connections and requests of those who may not use the server",
    REFUSED_REQUESTS: "Connections that were closed since their requests cannot be read",
    REFUSED_VALUES: "Long values for which the spool has no room",
    UNWRITABLE_VALUES: "Long values that cannot be written to the disk, as when it is full",
    UNREADABLE_VALUES: "Connections that were closed since a long value cannot be read",
    SLOW_CLIENTS: "Times that a client did not read what it was sent for some seconds",
    VANISHED_CLIENTS: "Connections that were closed since the client's machine did not answer",
}
"""All kinds, and what is counted."""


class Incidents:
    """The incidents of one server.

    Attributes:
        counts: how many there were, by kind.
    """

    def __init__(self, clock: Callable[[], float], log: Callable[[str], None]) -> None:
        """Begin with none.

        Args:
            clock: seconds, monotonic.
            log: writes a line to the log.
        """
        self.counts = dict.fromkeys(INCIDENTS, 0)
        self._clock = clock
        self._log = log
        self._lines: dict[tuple[str, str], _Line] = {}

    def add(self, kind: str, text: str, reason: str = "") -> None:
        """Count an incident. The first is logged at once, later ones at most once a minute, with
        the number of those since.

        Args:
            kind: one of `INCIDENTS`.
            text: what is logged.
            reason: those of each reason are logged by themselves; there may be only few.
        """
        self.counts[kind] += 1
        line = self._lines.setdefault((kind, reason), _Line())
        now = self._clock()
        if now < line.silent_until:
            line.unlogged += 1
            return
        more = f" (and {line.unlogged} more since the last such line)" if line.unlogged else ""
        line.unlogged, line.silent_until = 0, now + LOG_PAUSE_SECONDS
        self._log(text + more)


class _Line:
    """What is known of the last line about incidents of one kind."""

    __slots__ = ("silent_until", "unlogged")

    def __init__(self) -> None:
        self.silent_until = float("-inf")
        self.unlogged = 0
