"""The texts of leaves: values that are not containers of other values.

Only the beginning of a long string is read. The ``__repr__`` of an unknown class is called, so the
reader must trust the class; an exception in it becomes part of the text.
"""

from __future__ import annotations

from typing import Any, Final

from nws_babelfish.arrays import scalar_of
from nws_babelfish.standins import GlobalName

__all__ = ["leaf_text", "type_name"]

_MAX_NUMBER_BITS: Final = 10_000
"""Python itself refuses to print numbers that are somewhat longer."""

_MAX_MESSAGE_CHARS: Final = 200


def leaf_text(value: Any, room: int) -> str:
    """Return the text of a value; one longer than `room` characters may be cut.

    Raises:
        MemoryError: its ``__repr__`` does.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        return repr(value[: room + 1])
    if kind is bytearray or kind is memoryview:
        return f"{kind.__name__}({bytes(value[: room + 1])!r})"
    if kind is int and value.bit_length() > _MAX_NUMBER_BITS:
        return f"<a number of {value.bit_length()} bits>"
    if kind is GlobalName:
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
        return str.__str__(repr(value))  # the result may be of a subclass of str
    except MemoryError:
        raise
    except Exception as error:
        return f"<{type_name(value)}, whose repr failed: {_describe(error)}>"


def _describe(error: Exception) -> str:
    try:
        message = str.__str__(str(error))
    except MemoryError:
        raise
    except Exception:
        message = "its message is not available"
    return f"{type_name(error)}: {message[:_MAX_MESSAGE_CHARS]}"
