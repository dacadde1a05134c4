"""A recorder in memory, and the space that can be made again from what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nws_server.core.memory import MemorySpace
from nws_server.core.records import Session, Variable, Workspace
from nws_server.core.values import Value


@dataclass
class _Workspace:
    name: bytes
    alive: bool = True
    owner: tuple[int | None, bytes, bool] | None = None


@dataclass
class _Session:
    peer: bytes
    acknowledges: bool
    bindings: dict[bytes, int] = field(default_factory=dict)


@dataclass
class _Lease:
    index: int
    session: int
    seconds: float


@dataclass
class _Variable:
    """``values`` are all but those that are gone; one without a lease and not in hands is in the
    queue."""

    workspace: int
    name: bytes
    mode: bytes
    stored: int = 0
    values: dict[int, Value] = field(default_factory=dict)
    hands: dict[tuple[int, ...], int] = field(default_factory=dict)
    leases: dict[int, _Lease] = field(default_factory=dict)

    def queued(self) -> list[int]:
        taken = {index for delivery in self.hands for index in delivery}
        taken.update(lease.index for lease in self.leases.values())
        return sorted(self.values.keys() - taken)

    def forget_holder(self, index: int) -> None:
        """A value is not in hands or under a lease any more."""
        self.leases = {
            number: lease for number, lease in self.leases.items() if lease.index != index
        }
        hands = {}
        for delivery, session in self.hands.items():
            rest = tuple(each for each in delivery if each != index)
            if rest:
                hands[rest] = session
        self.hands = hands


class MemoryRecorder:
    """A `Recorder` that keeps plain data. Values are copied, since they may change later."""

    def __init__(self) -> None:
        self._sessions: dict[int, _Session] = {}
        self._workspaces: dict[int, _Workspace] = {}
        self._variables: dict[bytes, _Variable] = {}
        self._last_lease = 0

    # What is told

    def session_opened(self, session: int, peer: bytes, acknowledges: bool) -> None:
        self._sessions[session] = _Session(peer, acknowledges)

    def session_bound(self, session: int, workspace: int) -> None:
        assert self._workspaces[workspace].alive
        self._sessions[session].bindings[self._workspaces[workspace].name] = workspace

    def session_closed(self, session: int) -> None:
        del self._sessions[session]
        assert not any(session in variable.hands.values() for variable in self._variables.values())

    def workspace_made(self, workspace: int, name: bytes) -> None:
        assert workspace not in self._workspaces
        self._workspaces[workspace] = _Workspace(name)

    def workspace_owned(
        self, workspace: int, session: int | None, owner_text: bytes, persistent: bool
    ) -> None:
        self._workspaces[workspace].owner = (session, owner_text, persistent)

    def workspace_deleted(self, workspace: int) -> None:
        self._workspaces[workspace].alive = False
        assert all(variable.workspace != workspace for variable in self._variables.values())

    def variable_made(self, variable: bytes, workspace: int, name: bytes, mode: bytes) -> None:
        assert variable not in self._variables
        self._variables[variable] = _Variable(workspace, name, mode)

    def variable_deleted(self, variable: bytes) -> None:
        del self._variables[variable]

    def stored(self, variable: bytes, value: Value) -> None:
        into = self._variables[variable]
        if into.mode == b"single":
            for index in into.queued():
                del into.values[index]
        assert value.index >= into.stored
        into.stored = value.index + 1
        into.values[value.index] = _copy(value)

    def taken(self, variable: bytes, values: Sequence[Value], session: int) -> None:
        indexes = tuple(value.index for value in values)
        assert set(indexes) <= set(self._variables[variable].queued())
        self._variables[variable].hands[indexes] = session

    def leased(
        self, variable: bytes, value: Value, lease: int, session: int, seconds: float
    ) -> None:
        assert value.index in self._variables[variable].queued()
        self._variables[variable].leases[lease] = _Lease(value.index, session, seconds)
        self._last_lease = lease

    def returned(self, variable: bytes, value: Value) -> None:
        into = self._variables[variable]
        into.forget_holder(value.index)
        into.values[value.index] = _copy(value)

    def removed(self, variable: bytes, values: Sequence[Value]) -> None:
        for value in values:
            self._variables[variable].forget_holder(value.index)
            self._variables[variable].values.pop(value.index, None)

    # What can be made of it

    def rebuild(self) -> MemorySpace:
        """Make a space that holds what was told."""
        space = MemorySpace()
        books = space.books
        books.delete_workspace(books.workspaces[b"__default"])
        workspaces: dict[int, Workspace] = {}
        for number, workspace in sorted(self._workspaces.items()):
            workspaces[number] = books.make_workspace(workspace.name, number)
            if not workspace.alive:
                books.delete_workspace(workspaces[number])
        sessions: dict[int, Session] = {}
        for number, session in sorted(self._sessions.items()):
            books.last_session = number - 1
            sessions[number] = books.open_session(session.peer, session.acknowledges)
            for bound in session.bindings.values():
                books.bind(sessions[number], workspaces[bound])
        for number, workspace in sorted(self._workspaces.items()):
            if workspace.alive and workspace.owner is not None:
                owner, text, persistent = workspace.owner
                mine = None if owner is None else sessions[owner]
                books.own_workspace(workspaces[number], mine, text, persistent)
        for identity, told in sorted(self._variables.items()):
            books.last_variable = int(identity) - 1
            variable = books.make_variable(workspaces[told.workspace], told.name)
            books.set_mode(variable, told.mode)
            self._fill(space, variable, told, sessions)
        books.last_lease = self._last_lease
        return space

    def _fill(
        self,
        space: MemorySpace,
        variable: Variable,
        told: _Variable,
        sessions: dict[int, Session],
    ) -> None:
        books = space.books
        queued = set(told.queued())
        values = {index: _copy(value) for index, value in sorted(told.values.items())}
        for index, value in values.items():
            variable.stored = index
            if index in queued:
                books.store(variable, value)
            else:
                books.accept(variable, [value])
        variable.stored = told.stored
        for indexes, holder in told.hands.items():
            books.hand(sessions[holder], variable, [values[index] for index in indexes])
        for number, lease in sorted(told.leases.items()):
            books.last_lease = number - 1
            books.lease(sessions[lease.session], variable, values[lease.index], lease.seconds)


def _copy(value: Value) -> Value:
    copy = Value(value.descriptor, value.payload, value.metadata)
    copy.index = value.index
    copy.attempt = value.attempt
    return copy


def describe(space: MemorySpace) -> dict[str, Any]:
    """Describe what a space holds, without what a recorder is not told."""
    books = space.books
    return {
        "workspaces": {
            workspace.number: (
                workspace.name,
                workspace.owned,
                None if workspace.owner is None else workspace.owner.number,
                workspace.owner_text,
                workspace.persistent,
                [
                    _describe_variable(variable)
                    for variable in workspace.variables.values()
                    if variable.queue is not None
                ],
            )
            for workspace in books.workspaces.values()
        },
        "sessions": {
            number: (
                session.peer,
                session.acknowledges,
                {name: workspace.number for name, workspace in session.bindings.items()},
                {workspace.number for workspace in session.owned},
                session.leases.keys(),
                {
                    (variable.id, *(value.index for value in values))
                    for variable, values in session.hands.values()
                    if variable.workspace is not None
                },
            )
            for number, session in books.sessions.items()
        },
    }


def _describe_variable(variable: Variable) -> tuple[Any, ...]:
    values = list(variable.queue or ())
    if variable.mode == b"multi":
        values.sort(key=lambda value: value.index)
    return (
        variable.name,
        variable.id,
        variable.mode,
        variable.stored,
        variable.bytes,
        [_describe_value(value) for value in values],
        {
            lease.id: (lease.session.number, lease.attempt, _describe_value(lease.value))
            for lease in variable.leases.values()
        },
    )


def _describe_value(value: Value) -> tuple[Any, ...]:
    return (value.index, value.descriptor, value.payload, value.metadata, value.attempt)
