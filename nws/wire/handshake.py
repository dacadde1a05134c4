"""How a connection begins: both sides of the handshake, without any I/O.

The client speaks first. ``0000``, ``1111`` and ``1112`` are the original's fixed dialects; a hello
that begins with ``X`` asks for negotiation: the server offers options, the client names those it
wants, the server accepts or refuses. Either side ends with a `Dialect`. Feed an object the bytes
that came, send what it returns, until ``dialect`` is set or ``refused`` is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nws.errors import NwsProtocolException
from nws.wire.dialect import (
    EXTENSIONS,
    METADATA_FROM_SERVER,
    METADATA_TO_SERVER,
    Dialect,
    encode_dict,
    parse_dict,
)

__all__ = ["ClientHandshake", "ServerHandshake"]

HELLO_NO_COOKIE: Final = (b"0000", b"1111")
HELLO_NEGOTIATE: Final = b"X000"
ANSWER_COOKIE: Final = b"2223"
ANSWER_NO_COOKIE: Final = b"2222"
ANSWER_OFFERS: Final = b"P000"
REQUEST_OPTIONS: Final = b"R000"
ACCEPTED: Final = b"A000"
REFUSED: Final = b"F000"

MAX_HANDSHAKE_BYTES: Final = 8 * 1024
"""Ten times what the longest known exchange needs."""


class ServerHandshake:
    """The server's side.

    Attributes:
        dialect: None until the handshake is over.
        rest: bytes that arrived behind the handshake.
        refused: the client asked for what it cannot have; close once the answer is sent.
    """

    def __init__(self, offers: Mapping[bytes, bytes]) -> None:
        """Offer these options. An empty value may be set freely, any other one is required."""
        self._offers = offers
        self._buffer = b""
        self._negotiating = False
        self.dialect: Dialect | None = None
        self.rest = b""
        self.refused = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the client and return the answer, which may be empty."""
        self._buffer += data
        answer = b""
        if not self._negotiating:
            if len(self._buffer) < 4:
                return b""
            hello, self._buffer = self._buffer[:4], self._buffer[4:]
            if hello[:1] != HELLO_NEGOTIATE[:1]:
                self._end(Dialect(cookie=hello not in HELLO_NO_COOKIE))
                return ANSWER_COOKIE
            self._negotiating = True
            answer = ANSWER_OFFERS + encode_dict(self._offers)
        return answer + self._negotiate()

    def _negotiate(self) -> bytes:
        if not REQUEST_OPTIONS.startswith(self._buffer[:4]):
            self.refused = True  # 2.0.0 closes without a word, too
            return b""
        try:
            wanted, end = parse_dict(self._buffer, 4)
        except NwsProtocolException:
            wanted, end = {b"": b""}, len(self._buffer)  # no option has an empty name
        if end < 0 or end > MAX_HANDSHAKE_BYTES:
            self.refused = len(self._buffer) > MAX_HANDSHAKE_BYTES
            return b""
        if not all(self._allows(name, value) for name, value in wanted.items()):
            self.refused = True
            return REFUSED
        self._buffer = self._buffer[end:]
        self._end(
            Dialect(
                metadata_in=wanted.get(METADATA_TO_SERVER) == b"1",
                metadata_out=wanted.get(METADATA_FROM_SERVER) == b"1",
                extensions=wanted.get(EXTENSIONS) == b"1",
            )
        )
        return ACCEPTED

    def _allows(self, name: bytes, value: bytes) -> bool:
        required = self._offers.get(name)
        return required is not None and required in (b"", value)

    def _end(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.rest, self._buffer = self._buffer, b""


class ClientHandshake:
    """The client's side. It asks for the extensions and takes what the server offers.

    Attributes:
        dialect: None until the handshake is over.
        refused: None, or why there can be no connection.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._wanted: dict[bytes, bytes] | None = None
        self.dialect: Dialect | None = None
        self.refused: str | None = None

    def start(self) -> bytes:
        """Return the hello."""
        return HELLO_NEGOTIATE

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the server and return the answer, which may be empty."""
        self._buffer += data
        if len(self._buffer) < 4 or self.refused:
            return b""
        if self._wanted is not None:
            self._conclude(self._wanted)
            return b""
        answer = self._buffer[:4]
        if answer in (ANSWER_COOKIE, ANSWER_NO_COOKIE):
            self._end(Dialect(cookie=answer == ANSWER_COOKIE))
        elif answer == ANSWER_OFFERS:
            return self._choose()
        else:
            self.refused = f"this is not a NetWorkSpaces server (it answered {self._buffer[:16]!r})"
        return b""

    def _choose(self) -> bytes:
        try:
            offers, end = parse_dict(self._buffer, 4)
        except NwsProtocolException as error:
            self.refused = f"its offer cannot be read: {error}"
            return b""
        if end < 0:
            return b""
        self._buffer = self._buffer[end:]
        # Without the reasons of failures and the extensions together, neither is of use to us.
        ours = (METADATA_FROM_SERVER, EXTENSIONS)
        self._wanted = dict.fromkeys(ours, b"1") if all(name in offers for name in ours) else {}
        return REQUEST_OPTIONS + encode_dict(self._wanted)

    def _conclude(self, wanted: Mapping[bytes, bytes]) -> None:
        if self._buffer[:4] == ACCEPTED:
            extended = bool(wanted)
            self._end(Dialect(metadata_out=extended, extensions=extended))
        else:
            self.refused = f"the server refused the options {sorted(wanted)}"

    def _end(self, dialect: Dialect) -> None:
        if len(self._buffer) > 4:
            self.refused = f"it said more than it was asked ({self._buffer[4:20]!r})"
        else:
            self.dialect = dialect
