"""The seam for durability: what is told of every change of what a space holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nws_server.core.values import Value


class Recorder(Protocol):
    """Is told of every effect in the order in which they happen, before any reply goes out.

    An effect is told by the ids of what it changes and by absolute values, never as an operation:
    who replays what was told needs no chance, no clock and no knowledge of who waited.

    A value is known by its variable's id and its own ``index``. It is always in exactly one state:
    in the queue, in a session's hands, under a lease, or gone. The end of a session, workspace or
    variable is told when nothing depends on it any more, but for values: those of a deleted
    variable are gone without further words.

    Not told: who waits, renewals of leases, and variables of unknown mode, which hold nothing.
    """

    # Sessions

    def session_opened(self, session: int, peer: bytes, acknowledges: bool) -> None:
        """A session began."""

    def session_bound(self, session: int, workspace: int) -> None:
        """A session's binding of the workspace's name leads to this workspace from now on."""

    def session_closed(self, session: int) -> None:
        """A session is over. It owns nothing and holds nothing any more."""

    # Workspaces

    def workspace_made(self, workspace: int, name: bytes) -> None:
        """There is a new workspace."""

    def workspace_owned(
        self, workspace: int, session: int | None, owner_text: bytes, persistent: bool
    ) -> None:
        """A workspace has this owner from now on; none if it was left to itself."""

    def workspace_deleted(self, workspace: int) -> None:
        """A workspace is gone; its variables were deleted before. Bindings to it are dead."""

    # Variables

    def variable_made(self, variable: bytes, workspace: int, name: bytes, mode: bytes) -> None:
        """A variable has a mode, and so can hold values, from now on."""

    def variable_deleted(self, variable: bytes) -> None:
        """A variable is gone, with its values and their leases."""

    # Values

    def stored(self, variable: bytes, value: Value) -> None:
        """A new value is in the queue. In a ``single`` variable the queue's other value is gone."""

    def taken(self, variable: bytes, values: Sequence[Value], session: int) -> None:
        """Values went from the queue into a session's hands, as one delivery."""

    def leased(
        self, variable: bytes, value: Value, lease: int, session: int, seconds: float
    ) -> None:
        """A value went from the queue under a lease."""

    def returned(self, variable: bytes, value: Value) -> None:
        """A value is in the queue again, with this ``attempt``. Its lease is over.

        It came from hands, from a lease, or (see `Space.put_back`) was gone already.
        """

    def removed(self, variable: bytes, values: Sequence[Value]) -> None:
        """Values are gone for good, from wherever they were. Their leases are over."""
