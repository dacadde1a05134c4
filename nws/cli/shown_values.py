"""What is printed for a stored value. Nothing of what it names is imported or called.

Values that consist of plain data are shown whole, in Python's spelling. Of all others the
babelfish's safe reader makes stand-ins, and a text of bounded length.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from typing import Any, Final

from nws.cli.output import printable
from nws.cli.raw_values import RawValue
from nws.descriptors import BINARY_BIT, DIRECT_BIT, LANGUAGE_SHIFT, OTHER_LANGUAGES, PYTHON
from nws.errors import NwsUnpicklingException
from nws.values import decode
from nws_babelfish.reading import read_pickle
from nws_babelfish.text import text_of

__all__ = ["as_bytes", "as_json"]

_MAX_PLAIN_CHARS: Final = 1_000_000
"""A pickle that is shorter than its text by far, since parts of it occur many times, is shown whole
up to here."""

_MAX_INT_BITS: Final = 10_000
"""Python refuses to write longer numbers."""

_JSON_KINDS: Final = frozenset({type(None), bool, int, float, str, list, tuple, dict})
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
_PLAIN_KINDS: Final = _JSON_KINDS | _CONTAINERS | {complex, bytes}


def as_bytes(raw: RawValue, *, terminal: bool) -> bytes:
    """Return what is printed.

    Texts and other values end with a newline. Bytes are as they are, but for a terminal: there they
    are in Python's spelling, and control characters of texts are escaped.

    Raises:
        NwsUnpicklingException: the value is in another language's format, or damaged.
    """
    if not terminal and _kind(raw) == "bytes":
        return bytes(raw.payload)
    value = _read(raw)
    text = value if type(value) is str else _text(value, raw)
    if terminal:
        text = printable(text, kept="\n\t")
    return f"{text}\n".encode("utf-8", "backslashreplace")


def as_json(raw: RawValue) -> dict[str, Any]:
    """Return what stands for a value in JSON.

    Its ``kind`` is ``text``, ``bytes``, ``python``, or the name of another language. Bytes and what
    cannot be read are in ``base64``. All other values have a ``text``; and a ``value`` if they
    consist of what JSON knows, where tuples count as lists.
    """
    kind = _kind(raw)
    if kind in ("text", "python"):
        try:
            value = _read(raw)
        except NwsUnpicklingException:
            pass  # it is damaged
        else:
            return {"kind": kind, **_content(value, raw)}
    return {"kind": kind, "base64": base64.b64encode(raw.payload).decode()}


def _content(value: Any, raw: RawValue) -> dict[str, Any]:
    text = value if type(value) is str else _text(value, raw)
    if not _consists_of(_JSON_KINDS, value, raw, key_kinds=(str,)):
        return {"text": text}
    try:
        json.dumps(value, allow_nan=False)
    except (RecursionError, ValueError):  # it is nested too deeply; or JSON does not know infinity
        return {"text": text}
    return {"text": text, "value": value}


def _kind(raw: RawValue) -> str:
    if raw.descriptor & DIRECT_BIT:
        return "bytes" if raw.descriptor & BINARY_BIT or not _is_utf8(raw.payload) else "text"
    language = raw.descriptor >> LANGUAGE_SHIFT
    return "python" if language == PYTHON else OTHER_LANGUAGES.get(language, str(language))


def _is_utf8(payload: bytes | bytearray) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(raw: RawValue) -> Any:
    return decode(raw.descriptor, raw.payload, loads=read_pickle)


def _text(value: Any, raw: RawValue) -> str:
    if _consists_of(_PLAIN_KINDS, value, raw, key_kinds=_PLAIN_KINDS):
        try:
            return repr(value)
        except RecursionError:
            pass
    return text_of(value)


def _consists_of(
    kinds: Collection[type], value: Any, raw: RawValue, *, key_kinds: Collection[type]
) -> bool:
    """Tell whether a value and all its parts are of these kinds, and not too large to be shown."""
    room = max(_MAX_PLAIN_CHARS, 8 * len(raw.payload))
    parts = [value]
    while parts:
        part = parts.pop()
        kind = type(part)
        if kind not in kinds or (kind is int and part.bit_length() > _MAX_INT_BITS):
            return False
        room -= 1 + (len(part) if hasattr(part, "__len__") else 0)
        if room < 0:  # parts of it occur many times, or it contains itself
            return False
        if kind is dict:
            if not all(type(key) in key_kinds for key in part):
                return False
            parts += part
            parts += part.values()
        elif kind in _CONTAINERS:
            parts += part
    return True
