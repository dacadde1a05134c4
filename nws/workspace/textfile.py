"""A variable as a file of text lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Protocol

from nws.errors import NwsOperationException
from nws.workspace.lines import LineBuffer

__all__ = ["NwsTextFile"]


class LineWorkspace(Protocol):
    """What a text file needs of its workspace."""

    def declare(self, varName: str, mode: str) -> None: ...
    def deleteVar(self, varName: str) -> None: ...
    def store(self, varName: str, val: Any) -> None: ...
    def ifindTry(self, varName: str) -> Iterator[Any]: ...


class NwsTextFile(io.TextIOBase):
    """Lines of text in a fifo variable, one value each; see `NetWorkSpace.makefile`.

    Reading removes nothing. It begins at the first value and, once at the end, stays there. What is
    written is stored line by line. A line without a newline is held back until `flush` or
    ``close``; it is dropped with a file that is not closed.

    Attributes:
        name: of the variable.
        mode: ``r``, ``w`` or ``a``.
        closed: whether ``close`` was called.
    """

    def __init__(self, ws: LineWorkspace, varName: str, mode: str = "r") -> None:
        """Made by `NetWorkSpace.makefile`."""
        self._buffer = LineBuffer(varName, mode)
        self.name = varName
        self.mode = mode
        self._workspace = ws
        self._values: Iterator[Any] = iter(())
        if mode == "w":
            try:
                ws.deleteVar(varName)
            except NwsOperationException:
                pass  # there was none
        ws.declare(varName, "fifo")
        if mode == "r":
            self._values = ws.ifindTry(varName)

    def readable(self) -> bool:
        """Return whether the file was opened for reading."""
        return self._buffer.reads

    def writable(self) -> bool:
        """Return whether the file was opened for writing."""
        return not self._buffer.reads

    def write(self, text: str, /) -> int:
        """Store each complete line; return how many characters were taken.

        Raises:
            ValueError: the file is closed, or open for reading.
            NwsException: as for `NetWorkSpace.store`. Lines before the failed one are stored.
        """
        self._buffer.check(self.closed, self.writable(), "writing")
        for line in self._buffer.write(text):
            self._workspace.store(self.name, line)
        return len(text)

    def flush(self) -> None:
        """Store what was held back, as a line without a newline; raises what `write` does."""
        self._buffer.check(self.closed, True, "")
        if self.writable() and (text := self._buffer.take()):
            self._workspace.store(self.name, text)

    def read(self, n: int | None = -1, /) -> str:
        """Return ``n`` characters, or all to the end; fewer only at the end.

        Raises:
            ValueError: the file is closed or open for writing, or a value is not text.
            NwsException: as for `NetWorkSpace.ifindTry`.
        """
        self._buffer.check(self.closed, self.readable(), "reading")
        size = -1 if n is None else n
        while not self._buffer.has(size) and self._find():
            pass
        return self._buffer.cut(size)

    def readline(self, n: int = -1, /) -> str:  # type: ignore[override]
        """Return the next line with its newline, or ``n`` characters of it; empty at the end.

        Raises what `read` does.
        """
        self._buffer.check(self.closed, self.readable(), "reading")
        while not self._buffer.has_line(n) and self._find():
            pass
        return self._buffer.cut_line(n)

    def _find(self) -> bool:
        """Find the next value; tell whether there is one."""
        for value in self._values:
            self._buffer.add(value)
            return True
        return False

    def __del__(self) -> None:
        """Store nothing: the collector runs at any time, and in forked processes."""
