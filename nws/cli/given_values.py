"""Which value a text on the command line, or on stdin, stands for."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

__all__ = ["KINDS", "lines_of", "value_of", "whole_of"]

_BLOCK_BYTES: Final = 64 * 1024

_MAX_SHOWN_BYTES: Final = 40
"""Of what cannot be read."""


def _literal(given: str) -> Any:
    try:
        parsed = ast.parse(given, mode="eval")
    except SyntaxError as error:  # its own text names a file, and there is none
        raise ValueError(f"{error.msg} (line {error.lineno or 1})") from error
    except MemoryError as error:  # it has no text
        raise ValueError("it is nested too deeply") from error
    try:
        return ast.literal_eval(parsed)
    except ValueError as error:  # its text shows an object of the parser
        raise ValueError(
            "it would have to be evaluated, and nothing is; put quotes around a text, or store it "
            "without --as python"
        ) from error


_READ: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "text": lambda given: given.decode(),
    "bytes": lambda given: given,
    "python": lambda given: _literal(given.decode().strip()),
    "json": json.loads,
}

KINDS: Final = tuple(_READ)
"""How a text is read: as it is, as bytes, as a literal of Python, or as JSON."""


def value_of(given: bytes, kind: str) -> Any:
    """Return the value.

    Raises:
        ValueError: it is nothing of that kind; the message says what can be done.
    """
    try:
        return _READ[kind](given)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"this is no text in UTF-8 ({error}); --as bytes stores any bytes"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        shown = given[:_MAX_SHOWN_BYTES].decode(errors="replace")
        shown += "…" if len(given) > _MAX_SHOWN_BYTES else ""
        raise ValueError(f"{shown!r} is no {_NAMES[kind]}: {error}") from error


_NAMES: Final = {"python": "literal of Python, such as 5, 'abc' or [1, 2.5]", "json": "JSON"}


def whole_of(stdin: BinaryIO, kind: str) -> Any:
    """Return the value that all of stdin stands for. The newline at its end is not part of it,
    unless it is read as bytes.

    Raises:
        ValueError: as for `value_of`.
    """
    given = stdin.read()
    return value_of(given if kind == "bytes" else given.removesuffix(b"\n"), kind)


def lines_of(stdin: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of stdin as they come, those together that have come together, without their
    newlines."""
    begun = b""
    while block := stdin.read1(_BLOCK_BYTES):  # type: ignore[attr-defined]
        *lines, begun = (begun + block).split(b"\n")
        if lines:
            yield lines
    if begun:
        yield [begun]
