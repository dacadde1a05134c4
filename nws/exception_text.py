"""What an exception says, in a text that has bounds. Its class and its texts are the user's: they
may be of any length, and may raise exceptions of their own."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["described", "kind_of", "shortened"]

_MAX_TEXT_CHARS: Final = 100_000

_name_of: Final[Any] = vars(type)["__qualname__"].__get__


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's class, whatever its metaclass says."""
    name: str = _name_of(type(error))
    return name


def described(error: BaseException) -> str:
    """Return the name of an exception's class, and its text if it has one that can be read."""
    kind = kind_of(error)
    try:
        text = shortened(str(error))
    except Exception:
        return kind
    return f"{kind}: {text}" if text else kind


def shortened(text: str) -> str:
    """Return a text, without its middle if it is very long."""
    left_out = len(text) - _MAX_TEXT_CHARS
    if left_out <= 0:
        return text
    half = _MAX_TEXT_CHARS // 2
    return f"{text[:half]}\n... {left_out} characters are left out ...\n{text[-half:]}"
