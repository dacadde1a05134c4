"""Values to store."""

from __future__ import annotations

from collections.abc import Iterable

from nws_server.core.values import Value

TEXT = b"%020d" % 16777217
"""The descriptor of a Python string."""


class Body:
    """A payload that lives elsewhere, as spooled ones do. It can be watched with a weakref."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def text_value(payload: bytes | Body) -> Value:
    """Make a value as a Python client stores a string."""
    return Value(TEXT, payload)


def text_values(payloads: Iterable[bytes]) -> list[Value]:
    """Make several."""
    return [text_value(payload) for payload in payloads]


def numbered(count: int, first: int = 0) -> list[Value]:
    """Make values with the indexes that a variable would have given them."""
    values = []
    for index in range(first, first + count):
        value = text_value(b"%d" % index)
        value.index = index
        values.append(value)
    return values
