"""Where stores meet gets: values move between queues, waiting lines and leases, and are counted.

Everything that changes what a variable holds goes through here: `give` (new values), `collect`
(values out of the queue), `put_back` (values return), `undo` (leases end unsettled) and `forget` (a
variable goes). Names, sessions' bindings and refusals are the business of ``memory.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from nws.errors import Status
from nws_server.core.deadlines import Deadlines
from nws_server.core.leases import Lease, LeaseBook
from nws_server.core.space import Taken, Value, Waiter
from nws_server.core.variables import Variable

MAX_TAKE_BYTES: Final = 1024 * 1024
"""A take of several values stops once it has this much."""


class Books:
    """The books of a space in memory.

    Attributes:
        now: the time, in seconds; set by the caller.
        memory: bytes that the values in queues and under lease cost, roughly.
        waiting: how many operations wait.
        leases: all leases.
        deadlines: of waiters and leases.
    """

    def __init__(self, on_unwatched: Callable[[Variable], None]) -> None:
        """Start empty. ``on_unwatched`` is told when the last waiter leaves a variable whose mode
        is still unknown."""
        self.now = 0.0
        self.memory = 0
        self.waiting = 0
        self.leases = LeaseBook()
        self.deadlines = Deadlines()
        self._on_unwatched = on_unwatched

    def give(self, variable: Variable, values: Sequence[Value]) -> None:
        """New values: number them, serve who waits, keep the rest."""
        for value in values:
            variable.number(value)
        if variable.finders and values:
            for waiter in list(variable.finders):
                self.cancel(waiter)
                waiter.reply.value(values[0], variable)
        given = 0
        while variable.fetchers and given < len(values):
            waiter = variable.fetchers.first()
            share = _share(variable, waiter.limit, values, given)
            self.cancel(waiter)
            self.hand_over(waiter, values[given : given + share])
            given += share
        for value in values[given:]:
            replaced = variable.keep(value)
            self.memory += value.weight
            if replaced is not None:
                self.memory -= replaced.weight

    def collect(self, variable: Variable, limit: int) -> list[Value]:
        """Take values out of the queue: at least one, up to a number and a total size."""
        values: list[Value] = []
        size = 0
        while variable.queue and len(values) < limit and size < MAX_TAKE_BYTES:
            value = variable.take()
            self.memory -= value.weight
            size += value.size
            values.append(value)
        return values

    def hand_over(self, waiter: Waiter, values: Sequence[Value]) -> None:
        """Answer a fetcher that stands in no line any more, or never did."""
        variable = waiter.variable
        if waiter.limit is None:
            waiter.reply.value(values[0], variable)
        elif waiter.lease is None:
            waiter.reply.values([Taken(value, 0) for value in values], variable)
        else:
            taken = []
            for value in values:
                lease = self.leases.open(waiter.session, variable, value, self.now)
                self.memory += value.weight
                self.deadlines.enter(lease, self.now + waiter.lease)
                taken.append(Taken(value, lease.id))
            waiter.reply.values(taken, variable)

    def put_back(self, variable: Variable, values: Sequence[Value]) -> None:
        """Values that were taken return to their places, and to those who wait for them."""
        if variable.workspace is None:
            return
        # The last one taken returns first, so that each goes to the end of the queue's list.
        for value in reversed(values):
            if variable.put_back(value):
                self.memory += value.weight
        if variable.finders or variable.fetchers:
            self._serve(variable)

    def _serve(self, variable: Variable) -> None:
        """Give values that came back to those who wait, but not to finders that saw them."""
        queue = variable.queue
        if not queue:
            return
        for waiter in list(variable.finders):
            found = queue.after(waiter.after) if queue.iterable else queue.peek()
            if found is not None:
                self.cancel(waiter)
                waiter.reply.value(found, variable)
        while queue and variable.fetchers:
            waiter = variable.fetchers.first()
            self.cancel(waiter)
            self.hand_over(waiter, self.collect(variable, waiter.limit or 1))

    def undo(self, leases: Iterable[Lease], *, blame: bool) -> None:
        """End leases unsettled.

        The values of one variable return together, so that those who wait are served in order.
        """
        returning: dict[Variable, list[Value]] = {}
        for lease in list(leases):
            self.close_lease(lease)
            lease.value.attempt += blame
            returning.setdefault(lease.variable, []).append(lease.value)
        for variable, values in returning.items():
            self.put_back(variable, values)

    def close_lease(self, lease: Lease) -> None:
        """Strike a lease and its value out of the books."""
        self.leases.close(lease)
        self.memory -= lease.value.weight

    def wait(self, waiter: Waiter, timeout: float | None) -> None:
        """Stand in line."""
        waiter.variable.line_for(waiter).join(waiter)
        self.waiting += 1
        waiter.since = self.now
        if timeout is not None:
            self.deadlines.enter(waiter, self.now + timeout)

    def cancel(self, waiter: Waiter) -> None:
        """Leave the line, in O(1)."""
        variable = waiter.variable
        variable.line_for(waiter).leave(waiter)
        waiter.deadline = None
        self.waiting -= 1
        if variable.queue is None and not (variable.fetchers or variable.finders):
            self._on_unwatched(variable)

    def expire(self) -> None:
        """End the waits and the leases whose time is over."""
        overdue: list[Lease] = []
        for item in self.deadlines.pop_due(self.now):
            if isinstance(item, Lease):
                overdue.append(item)
            elif isinstance(item, Waiter):
                self.cancel(item)
                item.reply.failed(Status.TIMED_OUT, "no value came in time")
        self.undo(overdue, blame=True)

    def forget(self, variable: Variable, reason: str) -> None:
        """A variable goes: fetchers and then finders fail, values and leases are dropped."""
        variable.workspace = None
        self.memory -= sum(value.weight for value in variable.queue or ())
        variable.clear()  # others may still hold the variable, but not what was in it
        for waiter in [*variable.fetchers, *variable.finders]:
            self.cancel(waiter)
            waiter.reply.failed(Status.FAILED, reason)
        for lease in list(variable.leases.values()):
            self.close_lease(lease)


def _share(variable: Variable, limit: int | None, values: Sequence[Value], given: int) -> int:
    """Count how many new values one fetcher may take, when so many are given away already."""
    if limit is None or variable.mode == b"single":
        return 1
    end = min(given + limit, len(values))
    size = 0
    for place in range(given, end):
        if size >= MAX_TAKE_BYTES:
            return place - given
        size += values[place].size
    return end - given
