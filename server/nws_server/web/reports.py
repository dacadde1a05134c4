"""JSON texts that programs publish in their workspace, validated when they are read.

Any client can store anything there. What does not have the expected form is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from nws_server.core.values import Value
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import beginning, kind_of

__all__ = [
    "Report",
    "number_in",
    "parse",
    "read_last_texts",
    "read_report",
    "read_text",
    "reports_in",
]

_MAX_REPORT_BYTES: Final = 200_000
"""Bytes of one report; longer ones are skipped."""


class Report:
    """A JSON object from any client. A field of the wrong type gives its default."""

    def __init__(self, content: Any) -> None:
        """Take parsed JSON; anything but an object counts as an empty one."""
        self._content: dict[str, Any] = content if isinstance(content, dict) else {}

    def updated(self, **fields: Any) -> Report:
        """Return a report with other values in some fields."""
        return Report({**self._content, **fields})

    def text(self, key: str, default: str = "") -> str:
        """Return the text in a field."""
        value = self._content.get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: float = 0) -> float:
        """Return the number in a field."""
        return number_in(self._content.get(key), default)

    def whole(self, key: str, default: int = 0) -> int:
        """Return the number in a field, truncated to a whole one."""
        return int(self.number(key, default))

    def maybe(self, key: str) -> float | None:
        """Return the number in a field, or None if the field is null or missing."""
        return self.number(key) if self._content.get(key) is not None else None

    def flag(self, key: str) -> bool:
        """Return whether a field is true."""
        return self._content.get(key) is True

    def part(self, key: str) -> Report | None:
        """Return the object in a field, or None."""
        value = self._content.get(key)
        return Report(value) if isinstance(value, dict) else None

    def parts(self, key: str) -> Iterator[Report]:
        """Walk the objects in a list."""
        parts = self._content.get(key)
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield Report(part)

    def texts(self, key: str) -> list[str]:
        """Return the texts in a list."""
        texts = self._content.get(key)
        return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []

    def rows(self, key: str, width: int) -> Iterator[list[Any]]:
        """Walk the lists of at least `width` items in a list."""
        rows = self._content.get(key)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, list) and len(row) >= width:
                yield row


def number_in(value: Any, default: float = 0) -> float:
    """Return what parsed JSON has for a number; the default if it is none, or a huge one."""
    if (type(value) is int or type(value) is float) and -1e18 < value < 1e18:
        return value
    return default


def read_text(inspector: Inspector, ws: bytes, var: bytes) -> str | None:
    """Return the first value of a variable if it is a text, else None."""
    for value in inspector.look.values(ws, var, 0, 1):
        return _text_of(value)
    return None


def read_last_texts(
    inspector: Inspector, ws: bytes, var: bytes, count: int, max_bytes: int
) -> list[str]:
    """Return the last ``count`` texts of a variable, oldest first, fewer beyond ``max_bytes``."""
    view = inspector.look.variable(ws, var)
    first = max(0, view.values - count) if view is not None else 0
    texts: list[str] = []
    for value in reversed(list(inspector.look.values(ws, var, first, count))):
        text = _text_of(value)
        max_bytes -= len(text or "")
        if max_bytes < 0:
            break
        if text is not None:
            texts.append(text)
    return texts[::-1]


def _text_of(value: Value) -> str | None:
    if kind_of(value).form != "text" or value.size > _MAX_REPORT_BYTES:
        return None
    return beginning(value, _MAX_REPORT_BYTES).decode("utf-8", "replace")


def read_report(inspector: Inspector, ws: bytes, var: bytes) -> Report | None:
    """Return the report in a variable; None if there is none."""
    content = parse(read_text(inspector, ws, var))
    return None if content is None else Report(content)


def reports_in(values: Iterable[Value]) -> Iterator[Report]:
    """Walk the reports among some values."""
    for value in values:
        content = parse(_text_of(value))
        if isinstance(content, dict):
            yield Report(content)


def parse(text: str | None) -> Any:
    """Return what a JSON text says; None if it is none."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
