"""Leases: values that were taken but can still come back.

A lease is in the books from the take until it is settled, given back, expired, or its variable is
gone. This module keeps the books; what a lease's end does to the variable is the space's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nws_server.core.values import Value

if TYPE_CHECKING:
    from nws_server.core.sessions import Session
    from nws_server.core.variables import Variable


class Lease:
    """One value in somebody's hands.

    Attributes:
        id: a number that is never used again.
        attempt: 1 for the first lease of the value, and one more each time it came back.
        since: when it was taken, in seconds of the space's time.
        deadline: when it goes back by itself.
    """

    __slots__ = (
        "__weakref__",
        "attempt",
        "deadline",
        "id",
        "session",
        "since",
        "value",
        "variable",
    )

    def __init__(
        self, number: int, session: Session, variable: Variable, value: Value, since: float
    ) -> None:
        self.id = number
        self.session = session
        self.variable = variable
        self.value = value
        self.attempt = value.attempt + 1
        self.since = since
        self.deadline: float | None = None


class LeaseBook:
    """All leases: by id, by holder and by variable."""

    def __init__(self) -> None:
        self._by_id: dict[int, Lease] = {}
        self._last_id = 0

    def open(self, session: Session, variable: Variable, value: Value, now: float) -> Lease:
        """Enter a lease of a value that was just taken."""
        self._last_id += 1
        lease = Lease(self._last_id, session, variable, value, now)
        self._by_id[lease.id] = lease
        session.leases[lease.id] = lease
        variable.leases[lease.id] = lease
        return lease

    def close(self, lease: Lease) -> None:
        """Strike a lease out of the books."""
        del self._by_id[lease.id]
        del lease.session.leases[lease.id]
        del lease.variable.leases[lease.id]
        lease.deadline = None

    def held(self, session: Session, ids: Sequence[int]) -> tuple[list[Lease], list[int]]:
        """Look up leases of a session: those it holds, and the ids that it does not hold."""
        found = [session.leases.get(number) for number in dict.fromkeys(ids)]
        leases = [lease for lease in found if lease is not None]
        lost = [number for number in dict.fromkeys(ids) if number not in session.leases]
        return leases, lost

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._by_id.values())
