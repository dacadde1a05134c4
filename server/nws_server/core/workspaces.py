"""A workspace: variables under names, and who owns it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nws_server.core.sessions import Session
    from nws_server.core.variables import Variable

OVERHEAD: Final = 500
"""Bytes of memory that an empty workspace costs, for the memory limit, beside its name (CPython
3.11)."""


def weight_of(name: bytes) -> int:
    """Return what a workspace of this name would cost, without its variables."""
    return OVERHEAD + len(name)


class Workspace:
    """One workspace. Deleted and made again under its name, it is another one.

    Attributes:
        name: as clients spell it.
        created: when it was made, in seconds of the space's time.
        alive: False once it was deleted; bindings to it are then dead.
        owned: whether somebody took ownership, who need not be here any more.
        owner: the session at whose end it is purged, or None.
        owner_text: who took it, for listings.
        persistent: it stays when its owner leaves.
        probed: names of variables that exist only because somebody asked, oldest first.
    """

    __slots__ = (
        "alive",
        "created",
        "name",
        "owned",
        "owner",
        "owner_text",
        "persistent",
        "probed",
        "variables",
    )

    def __init__(self, name: bytes, created: float = 0.0) -> None:
        self.name = name
        self.created = created
        self.alive = True
        self.owned = False
        self.owner: Session | None = None
        self.owner_text = b""
        self.persistent = False
        self.variables: dict[bytes, Variable] = {}
        self.probed: OrderedDict[bytes, None] = OrderedDict()
