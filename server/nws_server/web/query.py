"""What an address or a form asks for, checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import unquote_to_bytes

__all__ = ["BadQuery", "Query"]


class BadQuery(Exception):
    """A field is missing or cannot be used; the message names it."""


class Query:
    """The fields of a request."""

    def __init__(self, fields: Mapping[bytes, Sequence[bytes]]) -> None:
        """Take what the request has; of several values the last counts."""
        self._fields = fields

    def get(self, key: str, default: bytes = b"") -> bytes:
        """Return a field as it came. A form that has to pass on any bytes has quoted them."""
        values = self._fields.get(key.encode())
        if values:
            return values[-1]
        quoted = self._fields.get(f"{key}.quoted".encode())
        return unquote_to_bytes(quoted[-1]) if quoted else default

    def need(self, key: str) -> bytes:
        """Return a field that must be there.

        Raises:
            BadQuery: it is not, or it is empty.
        """
        value = self.get(key)
        if not value:
            raise BadQuery(f"the field {key!r} is missing")
        return value

    def text(self, key: str) -> str:
        """Return a field as text."""
        return self.get(key).decode("utf-8", "replace")

    def number(self, key: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """Return a field that is a whole number.

        Raises:
            BadQuery: it is something else.
        """
        given = self.get(key)
        if not given:
            return default
        if not given.isdigit() or len(given) > 20 or not least <= int(given) <= most:
            raise BadQuery(f"the field {key!r} is not a whole number from {least} to {most}")
        return int(given)

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """Return a field that is one of some words.

        Raises:
            BadQuery: it is another one.
        """
        given = self.text(key) or default
        if given not in choices:
            raise BadQuery(f"the field {key!r} is not one of: {', '.join(choices)}")
        return given
