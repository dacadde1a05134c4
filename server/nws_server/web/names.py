"""Names and other bytes of strangers, as people are to see them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_from_bytes

__all__ = ["DisplayName", "printable", "shorten"]

_SHORT_NAME_CHARS: Final = 60
"""Characters of a name in a table."""


class DisplayName:
    """The name of a workspace or variable.

    Attributes:
        raw: as the space has it.
        text: all of it, as text that can be shown.
        short: what of it fits into a table.
        query: how it stands in an address.
    """

    __slots__ = ("raw", "text")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.text = printable(raw)

    @property
    def short(self) -> str:
        return shorten(self.text, _SHORT_NAME_CHARS)

    @property
    def query(self) -> str:
        return quote_from_bytes(self.raw, safe="")

    def __str__(self) -> str:
        return self.text


def printable(raw: bytes) -> str:
    """Return bytes as text on one line: what cannot be seen, or would turn the line around, is
    written out."""
    text = raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode-escape").decode()


def shorten(text: str, most: int) -> str:
    """Cut a text, with a sign that it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"
