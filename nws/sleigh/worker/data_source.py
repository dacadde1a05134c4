"""Scattered values that are on the server: one copy for all workers of a machine."""

from __future__ import annotations

from typing import Final

from nws.client import NetWorkSpace
from nws.sleigh.shared.messages import copies_variable, data_variable
from nws.sleigh.shared.pickling import Packed
from nws.sleigh.shared.segments import CAN_SHARE, Mapped, Segment, mapped

__all__ = ["DataSource"]

_MAX_SHARED: Final = 4
"""Values that this worker keeps for others."""


class DataSource:
    """Fetches values for this process."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Fetch them from this workspace."""
        self._workspace = workspace
        self._paths: dict[str, str] = {}  # of copies on this machine
        self._shared: dict[str, Segment] = {}

    def fetch(self, name: str) -> Packed:
        """Return a packed value: the copy that a worker of this machine has made, or that of the
        server, of which one is made then.

        Raises:
            NwsException: there is none on the server.
        """
        copy = self._copy(name)
        if copy is not None:
            return copy
        packed: Packed = self._workspace.find(data_variable(name), timeout=0)
        if CAN_SHARE and isinstance(packed, tuple):
            return self._copy(name) or self._share(name, packed)
        return packed

    def _copy(self, name: str) -> Mapped | None:
        """Return the copy of another worker. One of another machine is not found at its path, or
        holds something else there."""
        known = self._paths.pop(name, None)
        for path in self._workspace.ifindTry(copies_variable(name)) if known is None else [known]:
            packed = mapped(path, name) if isinstance(path, str) else None
            if isinstance(packed, Mapped):
                self._paths[name] = path
                return packed
        return None

    def _share(self, name: str, packed: Packed) -> Packed:
        """Make a copy for all workers of this machine."""
        while len(self._shared) >= _MAX_SHARED:
            self._shared.pop(next(iter(self._shared)))
        segment = self._shared[name] = Segment(name, packed)
        self._workspace.store(copies_variable(name), segment.path)
        return self._copy(name) or packed
