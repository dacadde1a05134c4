"""What people can see of a space. Looking changes nothing.

Views are plain data. Numbers of values cost time that grows with the number of variables only,
never with that of values; so does everything else here, but for what is said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import NamedTuple, Protocol

from nws_server.core.values import Value

__all__ = ["LeaseView", "VariableEntry", "VariableView", "Views", "WaiterView", "WorkspaceView"]


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
    """An operation that waits for a value."""

    peer: bytes
    session: int
    removes: bool
    """Whether it takes the value away."""
    since: float
    deadline: float | None


class LeaseView(NamedTuple):
    """A value under lease."""

    id: int
    peer: bytes
    session: int
    attempt: int
    since: float
    deadline: float | None
    size: int


class VariableEntry(Protocol):
    """A variable in a long list, as it is at this moment: to be counted and sorted."""

    @property
    def name(self) -> bytes: ...
    @property
    def id(self) -> bytes: ...
    @property
    def mode(self) -> bytes: ...
    @property
    def queue(self) -> Sized | None:
        """Its values."""

    @property
    def leases(self) -> Sized: ...
    @property
    def fetchers(self) -> Sized: ...
    @property
    def finders(self) -> Sized: ...
    @property
    def bytes(self) -> int: ...
    @property
    def stored(self) -> int: ...


class Views(Protocol):
    """Everything that can be seen. An unknown name gives None, or an empty list."""

    def totals(self) -> dict[str, int]:
        """Count what is held: workspaces, variables, values, bytes, leases, waiting, memory."""

    def workspaces(self) -> list[WorkspaceView]:
        """List the workspaces, in the order in which they were made."""

    def workspace(self, ws: bytes) -> WorkspaceView | None:
        """View one workspace."""

    def variables(self, ws: bytes) -> Sequence[VariableEntry]:
        """List the variables of a workspace, in the order in which they were made.

        Views of very many would take long to make, so these are no copies.
        """

    def variable(self, ws: bytes, var: bytes) -> VariableView | None:
        """View one variable."""

    def view(self, variable: VariableEntry) -> VariableView:
        """View a variable that was listed."""

    def depths(self) -> list[tuple[bytes, int]]:
        """List the ids of all variables, and how many values each holds."""

    def values(self, ws: bytes, var: bytes, start: int, count: int) -> Sequence[Value]:
        """Return up to ``count`` values from position ``start`` on, in the order in which they
        would be taken."""

    def value(self, ws: bytes, var: bytes, index: int) -> Value | None:
        """Return the value with an index. In a multi variable the search takes time that grows
        with the number of values."""

    def waiters(self, ws: bytes, var: bytes, count: int) -> list[WaiterView]:
        """Return the first ``count`` waiters: fetchers before finders, each in their order."""

    def leases(self, ws: bytes, var: bytes, count: int) -> list[LeaseView]:
        """Return the first ``count`` leases, oldest first."""

    def leased_values(self, ws: bytes, var: bytes, count: int) -> list[Value]:
        """Return the ``count`` values that were leased last, newest first."""
