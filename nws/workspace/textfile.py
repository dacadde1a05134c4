"""A variable as a file of text lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Protocol

from nws.errors import NwsOperationException

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
    written is stored line by line. A line without a newline is held back until `flush` or `close`;
    it is dropped with a file that is not closed.

    Attributes:
        name: of the variable.
        mode: ``r``, ``w`` or ``a``.
        closed: whether `close` was called.
    """

    def __init__(self, ws: LineWorkspace, varName: str, mode: str = "r") -> None:
        """Made by `NetWorkSpace.makefile`."""
        if mode not in ("r", "w", "a"):
            raise ValueError(f"mode {mode!r} is not one of 'r', 'w' and 'a'")
        self.name = varName
        self.mode = mode
        self._workspace = ws
        self._text = ""  # read but not asked for yet, or written but without its newline
        self._lines: Iterator[Any] = iter(())
        if mode == "w":
            try:
                ws.deleteVar(varName)
            except NwsOperationException:
                pass  # there was none
        ws.declare(varName, "fifo")
        if mode == "r":
            self._lines = ws.ifindTry(varName)

    def readable(self) -> bool:
        """Return whether the file was opened for reading."""
        return self.mode == "r"

    def writable(self) -> bool:
        """Return whether the file was opened for writing."""
        return self.mode != "r"

    def write(self, text: str, /) -> int:
        """Store each complete line; return how many characters were taken.

        Raises:
            ValueError: the file is closed, or open for reading.
            NwsException: as for `NetWorkSpace.store`. Lines before the failed one are stored.
        """
        self._check(self.writable(), "writing")
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            self._workspace.store(self.name, line + "\n")
        return len(text)

    def flush(self) -> None:
        """Store what was held back, as a line without a newline; raises what `write` does."""
        self._check(True, "")
        if self.writable() and self._text:
            text, self._text = self._text, ""
            self._workspace.store(self.name, text)

    def read(self, n: int | None = -1, /) -> str:
        """Return ``n`` characters, or all to the end; fewer only at the end.

        Raises:
            ValueError: the file is closed or open for writing, or a value is not text.
            NwsException: as for `NetWorkSpace.ifindTry`.
        """
        self._check(self.readable(), "reading")
        size = -1 if n is None else n
        while size < 0 or len(self._text) < size:
            line = self._next_value()
            if not line:
                break
            self._text += line
        return self._cut(len(self._text) if size < 0 else size)

    def readline(self, n: int = -1, /) -> str:  # type: ignore[override]
        """Return the next line with its newline, or ``n`` characters of it; empty at the end.

        Raises what `read` does.
        """
        self._check(self.readable(), "reading")
        while "\n" not in self._text and not 0 <= n <= len(self._text):
            line = self._next_value()
            if not line:
                break
            self._text += line
        end = self._text.find("\n") + 1 or len(self._text)
        return self._cut(end if n < 0 else min(n, end))

    def _next_value(self) -> str:
        """Return the next text that is not empty; an empty one at the end."""
        for value in self._lines:
            if not isinstance(value, str):
                raise ValueError(
                    f"the variable {self.name!r} holds a {type(value).__name__}, which is no text"
                )
            if value:
                return value
        return ""

    def _cut(self, end: int) -> str:
        text, self._text = self._text[:end], self._text[end:]
        return text

    def _check(self, possible: bool, purpose: str) -> None:
        if self.closed:
            raise ValueError(f"the text file {self.name!r} is closed")
        if not possible:
            raise io.UnsupportedOperation(f"the text file {self.name!r} is not open for {purpose}")

    def __del__(self) -> None:
        """Store nothing: the collector runs at any time, and in forked processes."""
