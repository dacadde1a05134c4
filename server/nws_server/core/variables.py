"""A variable: its queue of values, its two waiting lines, its leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nws_server.core.queues import QUEUES, Queue
from nws_server.core.values import Value
from nws_server.core.waiters import Waiter, WaitingLine

if TYPE_CHECKING:
    from nws_server.core.leases import Lease
    from nws_server.core.workspaces import Workspace

OVERHEAD: Final = 1000
"""Bytes of memory that an empty variable costs, for the memory limit, beside its name (CPython
3.11)."""

UNKNOWN: Final = b"unknown"
_NOBODY: Final = WaitingLine()
"""The line of every variable that nobody waits for; it is never joined."""


def weight_of(name: bytes) -> int:
    """Return what a variable of this name would cost."""
    return OVERHEAD + len(name)


class Variable:
    """One variable of a workspace.

    Attributes:
        name: as clients spell it.
        id: twenty digits that no other variable of this server has or had.
        workspace: where it lives; None once it was deleted.
        queue: its values; None while the mode is unknown, and once it was deleted.
        stored: how many values it was ever given; the next one's index.
        bytes: total size of the values in the queue.
        weight: bytes of memory that it costs without its values.
        fetchers, finders: who waits for a value.
        leases: values that were taken from here and may come back, by lease id.
    """

    __slots__ = (
        "bytes",
        "fetchers",
        "finders",
        "id",
        "leases",
        "name",
        "queue",
        "stored",
        "weight",
        "workspace",
    )

    def __init__(self, name: bytes, number: int, workspace: Workspace) -> None:
        self.name = name
        self.id = b"%020d" % number
        self.workspace: Workspace | None = workspace
        self.queue: Queue | None = None
        self.stored = 0
        self.bytes = 0
        self.weight = weight_of(name)
        self.fetchers = _NOBODY
        self.finders = _NOBODY
        self.leases: dict[int, Lease] = {}

    @property
    def mode(self) -> bytes:
        """The mode as clients spell it."""
        return UNKNOWN if self.queue is None else self.queue.mode

    def set_mode(self, mode: bytes) -> None:
        """Give an unknown variable its mode, for good. Waiters are not touched."""
        self.queue = QUEUES[mode]()

    def number(self, value: Value) -> None:
        """Give a newly stored value its index."""
        value.index = self.stored
        self.stored += 1

    def index_of(self, value: Value) -> int:
        """Return the index that a reply reports for a value.

        Lifo and multi cannot be iterated; for them the original reports the place that the value
        has at this moment, counted like an index, which for the newest is this.
        """
        queue = self.queue
        return value.index if queue is None or queue.iterable else self.stored - 1

    def keep(self, value: Value) -> Value | None:
        """Put a new value into the queue; return the one that it replaced, if any."""
        assert self.queue is not None
        replaced = self.queue.append(value)
        self.bytes += value.size
        if replaced is not None:
            self.bytes -= replaced.size
        return replaced

    def take(self) -> Value:
        """Remove the value that a get sees. There must be one."""
        assert self.queue is not None
        value = self.queue.take()
        self.bytes -= value.size
        return value

    def put_back(self, value: Value) -> bool:
        """Return a taken value to its place, unless it has none any more.

        A single variable keeps the last value stored: one that was stored before is not wanted
        back.
        """
        queue = self.queue
        assert queue is not None
        if queue.mode == b"single" and value.index != self.stored - 1:
            return False
        queue.put_back(value)
        self.bytes += value.size
        return True

    def clear(self) -> None:
        """Drop the values, for good."""
        self.queue = None
        self.bytes = 0

    def line_for(self, waiter: Waiter) -> WaitingLine:
        """Return the line that a waiter stands in, or would join."""
        if waiter.removes:
            if self.fetchers is _NOBODY:
                self.fetchers = WaitingLine()
            return self.fetchers
        if self.finders is _NOBODY:
            self.finders = WaitingLine()
        return self.finders
