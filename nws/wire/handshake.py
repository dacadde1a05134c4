"""How a connection begins: both sides of the handshake, without any I/O.

The client speaks first. ``0000``, ``1111`` and ``1112`` are the original's fixed dialects; a hello
that begins with ``X`` asks for negotiation: the server offers options, the client names those it
wants, the server accepts or refuses. Either side ends with a `Dialect`. Feed an object the bytes
that came, send what it returns, until ``dialect`` or ``refused`` is set.

With a login (see ``login.py``) the options are also where both sides prove that they know the
secret. The server hears of a client what it has proved, and decides; a client that knows the secret
uses no server that does not.

Every client waits for each answer before it goes on. A web page that reached this port (by DNS
rebinding) could not: browsers send a request in one piece, and its method may be any hello. So
whoever says more than it was asked is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from nws.errors import NwsProtocolException
from nws.wire.dialect import (
    EXTENSIONS,
    LOGIN,
    METADATA_FROM_SERVER,
    METADATA_TO_SERVER,
    PEER_TIMEOUT,
    REASON,
    SESSION,
    Dialect,
    encode_dict,
    parse_dict,
)
from nws.wire.login import ClientLogin, ServerLogin

__all__ = [
    "HELLO_NEGOTIATE",
    "TLS_HELLO",
    "Admit",
    "ClientHandshake",
    "Proof",
    "ServerHandshake",
    "refusal",
]

TLS_HELLO: Final = b"\x16"
"""The first byte of a client that speaks TLS (RFC 8446, a record of the handshake). Nothing of ours
begins so."""

HELLO_NO_COOKIE: Final = (b"0000", b"1111")
HELLO_NEGOTIATE: Final = b"X000"
ANSWER_COOKIE: Final = b"2223"
ANSWER_NO_COOKIE: Final = b"2222"
ANSWER_OFFERS: Final = b"P000"
REQUEST_OPTIONS: Final = b"R000"
ACCEPTED: Final = b"A000"
REFUSED: Final = b"F000"

_HTTP: Final = "it speaks HTTP; browsers are served by the inspector, on a port of its own"
_TLS: Final = "it speaks TLS, which this server does not here: `--tls` lets it"
_UNASKED: Final = "it went on before the server had answered, as web browsers do"

_NO_LOGIN: Final = (
    "but we know the secret of a server that listens here: it is another program, which may belong "
    "to somebody else"
)

_MAX_SECONDS_DIGITS: Final = 9

_MAX_REASON_CHARS: Final = 500
"""Of what a server says that refuses us; it may be anybody."""

MAX_HANDSHAKE_BYTES: Final = 8 * 1024
"""Ten times what the longest known exchange needs."""


class Proof(Enum):
    """What a client has said of the secret."""

    NONE = "nothing"
    RIGHT = "right"
    WRONG = "wrong"


Admit = Callable[[Dialect, Proof], str]
"""Is told what a client would speak, and what it has proved. Returns why it may not come in, empty
if it may."""


def _admit_anybody(dialect: Dialect, proof: Proof) -> str:
    return ""


def _no_token() -> bytes:
    return b""


def refusal(reason: str) -> bytes:
    """Return what tells a client why it may not come in."""
    return REFUSED + encode_dict({REASON: reason.encode()})


class ServerHandshake:
    """The server's side.

    Attributes:
        dialect: None until the handshake is over.
        refused: empty, or why the connection must be closed once the answer is sent.
    """

    def __init__(
        self,
        offers: Mapping[bytes, bytes],
        login: ServerLogin | None = None,
        admit: Admit = _admit_anybody,
        token: Callable[[], bytes] = _no_token,
    ) -> None:
        """Begin one.

        Args:
            offers: options. An empty value may be set freely, any other one is required.
            login: by which a client can prove that it knows the secret, if there is one.
            admit: decides who may come in.
            token: returns that of the session of a client that has come in.
        """
        self._offers = offers if login is None else {**offers, LOGIN: login.offer}
        self._login = login
        self._admit = admit
        self._token = token
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
        if self._buffer.startswith(TLS_HELLO):
            self.refused = _TLS
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
        dialect = Dialect(cookie=hello not in HELLO_NO_COOKIE)
        self.refused = self._admit(dialect, Proof.NONE)
        if self.refused:
            return b""
        self.dialect = dialect
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
        dialect = Dialect(
            metadata_in=wanted.get(METADATA_TO_SERVER) == b"1",
            metadata_out=wanted.get(METADATA_FROM_SERVER) == b"1",
            extensions=wanted.get(EXTENSIONS) == b"1",
            peer_timeout=_seconds(wanted.get(PEER_TIMEOUT, b"")),
        )
        proof, our_proof = self._check_login(wanted.get(LOGIN))
        self.refused = self._admit(dialect, proof)
        if self.refused:
            return refusal(self.refused)
        self.dialect = dialect
        about = {LOGIN: our_proof} if our_proof else {}
        if wanted.get(SESSION) == b"1":
            about[SESSION] = self._token()
        return ACCEPTED + encode_dict(about) if about else ACCEPTED

    def _check_login(self, answer: bytes | None) -> tuple[Proof, bytes]:
        """Return what a client has proved, and our own proof if that was right."""
        if self._login is None or answer is None:
            return Proof.NONE, b""
        our_proof = self._login.check(answer)
        return (Proof.RIGHT if our_proof else Proof.WRONG), our_proof

    def _allows(self, name: bytes, value: bytes) -> bool:
        if name == LOGIN:
            return self._login is not None
        required = self._offers.get(name)
        return required is not None and required in (b"", value)


def _seconds(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= _MAX_SECONDS_DIGITS else 0


class ClientHandshake:
    """The client's side. It asks for the extensions and takes what the server offers.

    Attributes:
        dialect: None until the handshake is over.
        refused: None, or why there can be no connection.
        token: by which other connections join the session of this one; empty without extensions.
    """

    def __init__(self, peer_timeout: int = 0, login: ClientLogin | None = None) -> None:
        """Prepare.

        Args:
            peer_timeout: seconds after which the server shall give up this machine; 0 for its own.
            login: if we know the server's secret. Then no other server will do.
        """
        self._peer_timeout = peer_timeout
        self._login = login
        self._buffer = b""
        self._wanted: dict[bytes, bytes] | None = None
        self.dialect: Dialect | None = None
        self.refused: str | None = None
        self.token = b""

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
            if self._login is not None:
                self.refused = f"it speaks only the original protocol, {_NO_LOGIN}"
            else:
                self._end(Dialect(cookie=answer == ANSWER_COOKIE))
        elif answer == ANSWER_OFFERS:
            return self._choose()
        elif answer == REFUSED:
            self._conclude({})
        else:
            self.refused = f"this is not a NetWorkSpaces server (it answered {self._buffer[:16]!r})"
        return b""

    def end(self) -> None:
        """Take note that the server has closed the connection."""
        if self.dialect is None and self.refused is None:
            self.refused = "it closed the connection during the handshake"
            if self._buffer[:4] == REFUSED:
                self.refused = f"the server refused the options {sorted(self._wanted or ())}"

    def _choose(self) -> bytes:
        try:
            offers, end = parse_dict(self._buffer, 4)
        except NwsProtocolException as error:
            self.refused = f"its offer cannot be read: {error}"
            return b""
        if end < 0:
            return b""
        self._buffer = self._buffer[end:]
        if self._login is not None and LOGIN not in offers:
            self.refused = f"it offers no login, {_NO_LOGIN}"
            return b""
        # Without the reasons of failures and the extensions together, neither is of use to us.
        ours = (METADATA_FROM_SERVER, EXTENSIONS, SESSION)
        self._wanted = dict.fromkeys(ours, b"1") if all(name in offers for name in ours) else {}
        if self._wanted and self._peer_timeout and PEER_TIMEOUT in offers:
            self._wanted[PEER_TIMEOUT] = b"%d" % self._peer_timeout
        if self._login is not None:
            self._wanted[LOGIN] = self._login.answer(offers[LOGIN])
        return REQUEST_OPTIONS + encode_dict(self._wanted)

    def _conclude(self, wanted: Mapping[bytes, bytes]) -> None:
        kind = self._buffer[:4]
        if kind not in (ACCEPTED, REFUSED):
            self.refused = f"it answered {self._buffer[:16]!r} to the options {sorted(wanted)}"
            return
        about: Mapping[bytes, bytes] = {}
        if kind == REFUSED or LOGIN in wanted or SESSION in wanted:
            try:
                about, end = parse_dict(self._buffer, 4)
            except NwsProtocolException as error:
                self.refused = f"its answer to the options cannot be read: {error}"
                return
            if end < 0:
                return
            self._buffer = kind + self._buffer[end:]
        if kind == REFUSED:
            reason = about.get(REASON, b"").decode("utf-8", "replace")[:_MAX_REASON_CHARS]
            self.refused = "it refuses us: " + (reason if reason.isprintable() else repr(reason))
        elif self._login is not None and not self._login.accepts(about.get(LOGIN, b"")):
            self.refused = (
                "it has not proved that it knows the secret: it is another program, which may "
                "belong to somebody else"
            )
        else:
            extended = EXTENSIONS in wanted
            self.token = about.get(SESSION, b"")
            self._end(Dialect(metadata_out=extended, extensions=extended))

    def _end(self, dialect: Dialect) -> None:
        if len(self._buffer) > 4:
            self.refused = f"it said more than it was asked ({self._buffer[4:20]!r})"
        else:
            self.dialect = dialect
