"""How a connection begins: both sides of the handshake, without any I/O.

The client speaks first. ``0000``, ``1111`` and ``1112`` are the original's fixed dialects; a hello
that begins with ``X`` asks for negotiation: the server offers options, the client names those it
wants, the server accepts or refuses. Either side ends with a `Dialect`. Feed an object the bytes
that came, send what it returns, until ``dialect`` or ``refused`` is set.

Every client waits for each answer before it goes on. A web page that reached this port (by DNS
rebinding) could not: browsers send a request in one piece, and its method may be any hello. So
whoever says more than it was asked is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nws.errors import NwsProtocolException
from nws.wire.dialect import (
    EXTENSIONS,
    METADATA_FROM_SERVER,
    METADATA_TO_SERVER,
    PEER_TIMEOUT,
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

_HTTP: Final = "it speaks HTTP; browsers are served by the inspector, on a port of its own"
_UNASKED: Final = "it went on before the server had answered, as web browsers do"

_MAX_SECONDS_DIGITS: Final = 9

MAX_HANDSHAKE_BYTES: Final = 8 * 1024
"""Ten times what the longest known exchange needs."""


class ServerHandshake:
    """The server's side.

    Attributes:
        dialect: None until the handshake is over.
        refused: empty, or why the connection must be closed once the answer is sent.
    """

    def __init__(self, offers: Mapping[bytes, bytes]) -> None:
        """Offer these options. An empty value may be set freely, any other one is required."""
        self._offers = offers
        self._buffer = b""
        self._negotiating = False
        self.dialect: Dialect | None = None
        self.refused = ""

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the client and return the answer, which may be empty."""
        if not data:
            return b""  # as before: what is complete is answered once
        self._buffer += data
        if self._negotiating:
            return self._negotiate()
        if len(self._buffer) < 4:
            return b""
        hello, rest = self._buffer[:4], self._buffer[4:]
        self._buffer = b""
        negotiates = hello[:1] == HELLO_NEGOTIATE[:1]
        if not negotiates and hello.replace(b" ", b"").isalpha():
            self.refused = _HTTP
            return b""
        if rest:
            self.refused = _UNASKED
            return b""
        if negotiates:
            self._negotiating = True
            return ANSWER_OFFERS + encode_dict(self._offers)
        self.dialect = Dialect(cookie=hello not in HELLO_NO_COOKIE)
        return ANSWER_COOKIE

    def _negotiate(self) -> bytes:
        if not REQUEST_OPTIONS.startswith(self._buffer[:4]):
            self.refused = "it did not answer the server's offers"  # 2.0.0 closes silently, too
            return b""
        try:
            wanted, end = parse_dict(self._buffer, 4)
        except NwsProtocolException:
            wanted, end = {b"": b""}, len(self._buffer)  # no option has an empty name
        if end < 0 or end > MAX_HANDSHAKE_BYTES:
            if len(self._buffer) > MAX_HANDSHAKE_BYTES:
                self.refused = f"its handshake has more than {MAX_HANDSHAKE_BYTES} bytes"
            return b""
        if not all(self._allows(name, value) for name, value in wanted.items()):
            self.refused = "its handshake asks for what this server does not offer"
            return REFUSED
        if len(self._buffer) > end:
            self.refused = _UNASKED
            return b""
        self.dialect = Dialect(
            metadata_in=wanted.get(METADATA_TO_SERVER) == b"1",
            metadata_out=wanted.get(METADATA_FROM_SERVER) == b"1",
            extensions=wanted.get(EXTENSIONS) == b"1",
            peer_timeout=_seconds(wanted.get(PEER_TIMEOUT, b"")),
        )
        return ACCEPTED

    def _allows(self, name: bytes, value: bytes) -> bool:
        required = self._offers.get(name)
        return required is not None and required in (b"", value)


def _seconds(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= _MAX_SECONDS_DIGITS else 0


class ClientHandshake:
    """The client's side. It asks for the extensions and takes what the server offers.

    Attributes:
        dialect: None until the handshake is over.
        refused: None, or why there can be no connection.
    """

    def __init__(self, peer_timeout: int = 0) -> None:
        """Prepare.

        Args:
            peer_timeout: seconds after which the server shall give up this machine; 0 for its own.
        """
        self._peer_timeout = peer_timeout
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
        if self._wanted and self._peer_timeout and PEER_TIMEOUT in offers:
            self._wanted[PEER_TIMEOUT] = b"%d" % self._peer_timeout
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
