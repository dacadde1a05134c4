"""What the two ends of a connection agree on; numbers and dicts, the smallest parts of frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nws.errors import NwsProtocolException

__all__ = [
    "BLANK_ID",
    "EXTENSIONS",
    "LOGIN",
    "MAX_DESCRIPTOR",
    "MAX_DICT_ENTRIES",
    "METADATA_FROM_SERVER",
    "METADATA_TO_SERVER",
    "PEER_TIMEOUT",
    "REASON",
    "SESSION",
    "WEB_PORT",
    "Dialect",
    "encode_dict",
    "number",
    "parse_dict",
]

# Options that can be negotiated.
METADATA_TO_SERVER: Final = b"MetadataToServer"
METADATA_FROM_SERVER: Final = b"MetadataFromServer"
WEB_PORT: Final = b"NwsWebPort"
EXTENSIONS: Final = b"NwsExtensions"
PEER_TIMEOUT: Final = b"NwsPeerTimeout"
LOGIN: Final = b"NwsLogin"
SESSION: Final = b"NwsSession"

REASON: Final = b"nwsReason"
"""The metadata entry that carries the text of a failure."""

BLANK_ID: Final = b" " * 20
MAX_DESCRIPTOR: Final = 2**31 - 1
"""R reads a descriptor as a signed 32-bit number."""
MAX_DICT_ENTRIES: Final = 64

_MAX_DICT_TEXT_BYTES: Final = 9999
_MAX_NUMBER_DIGITS: Final = 20
"""Python refuses, or takes long, to read thousands of them."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the two ends of a connection agreed on in the handshake."""

    cookie: bool = True
    """Long replies name the variable's id and the value's index."""
    metadata_in: bool = False
    """A dict goes before each request."""
    metadata_out: bool = False
    """A dict goes before each reply."""
    extensions: bool = False
    """The operations and status codes that the original does not have."""
    peer_timeout: int = 0
    """Seconds after which the server gives up the client's machine, if that is earlier than it
    would; 0 if the client did not say."""


def number(field: bytes) -> int:
    """Read a decimal field that may be padded with blanks.

    Raises:
        NwsProtocolException: it holds anything but digits, or is wider than any field may be.
    """
    digits = field.strip(b" ")
    if not digits.isdigit() or len(field) > _MAX_NUMBER_DIGITS:
        raise NwsProtocolException(f"expected a number, got {field[:24]!r}")
    return int(digits)


def encode_dict(entries: Mapping[bytes, bytes]) -> bytes:
    """Frame an option or metadata dict. Names and values are cut at 9999 bytes."""
    parts = [b"%04d" % len(entries)]
    for pair in entries.items():
        for text in pair:
            parts.append(b"%04d" % min(len(text), _MAX_DICT_TEXT_BYTES))
            parts.append(text[:_MAX_DICT_TEXT_BYTES])
    return b"".join(parts)


def parse_dict(data: bytes, position: int) -> tuple[dict[bytes, bytes], int]:
    """Read a dict that starts at ``position``.

    Returns:
        The dict, and where it ends. While it is incomplete: an empty dict, and how long ``data``
        must be at least before one more text of it can be read, as a negative number.

    Raises:
        NwsProtocolException: this is no dict.
    """
    start = position + 4
    if len(data) < start:
        return {}, -start
    count = number(data[position:start])
    if count > MAX_DICT_ENTRIES:
        raise NwsProtocolException(f"a dict of {count} entries (at most {MAX_DICT_ENTRIES})")
    texts = []
    end = start
    for _ in range(2 * count):
        start = end + 4
        if len(data) < start:
            return {}, -start
        end = start + number(data[start - 4 : start])
        if len(data) < end:
            return {}, -end
        texts.append(data[start:end])
    return dict(zip(texts[::2], texts[1::2], strict=True)), end
