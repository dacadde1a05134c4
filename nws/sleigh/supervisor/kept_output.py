"""The last lines of the workers of one rank, kept in the workspace for people who look at it.

They are stored in blocks, with the report of the worker, so at most once a second, and only when
there are new ones. The oldest blocks go.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.messages import output_variable
from nws.sleigh.supervisor.declaring import declare_anew

__all__ = ["KeptOutput"]

_MAX_WORKER_BYTES: Final = 64 * 1024
_MAX_RUN_BYTES: Final = 1024 * 1024
"""Of the blocks of all workers of a sleigh, which have equal shares."""

_MAX_LINE_CHARS: Final = 4000
_MAX_LINES_AT_ONCE: Final = 1000
"""The others would be gone with the next ones."""


class KeptOutput:
    """The lines of one rank.

    Attributes:
        variable: the name of its variable. There is none before the first line.
    """

    def __init__(self, workspace: NetWorkSpace, rank: int, workers: int) -> None:
        """Prepare for one of so many workers; 0 if nobody knows how many there will be."""
        self.variable = output_variable(rank)
        self._workspace = workspace
        self._max_bytes = min(_MAX_WORKER_BYTES, _MAX_RUN_BYTES // max(1, workers))
        self._new = deque[str]()  # not stored yet
        self._new_bytes = 0
        self._block = ""  # that is being stored
        self._stored: deque[int] | None = None  # bytes of each block; None before the first look

    def note(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take note of lines: time, call, element, stream and text of each."""
        for *row, text in rows[-_MAX_LINES_AT_ONCE:]:
            line = json.dumps([*row, text[:_MAX_LINE_CHARS]])
            self._new.append(line)
            self._new_bytes += len(line) + 1
        while self._new_bytes > self._max_bytes // 2 and len(self._new) > 1:
            self._new_bytes -= len(self._new.popleft()) + 1

    def news(self) -> list[tuple[str, Any]]:
        """Return what to store: nothing if nothing was noted. There is room for it then."""
        if not self._new:
            return []
        self._block = f"[{','.join(self._new)}]"
        self._make_room(len(self._block))
        return [(self.variable, self._block)]

    def published(self) -> None:
        """Take note that what `news` returned was stored."""
        if self._block and self._stored is not None:
            self._stored.append(len(self._block))
            self._block, self._new_bytes = "", 0
            self._new.clear()

    def _make_room(self, coming: int) -> None:
        """Remove the oldest blocks."""
        if self._stored is None:
            self._stored = self._find_stored()
        while self._stored and sum(self._stored) + coming > self._max_bytes:
            self._workspace.fetchTryFile(self.variable, BytesIO())
            self._stored.popleft()

    def _find_stored(self) -> deque[int]:
        """Return the bytes of the blocks that the former supervisor of this rank has left."""
        declare_anew(self._workspace, self.variable, "fifo")
        try:
            blocks = list(self._workspace.ifindTry(self.variable))
            return deque(len(block) for block in blocks if isinstance(block, str))
        except NwsUnpicklingException:  # others may store anything there
            self._workspace.deleteVar(self.variable)
            self._workspace.declare(self.variable, "fifo")
            return deque()
