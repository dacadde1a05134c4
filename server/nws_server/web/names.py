"""Names and other bytes from clients, in a form that is safe to display."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_from_bytes

__all__ = ["DisplayName", "printable", "shorten"]

_SHORT_NAME_CHARS: Final = 60
"""Length of a name in a table."""


class DisplayName:
    """The name of a workspace or variable.

    Attributes:
        raw: as it is in the space.
        text: the whole name as printable text.
        short: the text, cut to fit into a table.
        query: quoted for an address.
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
    """Return bytes as text on one line.

    Invisible characters, and those that change the direction of text, are escaped.
    """
    text = raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode-escape").decode()


def shorten(text: str, most: int) -> str:
    """Cut a text to a length, with an ellipsis at the end."""
    return text if len(text) <= most else text[: most - 1] + "…"
