"""The text of a value by itself: of all that is not a group of other values.

Of a long string only the beginning is looked at. The ``__repr__`` of an unknown class is called, so
it must be of a class that the reader trusts; what it raises becomes a part of the text.
"""

from __future__ import annotations

from typing import Any, Final

from nws_babelfish.arrays import scalar_of
from nws_babelfish.standins import Name

__all__ = ["leaf_text", "type_name"]

_LONGEST_NUMBER: Final = 10_000
"""Bits. Python itself refuses to print numbers that are somewhat longer."""

_LONGEST_MESSAGE: Final = 200


def leaf_text(value: Any, room: int) -> str:
    """Return the text of a value; if it is longer than the room, then perhaps only its beginning.

    Raises:
        MemoryError: its ``__repr__`` does.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        return repr(value[: room + 1])
    if kind is bytearray or kind is memoryview:
        return f"{kind.__name__}({bytes(value[: room + 1])!r})"
    if kind is int and value.bit_length() > _LONGEST_NUMBER:
        return f"<a number of {value.bit_length()} bits>"
    if kind is Name:
        text: str = value.text
        return text
    number = scalar_of(value)
    return _own_text(value if number is None else number)


def type_name(value: object) -> str:
    """Return the name of a value's type, whatever its metaclass does."""
    return type.__dict__["__name__"].__get__(type(value))  # type: ignore[no-any-return]


def _own_text(value: object) -> str:
    try:
        if any(kind.__module__.split(".")[0] == "pandas" for kind in type.mro(type(value))):
            return str.__str__(str(value))
        return str.__str__(repr(value))  # it may be of a subclass with ideas of its own
    except MemoryError:
        raise
    except Exception as error:
        return f"<{type_name(value)}, whose text cannot be had: {_told(error)}>"


def _told(error: Exception) -> str:
    try:
        message = str.__str__(str(error))
    except MemoryError:
        raise
    except Exception:
        message = "and what it says cannot be had either"
    return f"{type_name(error)}: {message[:_LONGEST_MESSAGE]}"
