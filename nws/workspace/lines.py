"""Text on its way between a file of lines and the values of a variable."""

from __future__ import annotations

import io
from typing import Any

__all__ = ["LineBuffer"]


class LineBuffer:
    """The text of a file that was read but not asked for yet, or written but without its newline.

    Attributes:
        name: of the variable.
        mode: ``r``, ``w`` or ``a``.
        text: what is held.
    """

    def __init__(self, name: str, mode: str) -> None:
        """Begin without text.

        Raises:
            ValueError: there is no such mode.
        """
        if mode not in ("r", "w", "a"):
            raise ValueError(f"mode {mode!r} is not one of 'r', 'w' and 'a'")
        self.name = name
        self.mode = mode
        self.text = ""

    @property
    def reads(self) -> bool:
        """Whether the file was opened for reading."""
        return self.mode == "r"

    def check(self, closed: bool, possible: bool, purpose: str) -> None:
        """Raise ValueError if the file is closed, or not open for this purpose."""
        if closed:
            raise ValueError(f"the text file {self.name!r} is closed")
        if not possible:
            raise io.UnsupportedOperation(f"the text file {self.name!r} is not open for {purpose}")

    def write(self, text: str) -> list[str]:
        """Add what is written; return the lines that it completes."""
        *lines, self.text = (self.text + text).split("\n")
        return [f"{line}\n" for line in lines]

    def take(self) -> str:
        """Return what is held, and hold it no longer."""
        text, self.text = self.text, ""
        return text

    def add(self, value: Any) -> None:
        """Add a value that was found.

        Raises:
            ValueError: it is no text.
        """
        if not isinstance(value, str):
            raise ValueError(
                f"the variable {self.name!r} holds a {type(value).__name__}, which is no text"
            )
        self.text += value

    def has(self, size: int) -> bool:
        """Whether there are ``size`` characters; never, if it is negative."""
        return 0 <= size <= len(self.text)

    def has_line(self, size: int) -> bool:
        """Whether there is a line, or ``size`` characters."""
        return "\n" in self.text or self.has(size)

    def cut(self, size: int) -> str:
        """Take ``size`` characters; all, if it is negative."""
        end = len(self.text) if size < 0 else size
        text, self.text = self.text[:end], self.text[end:]
        return text

    def cut_line(self, size: int) -> str:
        """Take a line, or ``size`` characters of it."""
        end = self.text.find("\n") + 1 or len(self.text)
        return self.cut(end if size < 0 else min(size, end))
