"""A variable as a file of text lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from nws.errors import NwsOperationException

__all__ = ["NwsTextFile"]


class _Workspace(Protocol):
    """What a text file needs of its workspace."""

    def declare(self, varName: str, mode: str) -> None: ...
    def deleteVar(self, varName: str) -> None: ...
    def store(self, varName: str, val: Any) -> None: ...
    def ifindTry(self, varName: str) -> Iterator[Any]: ...


class NwsTextFile:
    """Lines of text in a fifo variable, one value each; see `NetWorkSpace.makefile`.

    Reading removes nothing. It begins at the first value and, once at the end, stays there.

    Attributes:
        name: of the variable.
        mode: ``r``, ``w`` or ``a``.
        closed: whether `close` was called.
    """

    def __init__(self, ws: _Workspace, varName: str, mode: str = "r") -> None:
        """Made by `NetWorkSpace.makefile`.

        Raises:
            ValueError: the mode is another one.
            NwsDeclarationFailedException: the variable is not a fifo.
        """
        if mode not in ("r", "w", "a"):
            raise ValueError(f"mode {mode!r} is not one of 'r', 'w' and 'a'")
        self.name = varName
        self.mode = mode
        self.closed = False
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

    def isatty(self) -> bool:
        """Return False."""
        return False

    # Writing

    def write(self, text: str) -> None:
        """Store each complete line; what has no newline yet is held back until `flush`."""
        self._check("w")
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            self._workspace.store(self.name, line + "\n")

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other; no newlines are added."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Store what was held back, as a line without a newline."""
        self._check("w")
        text, self._text = self._text, ""
        if text:
            self._workspace.store(self.name, text)

    def close(self) -> None:
        """Flush, and take part in nothing any more."""
        if not self.closed:
            if self.mode != "r":
                self.flush()
            self.closed = True

    def __enter__(self) -> NwsTextFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Reading

    def read(self, n: int = -1) -> str:
        """Return ``n`` characters, or all to the end; fewer only at the end."""
        self._check("r")
        while n < 0 or len(self._text) < n:
            line = self._next_value()
            if not line:
                break
            self._text += line
        return self._cut(len(self._text) if n < 0 else n)

    def readline(self, n: int = -1) -> str:
        """Return the next line with its newline, or ``n`` characters of it; empty at the end."""
        self._check("r")
        while "\n" not in self._text and not 0 <= n <= len(self._text):
            line = self._next_value()
            if not line:
                break
            self._text += line
        end = self._text.find("\n") + 1 or len(self._text)
        return self._cut(end if n < 0 else min(n, end))

    def readlines(self) -> list[str]:
        """Return all lines to the end."""
        return list(self)

    def __iter__(self) -> Iterator[str]:
        while line := self.readline():
            yield line

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

    def _check(self, direction: str) -> None:
        if self.closed:
            raise ValueError(f"the text file {self.name!r} is closed")
        if (self.mode == "r") != (direction == "r"):
            verb = "reading" if direction == "r" else "writing"
            raise ValueError(f"the text file {self.name!r} is not open for {verb}")
