"""The views of a space in memory; what they promise is said in ``views.py``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from nws_server.core.books import Books
from nws_server.core.records import Variable, Workspace
from nws_server.core.values import Value
from nws_server.core.views import (
    LeaseView,
    VariableEntry,
    VariableView,
    WaiterView,
    WorkspaceView,
)


class MemoryViews:
    """Views of what is in the books."""

    def __init__(self, books: Books) -> None:
        """Look into these books."""
        self._books = books

    def totals(self) -> dict[str, int]:
        held = [v for ws in self._books.workspaces.values() for v in ws.variables.values()]
        return {
            "workspaces": len(self._books.workspaces),
            "variables": len(held),
            "values": sum(len(variable.queue or ()) for variable in held),
            "bytes": sum(variable.bytes for variable in held),
            "leases": len(self._books.leases),
            "waiting": self._books.waiting,
            "memory": self._books.memory,
        }

    def workspaces(self) -> list[WorkspaceView]:
        return [_view_workspace(workspace) for workspace in self._books.workspaces.values()]

    def workspace(self, ws: bytes) -> WorkspaceView | None:
        workspace = self._books.workspaces.get(ws)
        return None if workspace is None else _view_workspace(workspace)

    def variables(self, ws: bytes) -> Sequence[VariableEntry]:
        workspace = self._books.workspaces.get(ws)
        return [] if workspace is None else list(workspace.variables.values())

    def variable(self, ws: bytes, var: bytes) -> VariableView | None:
        variable = self._find(ws, var)
        return None if variable is None else self.view(variable)

    def view(self, variable: VariableEntry) -> VariableView:
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
        return [
            (variable.id, len(variable.queue) if variable.queue else 0)
            for workspace in self._books.workspaces.values()
            for variable in workspace.variables.values()
        ]

    def values(self, ws: bytes, var: bytes, start: int, count: int) -> Sequence[Value]:
        variable = self._find(ws, var)
        return () if variable is None or not variable.queue else variable.queue.window(start, count)

    def value(self, ws: bytes, var: bytes, index: int) -> Value | None:
        variable = self._find(ws, var)
        return None if variable is None or not variable.queue else variable.queue.with_index(index)

    def waiters(self, ws: bytes, var: bytes, count: int) -> list[WaiterView]:
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

    def leased_values(self, ws: bytes, var: bytes, count: int) -> list[Value]:
        variable = self._find(ws, var)
        leases = () if variable is None else reversed(variable.leases.values())
        return [lease.value for lease in islice(leases, count)]

    def _find(self, ws: bytes, var: bytes) -> Variable | None:
        workspace = self._books.workspaces.get(ws)
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
