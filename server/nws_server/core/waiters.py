"""Clients that wait for a value, and the fair line that they stand in."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nws_server.core.sessions import Session
    from nws_server.core.space import Reply
    from nws_server.core.variables import Variable


class Waiter:
    """One blocked operation.

    Attributes:
        session: on whose behalf.
        reply: where the answer goes.
        variable: where it waits.
        removes: whether it stands in the line of the fetchers, not of the finders.
        limit: the most values it takes, or None for an operation that answers with one.
        lease: seconds for which it leases what it takes, or None.
        after: the last index of an iterator that finds; a value that comes *back* must be newer to
            satisfy it.
        since: when it began to wait.
        deadline: when it gives up, or None.
    """

    __slots__ = (
        "__weakref__",
        "after",
        "deadline",
        "lease",
        "limit",
        "removes",
        "reply",
        "session",
        "since",
        "variable",
    )

    def __init__(
        self,
        session: Session,
        reply: Reply,
        variable: Variable,
        *,
        removes: bool,
        limit: int | None = None,
        lease: float | None = None,
        after: int = -1,
    ) -> None:
        self.session = session
        self.reply = reply
        self.variable = variable
        self.removes = removes
        self.limit = limit
        self.lease = lease
        self.after = after
        self.since = 0.0
        self.deadline: float | None = None


class WaitingLine(OrderedDict[Waiter, None]):
    """Waiters in the order in which they came; anyone may leave at O(1).

    An OrderedDict because it is a linked list with an index: a plain dict would have to step over
    the places of all who left the front.
    """

    __slots__ = ()

    def join(self, waiter: Waiter) -> None:
        """Stand at the end."""
        self[waiter] = None

    def leave(self, waiter: Waiter) -> None:
        """Step out, from anywhere in the line."""
        del self[waiter]

    def first(self) -> Waiter:
        """Return who came first. The line may not be empty."""
        return next(iter(self))
