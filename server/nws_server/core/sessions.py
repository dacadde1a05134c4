"""A session: the party that owns workspaces, holds bindings and leases. Not a connection.

For an original client a session is one connection. Several connections of ours may share one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nws_server.core.leases import Lease
    from nws_server.core.workspaces import Workspace


class Session:
    """One client of the space.

    Attributes:
        number: counts sessions from 1.
        peer: the client's address, as shown in listings.
        bindings: the workspaces that it opened or used, by name. A binding stays to the very
            workspace it was made to, even when that is deleted and the name used anew.
        owned: the workspaces that go when it goes, unless they are persistent.
        leases: what it holds, by id.
    """

    __slots__ = ("bindings", "leases", "number", "owned", "peer")

    def __init__(self, number: int, peer: bytes) -> None:
        self.number = number
        self.peer = peer
        self.bindings: dict[bytes, Workspace] = {}
        self.owned: dict[Workspace, None] = {}
        self.leases: dict[int, Lease] = {}
