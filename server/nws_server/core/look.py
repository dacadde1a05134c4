"""What a space in memory holds, as people want to see it. Nothing here changes anything.

Views are plain data. Numbers of values cost time that grows with the number of variables only,
never with that of values; so does everything else here, but for what is said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from nws_server.core.books import Books
from nws_server.core.values import Value
from nws_server.core.variables import Variable
from nws_server.core.workspaces import Workspace

__all__ = ["LeaseView", "Look", "VariableView", "WaiterView", "WorkspaceView"]


class WorkspaceView(NamedTuple):
    """A workspace. Times are in seconds of the space's time."""

    name: bytes
    owner: bytes
    """Empty if nobody ever owned it."""
    persistent: bool
    created: float
    variables: int
    values: int
    bytes: int
    leased: int
    waiting: int


class VariableView(NamedTuple):
    """A variable."""

    name: bytes
    id: bytes
    mode: bytes
    values: int
    leased: int
    fetchers: int
    finders: int
    bytes: int
    stored: int
    """How many values it was ever given."""


class WaiterView(NamedTuple):
    """Somebody who waits for a value."""

    peer: bytes
    session: int
    removes: bool
    """Whether it takes the value away."""
    since: float
    deadline: float | None


class LeaseView(NamedTuple):
    """A value that somebody has taken but not settled."""

    id: int
    peer: bytes
    session: int
    attempt: int
    since: float
    deadline: float | None
    size: int


class Look:
    """The door for those who only look. Unknown names are None, or nothing."""

    def __init__(self, workspaces: Mapping[bytes, Workspace], exchange: Books) -> None:
        """Look at the workspaces of a space, and into its books."""
        self._workspaces = workspaces
        self._exchange = exchange

    def totals(self) -> dict[str, int]:
        """Count what is held: workspaces, variables, values, bytes, leases, waiting, memory."""
        held = [v for ws in self._workspaces.values() for v in ws.variables.values()]
        return {
            "workspaces": len(self._workspaces),
            "variables": len(held),
            "values": sum(len(variable.queue or ()) for variable in held),
            "bytes": sum(variable.bytes for variable in held),
            "leases": len(self._exchange.leases),
            "waiting": self._exchange.waiting,
            "memory": self._exchange.memory,
        }

    def workspaces(self) -> list[WorkspaceView]:
        """List the workspaces, in the order in which they were made."""
        return [_view_workspace(workspace) for workspace in self._workspaces.values()]

    def workspace(self, ws: bytes) -> WorkspaceView | None:
        """Look at one workspace."""
        workspace = self._workspaces.get(ws)
        return None if workspace is None else _view_workspace(workspace)

    def variables(self, ws: bytes) -> list[Variable]:
        """List the variables of a workspace, in the order in which they were made.

        They are the variables themselves, since views of very many would take long to make: to be
        counted and sorted, not to be touched.
        """
        workspace = self._workspaces.get(ws)
        return [] if workspace is None else list(workspace.variables.values())

    def variable(self, ws: bytes, var: bytes) -> VariableView | None:
        """Look at one variable."""
        variable = self._find(ws, var)
        return None if variable is None else self.view(variable)

    def view(self, variable: Variable) -> VariableView:
        """Look at a variable that was listed."""
        return VariableView(
            variable.name,
            variable.id,
            variable.mode,
            len(variable.queue or ()),
            len(variable.leases),
            len(variable.fetchers),
            len(variable.finders),
            variable.bytes,
            variable.stored,
        )

    def depths(self) -> list[tuple[bytes, int]]:
        """List the ids of all variables, and how many values each holds."""
        return [
            (variable.id, len(variable.queue) if variable.queue else 0)
            for workspace in self._workspaces.values()
            for variable in workspace.variables.values()
        ]

    def values(self, ws: bytes, var: bytes, start: int, count: int) -> Sequence[Value]:
        """Return so many values from a place on, in the order in which they would be taken."""
        variable = self._find(ws, var)
        return () if variable is None or not variable.queue else variable.queue.window(start, count)

    def value(self, ws: bytes, var: bytes, index: int) -> Value | None:
        """Return the value with an index. In a multi variable the search takes time that grows
        with the number of values."""
        variable = self._find(ws, var)
        return None if variable is None or not variable.queue else variable.queue.with_index(index)

    def waiters(self, ws: bytes, var: bytes, count: int) -> list[WaiterView]:
        """Return the first so many who wait: fetchers before finders, each in their order."""
        variable = self._find(ws, var)
        if variable is None:
            return []
        return [
            WaiterView(
                each.session.peer, each.session.number, each.removes, each.since, each.deadline
            )
            for each in islice(chain(variable.fetchers, variable.finders), count)
        ]

    def leases(self, ws: bytes, var: bytes, count: int) -> list[LeaseView]:
        """Return the first so many leases, oldest first."""
        variable = self._find(ws, var)
        if variable is None:
            return []
        return [
            LeaseView(
                lease.id,
                lease.session.peer,
                lease.session.number,
                lease.attempt,
                lease.since,
                lease.deadline,
                lease.value.size,
            )
            for lease in islice(variable.leases.values(), count)
        ]

    def _find(self, ws: bytes, var: bytes) -> Variable | None:
        workspace = self._workspaces.get(ws)
        return None if workspace is None else workspace.variables.get(var)


def _view_workspace(workspace: Workspace) -> WorkspaceView:
    values = size = leased = waiting = 0
    for variable in workspace.variables.values():
        if variable.queue:
            values += len(variable.queue)
            size += variable.bytes
        leased += len(variable.leases)
        waiting += len(variable.fetchers) + len(variable.finders)
    return WorkspaceView(
        workspace.name,
        workspace.owner_text,
        workspace.persistent,
        workspace.created,
        len(workspace.variables),
        values,
        size,
        leased,
        waiting,
    )
