"""The kind of a stored value, as far as it is known without unpickling anything."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, cast

from nws_server.core.values import Value

__all__ = ["PREVIEW_BYTES", "Kind", "beginning", "hexdump", "kind_of", "language_of", "numbers_in"]

PREVIEW_BYTES: Final = 20_000
"""How much of a value is read to find its kind, and is shown of it."""

_DIRECT: Final = 1
_BINARY: Final = 2

_LANGUAGES: Final = {
    1: "Python",
    2: "Matlab",
    3: "R",
    4: "Perl",
    5: "Ruby",
    6: "Octave",
    7: "Java",
    8: "CSharp",
    9: "ObjC",
    10: "Elisp",
}
"""Names of languages, by the number in a descriptor; workspaces of babelfishes are named so."""

_PICTURES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_HEXDUMP_ROW_BYTES: Final = 16
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|nan)\b")
_MAX_NUMBERS: Final = 10_000


class Kind(NamedTuple):
    """The kind of a value.

    Attributes:
        form: ``text``, ``bytes``, ``picture`` or ``object``.
        language: that can read an object; None if it is unknown.
        media_type: of a picture.
    """

    form: str
    language: str | None = None
    media_type: str = ""


class _Openable(Protocol):
    def open(self) -> BinaryIO: ...


def kind_of(value: Value) -> Kind:
    """Return the kind of a value, from its descriptor and its first bytes."""
    descriptor = int(value.descriptor)
    if not descriptor & _DIRECT:
        return Kind("object", _LANGUAGES.get(descriptor >> 24))
    try:
        first = beginning(value, PREVIEW_BYTES)
    except OSError:
        return Kind("bytes")
    for mark, media_type in _PICTURES.items():
        if first.startswith(mark):
            return Kind("picture", media_type=media_type)
    if descriptor & _BINARY or not _is_text(first, whole=value.size <= PREVIEW_BYTES):
        return Kind("bytes")
    return Kind("text")


def language_of(value: Value) -> str:
    """Return the name of the language that wrote a value."""
    number = int(value.descriptor) >> 24
    return _LANGUAGES.get(number, f"language number {number}")


def beginning(value: Value, most: int) -> bytes:
    """Return the first bytes of a value, from memory or its file.

    Raises:
        OSError: its file is gone.
    """
    payload: Any = value.payload
    if isinstance(payload, bytes):
        return payload[:most]
    with cast(_Openable, payload).open() as file:
        return file.read(most)


def _is_text(data: bytes, *, whole: bool) -> bool:
    """Tell whether bytes are UTF-8. If they are not whole, the last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def hexdump(data: bytes) -> str:
    """Return rows of sixteen bytes: their offset, their values and their characters."""
    rows = []
    for start in range(0, len(data), _HEXDUMP_ROW_BYTES):
        row = data[start : start + _HEXDUMP_ROW_BYTES]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{start:08x}  {row.hex(' '):<{3 * _HEXDUMP_ROW_BYTES}} {shown}")
    return "\n".join(rows)


def numbers_in(text: str) -> Sequence[float]:
    """Return the numbers in a list, or in rows of CSV with an optional heading.

    Of rows with several numbers each, the last column is taken. Empty for any other text.
    """
    head, *others = text.splitlines() or [""]
    lines = [line for line in others if _is_numeric(line)]
    if _is_numeric(head):
        lines.insert(0, head)
    elif len(others) > 1:
        text = text[len(head) :]
    if 2 * sum(map(len, lines)) < len(text.strip()):
        return ()
    rows = [[float(number) for number in _NUMBER.findall(line)] for line in lines]
    is_table = len(rows) > 2 and len({len(row) for row in rows}) == 1 and "[" not in text
    numbers = [row[-1] for row in rows] if is_table else [n for row in rows for n in row]
    return numbers[:_MAX_NUMBERS]


def _is_numeric(line: str) -> bool:
    rest, count = _NUMBER.subn("", line)
    return count > 0 and not rest.strip("[](){},;:| \t")
