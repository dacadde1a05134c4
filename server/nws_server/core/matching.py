"""Matches values with the operations that wait for them.

New values, and values that come back, go to waiters first. All effects are made in the books; the
replies of waiters are only noted. `Matching.send_replies` calls them, in order, when the operation
has made its last effect. So a reply that raises finds the books whole, and keeps no other reply
from going out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from nws.errors import Status
from nws_server.core.books import MAX_TAKE_BYTES, Books
from nws_server.core.records import Lease, Session, Variable, Waiter
from nws_server.core.replies import Reply, Taken
from nws_server.core.values import Value


class Matching:
    """Serves waiters from what comes into the books.

    Attributes:
        replies: of waiters that do not wait any more: the waiter; OK, or the status of its failure;
            a value, a list of `Taken`, or the reason; the index that goes with a single value.
    """

    def __init__(self, books: Books) -> None:
        """Match what is in these books."""
        self._books = books
        self.replies: deque[tuple[Waiter, int, Any, int]] = deque()

    # Values in

    def give(self, variable: Variable, values: Sequence[Value]) -> None:
        """Store new values: serve who waits, keep the rest in the queue."""
        if (variable.finders or variable.fetchers) and values:
            values = values[self._give_to_waiters(variable, values) :]
        store = self._books.store
        for value in values:
            store(variable, value)

    def _give_to_waiters(self, variable: Variable, values: Sequence[Value]) -> int:
        """Show new values to finders and hand them to fetchers; return how many were handed out."""
        books = self._books
        queue = variable.queue
        assert queue is not None
        first, newest = variable.stored, variable.stored + len(values) - 1
        if variable.finders:
            for waiter in list(variable.finders):
                self._show(waiter, variable, values[0], first if queue.iterable else newest)
        given = 0
        while variable.fetchers and given < len(values):
            waiter = variable.fetchers.first()
            books.leave(waiter)
            waiter.variable = variable
            if waiter.limit is None:
                value = values[given]
                books.pass_on(variable, value, waiter.session)
                index = first + given if queue.iterable else newest
                self.replies.append((waiter, Status.OK, value, index))
                given += 1
            else:
                chosen = values[given : given + _share(variable, waiter.limit, values, given)]
                books.accept(variable, chosen)
                self._hand_over_to(waiter, chosen)
                given += len(chosen)
        return given

    # Values back

    def put_back(self, session: Session, variable: Variable, values: Sequence[Value]) -> None:
        """Return delivered values to their places, and to those who wait for them."""
        self._books.put_back(session, variable, values)
        self._serve(variable)

    def undo(self, leases: Iterable[Lease], *, blame: bool) -> None:
        """End leases unsettled.

        Their values return together before anyone is served, so that waiters see them in order.
        """
        chosen = list(leases)
        for lease in chosen:
            self._books.undo(lease, blame=blame)
        for variable in dict.fromkeys(lease.variable for lease in chosen):
            self._serve(variable)

    def _serve(self, variable: Variable) -> None:
        """Give values that came back to waiters, but not to finders that have seen them."""
        queue = variable.queue
        if not queue:
            return
        for waiter in list(variable.finders):
            found = queue.after(waiter.after) if queue.iterable else queue.peek()
            if found is not None:
                self._show(waiter, variable, found, variable.index_of(found))
        while queue and variable.fetchers:
            waiter = variable.fetchers.first()
            self._books.leave(waiter)
            waiter.variable = variable
            if waiter.limit is None:
                value = self._books.take(variable, waiter.session)
                self.replies.append((waiter, Status.OK, value, variable.index_of(value)))
            else:
                self._hand_over_to(waiter, self._books.collect(variable, waiter.limit))

    # Values out

    def hand_over(
        self, session: Session, variable: Variable, values: Sequence[Value], lease: float | None
    ) -> list[Taken]:
        """Deliver or lease values that were collected or accepted."""
        if lease is None:
            self._books.hand(session, variable, values)
            return [Taken(value, 0) for value in values]
        open_lease = self._books.lease
        return [Taken(value, open_lease(session, variable, value, lease)) for value in values]

    def take(
        self, session: Session, variable: Variable, reply: Reply, limit: int, lease: float | None
    ) -> None:
        """Let a session have what is in the queue, which may not be empty, and reply."""
        taken = self.hand_over(session, variable, self._books.collect(variable, limit), lease)
        try:
            reply.values(taken, variable)
        except Exception as error:
            self.not_delivered(reply, error, session, variable, taken)
            self.send_replies()

    def not_delivered(
        self,
        reply: Reply,
        error: Exception,
        session: Session,
        variable: Variable,
        taken: Sequence[Taken],
    ) -> None:
        """A reply raised an error when it was given these values: they return to their places."""
        if taken[0].lease:
            self.undo([self._books.leases[lease] for _, lease in taken], blame=False)
        else:
            self.put_back(session, variable, [value for value, _ in taken])
        reply.raised(error)

    # Waiters

    def fail(self, waiter: Waiter, status: int, reason: str) -> None:
        """End a wait without a value."""
        self._books.leave(waiter)
        self.replies.append((waiter, status, reason, 0))

    def _show(self, waiter: Waiter, variable: Variable, value: Value, index: int) -> None:
        """End the wait of a finder."""
        self._books.leave(waiter)
        waiter.variable = variable
        what = value if waiter.limit is None else [Taken(value, 0)]
        self.replies.append((waiter, Status.OK, what, index))

    def _hand_over_to(self, waiter: Waiter, values: Sequence[Value]) -> None:
        taken = self.hand_over(waiter.session, waiter.variable, values, waiter.lease)
        self.replies.append((waiter, Status.OK, taken, 0))

    def delete(self, variable: Variable, status: int, reason: str) -> None:
        """Delete a variable; who waits for it fails, fetchers before finders."""
        self._books.delete_variable(variable)
        for waiter in [*variable.fetchers, *variable.finders]:
            self.fail(waiter, status, reason)

    def expire(self, limit: int) -> None:
        """End waits and leases whose time is over, up to ``limit`` of them."""
        overdue: list[Lease] = []
        for item in islice(self._books.deadlines.pop_due(self._books.now), limit):
            if isinstance(item, Lease):
                overdue.append(item)
            else:
                self.fail(item, Status.TIMED_OUT, "no value came in time")
        self.undo(overdue, blame=True)

    # Replies

    def send_replies(self) -> None:
        """Call the replies that were noted, also those that are noted meanwhile."""
        replies = self.replies
        while replies:
            waiter, status, what, index = replies.popleft()
            reply, variable = waiter.reply, waiter.variable
            try:
                if status:
                    reply.failed(status, what)
                elif waiter.limit is None:
                    reply.value(what, index, variable)
                else:
                    reply.values(what, variable)
            except Exception as error:
                if status or not waiter.removes:
                    reply.raised(error)
                else:
                    taken = what if waiter.limit is not None else [Taken(what, 0)]
                    self.not_delivered(reply, error, waiter.session, variable, taken)


def _share(variable: Variable, limit: int, values: Sequence[Value], given: int) -> int:
    """Count how many of ``values[given:]`` one fetcher may take."""
    if len(values) - given == 1 or variable.mode == b"single":
        return 1
    end = min(given + limit, len(values))
    size = 0
    for position in range(given, end):
        if size >= MAX_TAKE_BYTES:
            return position - given
        size += values[position].size
    return end - given
