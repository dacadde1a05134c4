"""What a space in memory consists of: sessions, workspaces, variables, waiters and leases.

They refer to each other, so they are in one file. They only hold data: `books.Books` alone changes
it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from nws_server.core.queues import Queue
from nws_server.core.replies import Reply
from nws_server.core.values import Value
from nws_server.core.waiting_line import WaitingLine

WORKSPACE_OVERHEAD_BYTES: Final = 500
"""Memory that an empty workspace costs beside its name, for the memory limit (CPython 3.11)."""

VARIABLE_OVERHEAD_BYTES: Final = 1000
"""Memory that an empty variable costs beside its name, likewise."""

UNKNOWN_MODE: Final = b"unknown"
"""The mode of a variable that was neither declared nor given a value."""

_EMPTY_LINE: Final[WaitingLine[Any]] = WaitingLine()
"""The line of every variable that nobody has waited for; it is never joined."""


class Session:
    """One client of the space, which is not one connection: several may share a session.

    Attributes:
        number: counts sessions from 1.
        peer: the client's address, as shown in listings.
        acknowledges: whether values delivered to it stay in ``hands`` until they are confirmed.
        bindings: the workspaces that it opened or used, by name. A binding stays to the very
            workspace it was made to, even when that is deleted and the name used again.
        owned: the workspaces that are deleted at its end, unless they are persistent.
        leases: what it holds under lease, by id.
        hands: what was delivered to it and is not confirmed, by the first value of each delivery.
    """

    __slots__ = ("acknowledges", "bindings", "hands", "leases", "number", "owned", "peer")

    def __init__(self, number: int, peer: bytes, acknowledges: bool) -> None:
        self.number = number
        self.peer = peer
        self.acknowledges = acknowledges
        self.bindings: dict[bytes, Workspace] = {}
        self.owned: dict[Workspace, None] = {}
        self.leases: dict[int, Lease] = {}
        self.hands: dict[Value, tuple[Variable, Sequence[Value]]] = {}


class Workspace:
    """One workspace. Deleted and made again under its name, it is another one.

    Attributes:
        number: no other workspace of this server has or had it.
        name: as clients spell it.
        created: when it was made, in seconds of the space's time.
        alive: False once it was deleted; bindings to it are then dead.
        owned: whether a session ever became its owner.
        owner: the session at whose end it is deleted or kept, or None.
        owner_text: who owns it, or owned it, for listings.
        persistent: it stays when its owner leaves.
        variables: by name.
        probed: names of the variables of unknown mode that nobody waits for, oldest first.
    """

    __slots__ = (
        "alive",
        "created",
        "name",
        "number",
        "owned",
        "owner",
        "owner_text",
        "persistent",
        "probed",
        "variables",
    )

    def __init__(self, number: int, name: bytes, created: float = 0.0) -> None:
        self.number = number
        self.name = name
        self.created = created
        self.alive = True
        self.owned = False
        self.owner: Session | None = None
        self.owner_text = b""
        self.persistent = False
        self.variables: dict[bytes, Variable] = {}
        self.probed: OrderedDict[bytes, None] = OrderedDict()


class Variable:
    """One variable of a workspace; a `Place`.

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

    def __init__(self, number: int, name: bytes, workspace: Workspace) -> None:
        self.name = name
        self.id = b"%020d" % number
        self.workspace: Workspace | None = workspace
        self.queue: Queue | None = None
        self.stored = 0
        self.bytes = 0
        self.weight = variable_weight(name)
        self.fetchers: WaitingLine[Waiter] = _EMPTY_LINE
        self.finders: WaitingLine[Waiter] = _EMPTY_LINE
        self.leases: dict[int, Lease] = {}

    @property
    def mode(self) -> bytes:
        """The mode as clients spell it."""
        return UNKNOWN_MODE if self.queue is None else self.queue.mode

    def index_of(self, value: Value) -> int:
        """Return the index that a reply reports for a value.

        Lifo and multi cannot be iterated; for them the original reports the place that the value
        has at this moment, counted like an index, which for the newest is this.
        """
        queue = self.queue
        return value.index if queue is None or queue.iterable else self.stored - 1

    def line_for(self, waiter: Waiter) -> WaitingLine[Waiter]:
        """Return the line that a waiter stands in, or would join."""
        if waiter.removes:
            if self.fetchers is _EMPTY_LINE:
                self.fetchers = WaitingLine()
            return self.fetchers
        if self.finders is _EMPTY_LINE:
            self.finders = WaitingLine()
        return self.finders


class Waiter:
    """One operation that waits for a value.

    Attributes:
        session: on whose behalf.
        reply: where the answer goes.
        variable: where it waits; once it is served, where its value came from.
        also: other variables where it waits too.
        removes: whether it stands in the line of the fetchers, not of the finders.
        limit: the most values it takes, or None for an operation that answers with a single one.
        lease: seconds for which it leases what it takes, or None.
        after: the last index of an iterator that finds; a value that comes *back* must be newer to
            satisfy it.
        since: when it began to wait.
        deadline: when it gives up, or None.
    """

    __slots__ = (
        "__weakref__",
        "after",
        "also",
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
        self.also: list[Variable] = []
        self.removes = removes
        self.limit = limit
        self.lease = lease
        self.after = after
        self.since = 0.0
        self.deadline: float | None = None


class Lease:
    """A value that was taken but comes back unless it is settled.

    Attributes:
        id: a number that is never used again.
        session: who holds it.
        variable: where the value comes from.
        value: what was taken.
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


def workspace_weight(name: bytes) -> int:
    """Return the bytes of memory that a workspace costs, without its variables."""
    return WORKSPACE_OVERHEAD_BYTES + len(name)


def variable_weight(name: bytes) -> int:
    """Return the bytes of memory that a variable costs, without its values."""
    return VARIABLE_OVERHEAD_BYTES + len(name)
