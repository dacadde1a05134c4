"""The books of a space in memory: the only place that changes what it holds.

Each method of `Books` is one effect: it keeps the totals right, tells the recorder, and calls no
reply. Two are only the first half of one: what was collected or accepted must be handed over or
leased. Which effects an operation has is decided in ``memory.py`` and ``matching.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nws_server.core.deadlines import Deadlines
from nws_server.core.queues import QUEUES
from nws_server.core.recorder import Recorder
from nws_server.core.records import (
    Lease,
    Session,
    Variable,
    Waiter,
    Workspace,
    workspace_weight,
)
from nws_server.core.values import Value

MAX_PROBED: Final = 1000
"""Variables per workspace that exist only because somebody asked for them."""

MAX_TAKE_BYTES: Final = 1024 * 1024
"""A take of several values stops once it has this much."""


class Books:
    """What a space holds.

    Attributes:
        recorder: is told of every effect; None if nobody is.
        now: the time, in seconds; set by the caller.
        memory: bytes that workspaces, variables and the values in queues, under lease and in hands
            cost, roughly.
        waiting: how many operations wait.
        sessions: by number.
        workspaces: by name.
        leases: by id.
        deadlines: of waiters and leases.
        last_workspace, last_session, last_variable, last_lease: the number given last.
    """

    def __init__(self, recorder: Recorder | None = None, max_probed: int = MAX_PROBED) -> None:
        """Start empty. ``max_probed`` bounds the variables of unknown mode that nobody waits for,
        per workspace; the oldest are deleted."""
        self.recorder = recorder
        self.now = 0.0
        self.memory = 0
        self.waiting = 0
        self.sessions: dict[int, Session] = {}
        self.workspaces: dict[bytes, Workspace] = {}
        self.leases: dict[int, Lease] = {}
        self.deadlines: Deadlines[Waiter | Lease] = Deadlines()
        self.last_session = 0
        self.last_workspace = -1
        self.last_variable = 0
        self.last_lease = 0
        self._max_probed = max_probed

    # Sessions

    def open_session(self, peer: bytes, acknowledges: bool) -> Session:
        """Begin a session."""
        self.last_session += 1
        session = Session(self.last_session, peer, acknowledges)
        self.sessions[session.number] = session
        if self.recorder is not None:
            self.recorder.session_opened(session.number, peer, acknowledges)
        return session

    def bind(self, session: Session, workspace: Workspace) -> None:
        """Let a session use a workspace."""
        session.bindings[workspace.name] = workspace
        if self.recorder is not None:
            self.recorder.session_bound(session.number, workspace.number)

    def close_session(self, session: Session) -> None:
        """End a session that owns nothing and holds nothing any more."""
        del self.sessions[session.number]
        session.bindings.clear()
        if self.recorder is not None:
            self.recorder.session_closed(session.number)

    # Workspaces

    def make_workspace(self, name: bytes, number: int) -> Workspace:
        """Add a workspace. ``number`` is larger than any before."""
        self.last_workspace = number
        self.memory += workspace_weight(name)
        workspace = self.workspaces[name] = Workspace(number, name, self.now)
        if self.recorder is not None:
            self.recorder.workspace_made(number, name)
        return workspace

    def own_workspace(
        self, workspace: Workspace, owner: Session | None, owner_text: bytes, persistent: bool
    ) -> None:
        """Set the owner of a workspace, or leave it to itself."""
        if workspace.owner is not None:
            del workspace.owner.owned[workspace]
        workspace.owned = True
        workspace.owner = owner
        workspace.owner_text = owner_text
        workspace.persistent = persistent
        if owner is not None:
            owner.owned[workspace] = None
        if self.recorder is not None:
            number = None if owner is None else owner.number
            self.recorder.workspace_owned(workspace.number, number, owner_text, persistent)

    def delete_workspace(self, workspace: Workspace) -> None:
        """Remove a workspace that has no variables any more."""
        del self.workspaces[workspace.name]
        self.memory -= workspace_weight(workspace.name)
        workspace.alive = False
        if workspace.owner is not None:
            del workspace.owner.owned[workspace]
        if self.recorder is not None:
            self.recorder.workspace_deleted(workspace.number)

    # Variables

    def make_variable(self, workspace: Workspace, name: bytes) -> Variable:
        """Add a variable of unknown mode."""
        self.last_variable += 1
        variable = Variable(self.last_variable, name, workspace)
        workspace.variables[name] = variable
        self.memory += variable.weight
        self._add_probed(workspace, name)
        return variable

    def set_mode(self, variable: Variable, mode: bytes) -> None:
        """Give a variable of unknown mode its mode, for good. Waiters are not touched."""
        variable.queue = QUEUES[mode]()
        workspace = variable.workspace
        assert workspace is not None
        workspace.probed.pop(variable.name, None)
        if self.recorder is not None:
            self.recorder.variable_made(variable.id, workspace.number, variable.name, mode)

    def delete_variable(self, variable: Variable) -> None:
        """Remove a variable with its values and leases. Its waiters remain, to leave by `leave`."""
        workspace = variable.workspace
        assert workspace is not None
        del workspace.variables[variable.name]
        workspace.probed.pop(variable.name, None)
        variable.workspace = None
        known = variable.queue is not None
        self.memory -= variable.weight + sum(value.weight for value in variable.queue or ())
        variable.queue = None  # others may still hold the variable, but not what was in it
        variable.bytes = 0
        for lease in list(variable.leases.values()):
            self._close_lease(lease)
            self.memory -= lease.value.weight
        if known and self.recorder is not None:
            self.recorder.variable_deleted(variable.id)

    def _add_probed(self, workspace: Workspace, name: bytes) -> None:
        """Note a variable of unknown mode that nobody waits for; delete the oldest of many."""
        workspace.probed[name] = None
        if len(workspace.probed) > self._max_probed:
            self.delete_variable(workspace.variables[next(iter(workspace.probed))])

    # Values in

    def store(self, variable: Variable, value: Value) -> None:
        """Put a new value into the queue."""
        queue = variable.queue
        assert queue is not None
        value.index = variable.stored
        variable.stored += 1
        replaced = queue.append(value)
        variable.bytes += value.size
        self.memory += value.weight
        if replaced is not None:
            variable.bytes -= replaced.size
            self.memory -= replaced.weight
        if self.recorder is not None:
            self.recorder.stored(variable.id, value)

    def pass_on(self, variable: Variable, value: Value, session: Session) -> None:
        """Deliver a new value straight to a session."""
        value.index = variable.stored
        variable.stored += 1
        if session.acknowledges:
            session.hands[value] = (variable, (value,))
            self.memory += value.weight
        if self.recorder is not None:
            self.recorder.stored(variable.id, value)
            _record_delivery(self.recorder, session, variable, (value,))

    def accept(self, variable: Variable, values: Sequence[Value]) -> None:
        """Number new values that `hand` or `lease` gives to somebody instead of the queue."""
        for value in values:
            value.index = variable.stored
            variable.stored += 1
            self.memory += value.weight
            if self.recorder is not None:
                self.recorder.stored(variable.id, value)

    # Values out

    def take(self, variable: Variable, session: Session) -> Value:
        """Move the value that a get sees from the queue to a session. There must be one."""
        queue = variable.queue
        assert queue is not None
        value = queue.take()
        variable.bytes -= value.size
        if session.acknowledges:
            session.hands[value] = (variable, (value,))
        else:
            self.memory -= value.weight
        if self.recorder is not None:
            _record_delivery(self.recorder, session, variable, (value,))
        return value

    def collect(self, variable: Variable, limit: int) -> list[Value]:
        """Take values out of the queue, which may not be empty, for `hand` or `lease`."""
        queue = variable.queue
        assert queue is not None
        values: list[Value] = []
        size = 0
        while queue and len(values) < limit and size < MAX_TAKE_BYTES:
            value = queue.take()
            size += value.size
            values.append(value)
        variable.bytes -= size
        return values

    def withdraw(self, variable: Variable, value: Value) -> None:
        """Remove a value from its place in the queue for good."""
        queue = variable.queue
        assert queue is not None
        queue.remove(value)
        variable.bytes -= value.size
        self.memory -= value.weight
        if self.recorder is not None:
            self.recorder.removed(variable.id, (value,))

    def hand(self, session: Session, variable: Variable, values: Sequence[Value]) -> None:
        """Deliver values that were collected or accepted.

        They are in the session's hands if it acknowledges, else gone.
        """
        if session.acknowledges:
            session.hands[values[0]] = (variable, values)
        else:
            self._discount(values)
        if self.recorder is not None:
            _record_delivery(self.recorder, session, variable, values)

    def confirm(self, session: Session, values: Sequence[Value]) -> None:
        """A delivery has arrived: its values are gone."""
        delivered = session.hands.pop(values[0], None)
        if delivered is None:
            return  # it was confirmed before
        self._discount(values)
        if self.recorder is not None:
            variable = delivered[0]
            if variable.workspace is not None:
                self.recorder.removed(variable.id, values)

    def put_back(self, session: Session, variable: Variable, values: Sequence[Value]) -> None:
        """Return delivered values, confirmed or not, to their places."""
        if session.hands.pop(values[0], None) is None:
            self.memory += sum(value.weight for value in values)
        if variable.workspace is None:
            self._discount(values)
            return
        for value in values:
            self._return(variable, value)

    def _discount(self, values: Sequence[Value]) -> None:
        """Values are gone: they cost no memory any more."""
        for value in values:
            self.memory -= value.weight

    def _return(self, variable: Variable, value: Value) -> None:
        """Put a value back into the queue. A single variable keeps the last value stored: one that
        was stored before is gone."""
        queue = variable.queue
        assert queue is not None
        if queue.mode == b"single" and value.index != variable.stored - 1:
            self.memory -= value.weight
            if self.recorder is not None:
                self.recorder.removed(variable.id, (value,))
            return
        queue.put_back(value)
        variable.bytes += value.size
        if self.recorder is not None:
            self.recorder.returned(variable.id, value)

    # Leases

    def lease(self, session: Session, variable: Variable, value: Value, seconds: float) -> int:
        """Lease a value that was collected or accepted; return the lease's id."""
        number = self.last_lease = self.last_lease + 1
        lease = Lease(number, session, variable, value, self.now)
        self.leases[number] = session.leases[number] = variable.leases[number] = lease
        self.deadlines.enter(lease, self.now + seconds)
        if self.recorder is not None:
            self.recorder.leased(variable.id, value, number, session.number, seconds)
        return number

    def renew(self, leases: Sequence[Lease], seconds: float) -> None:
        """Let leases last for this time from now."""
        self.deadlines.enter_all(leases, self.now + seconds)

    def settle(self, lease: Lease) -> None:
        """A leased value is gone for good."""
        self._close_lease(lease)
        self.memory -= lease.value.weight
        if self.recorder is not None:
            self.recorder.removed(lease.variable.id, (lease.value,))

    def undo(self, lease: Lease, *, blame: bool) -> None:
        """End a lease unsettled: its value returns to its place, counted as an attempt or not."""
        self._close_lease(lease)
        lease.value.attempt += blame
        self._return(lease.variable, lease.value)

    def _close_lease(self, lease: Lease) -> None:
        number = lease.id
        del self.leases[number]
        del lease.session.leases[number]
        del lease.variable.leases[number]
        lease.deadline = None

    # Waiting

    def wait(self, waiter: Waiter, timeout: float | None) -> None:
        """Add a waiter to its line."""
        self._join(waiter, waiter.variable)
        self.waiting += 1
        waiter.since = self.now
        if timeout is not None:
            self.deadlines.enter(waiter, self.now + timeout)

    def wait_also(self, waiter: Waiter, variable: Variable) -> None:
        """Add a waiter to the line of another variable too."""
        waiter.also.append(variable)
        self._join(waiter, variable)

    def _join(self, waiter: Waiter, variable: Variable) -> None:
        if variable.queue is None and variable.workspace is not None:
            variable.workspace.probed.pop(variable.name, None)
        variable.line_for(waiter).join(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter from its line, in O(1), and from the lines of other variables."""
        waiter.deadline = None
        self.waiting -= 1
        self._leave(waiter, waiter.variable)
        for variable in waiter.also:
            self._leave(waiter, variable)

    def _leave(self, waiter: Waiter, variable: Variable) -> None:
        line = variable.fetchers if waiter.removes else variable.finders
        line.leave(waiter)
        workspace = variable.workspace
        if (
            variable.queue is None
            and workspace is not None
            and not (variable.fetchers or variable.finders)
        ):
            self._add_probed(workspace, variable.name)


def _record_delivery(
    recorder: Recorder, session: Session, variable: Variable, values: Sequence[Value]
) -> None:
    if session.acknowledges:
        recorder.taken(variable.id, values, session.number)
    else:
        recorder.removed(variable.id, values)
