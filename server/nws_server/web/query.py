"""The fields of an address or a form, validated."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from twisted.web.http import parse_qs

__all__ = ["BadQuery", "Query"]

_MAX_FIELDS: Final = 100
"""Of an address or a form."""


class BadQuery(Exception):
    """A field is missing or invalid; the message names it."""


class Query:
    """The fields of a request."""

    def __init__(self, fields: Mapping[bytes, Sequence[bytes]]) -> None:
        """Take the fields of a request; of several values the last one counts."""
        self._fields = fields

    @classmethod
    def parse(cls, *texts: bytes) -> Query:
        """Read urlencoded texts. A field of a later one replaces that of an earlier one.

        Raises:
            BadQuery: a text has too many fields.
        """
        fields: dict[bytes, list[bytes]] = {}
        for text in texts:
            if text.count(b"&") + text.count(b";") >= _MAX_FIELDS:
                raise BadQuery(f"there are more than {_MAX_FIELDS} fields")
            fields.update(parse_qs(text, keep_blank_values=1))
        return cls(fields)

    def get(self, key: str, default: bytes = b"") -> bytes:
        """Return a field as bytes.

        A form that has to send arbitrary bytes sends them quoted, as ``KEY.quoted``.
        """
        values = self._fields.get(key.encode())
        if values:
            return values[-1]
        quoted = self._fields.get(f"{key}.quoted".encode())
        return unquote_to_bytes(quoted[-1]) if quoted else default

    def need(self, key: str) -> bytes:
        """Return a required field.

        Raises:
            BadQuery: it is missing or empty.
        """
        value = self.get(key)
        if not value:
            raise BadQuery(f"the field {key!r} is missing")
        return value

    def text(self, key: str) -> str:
        """Return a field as text."""
        return self.get(key).decode("utf-8", "replace")

    def number(self, key: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """Return a field that is a whole number from `least` to `most`.

        Raises:
            BadQuery: it is not.
        """
        given = self.get(key)
        if not given:
            return default
        if not given.isdigit() or len(given) > 20 or not least <= int(given) <= most:
            raise BadQuery(f"the field {key!r} is not a whole number from {least} to {most}")
        return int(given)

    def need_number(self, key: str, least: int = 0) -> int:
        """Return a required field that is a whole number from `least`.

        Raises:
            BadQuery: it is not, or it is missing.
        """
        self.need(key)
        return self.number(key, least, least)

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """Return a field that is one of several words.

        Raises:
            BadQuery: it is not.
        """
        given = self.text(key) or default
        if given not in choices:
            raise BadQuery(f"the field {key!r} is not one of: {', '.join(choices)}")
        return given
