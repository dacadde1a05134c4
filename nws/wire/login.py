"""How the two ends of a connection prove to each other that they know the server's secret.

It goes with the negotiation, and the secret itself never travels. Both sides compute a keyed
BLAKE2b (RFC 7693), whose key is the BLAKE2b of the secret, of::

    nws-login-1 ADDRESS SERVER-NONCE CLIENT-NONCE

Its first half, in hexadecimal digits, is the client's proof, and the second half the server's: no
proof can be sent back. The nonces are new for each connection: none can be sent again. ``ADDRESS``
is that of the server's end of the connection, which each of them knows by itself: none can be
handed on by somebody in between, who has another address. Over TLS it is the fingerprint of the
server's certificate: somebody in between has another one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

__all__ = [
    "FORWARDED",
    "LOCAL",
    "MIN_SECRET_CHARS",
    "ClientLogin",
    "Login",
    "ServerLogin",
    "certificate_address",
    "end_address",
    "is_proof",
    "new_nonce",
    "new_secret",
    "proofs",
]

LOCAL: Final = "unix"
"""Address of all Unix sockets: whoever has one is known to the system."""

FORWARDED: Final = "forwarded"
"""Address of the server's socket for connections that something forwards, such as ssh."""

_CERTIFICATE: Final = "sha256:"
"""Begins the address of a server that speaks TLS; behind it is its certificate's fingerprint."""

MIN_SECRET_CHARS: Final = 16

_PURPOSE: Final = "nws-login-1"
_NONCE_CHARS: Final = 32
_PROOF_CHARS: Final = 64


def new_secret() -> str:
    """Make a secret, in 64 characters."""
    return os.urandom(32).hex()


def new_nonce() -> str:
    """Make what a proof of the other side must contain."""
    return os.urandom(_NONCE_CHARS // 2).hex()


def proofs(secret: str, *said: str) -> tuple[bytes, bytes]:
    """Return the client's and the server's proof that who has said this knows the secret."""
    from hashlib import blake2b  # takes 3 ms, and a private server needs none

    digits = blake2b(" ".join(said).encode(), key=_key(secret)).hexdigest().encode()
    return digits[:_PROOF_CHARS], digits[_PROOF_CHARS:]


@lru_cache(maxsize=16)
def _key(secret: str) -> bytes:
    from hashlib import blake2b

    return blake2b(secret.encode()).digest()


def is_proof(given: bytes, expected: bytes) -> bool:
    """Compare two proofs, in the same time wherever they differ."""
    import hmac

    return hmac.compare_digest(given, expected)


@lru_cache(maxsize=64)
def end_address(name: Any) -> str:
    """Return the address of a socket's end as proofs contain it, from what `socket` calls it."""
    if not isinstance(name, tuple):
        return LOCAL
    host = ip_address(name[0].partition("%")[0])
    host = getattr(host, "ipv4_mapped", None) or host
    return f"[{host}]:{name[1]}" if host.version == 6 else f"{host}:{name[1]}"


def certificate_address(certificate: bytes) -> str:
    """Return the address of a server that has this certificate, in DER."""
    from hashlib import sha256

    return _CERTIFICATE + sha256(certificate).hexdigest()


@dataclass(frozen=True, slots=True)
class Login:
    """What lets a client in.

    Attributes:
        secret: of the server.
        address: of the server's end, where that speaks TLS or something forwards the connection;
            empty for the one that is dialed.
    """

    secret: str = field(repr=False)
    address: str = ""

    @classmethod
    def from_text(cls, text: str) -> Login:
        """Read ``SECRET``, or ``SECRET@ADDRESS``."""
        secret, _, address = text.strip().partition("@")
        return cls(secret, address)

    @property
    def has_certificate(self) -> bool:
        """Whether the address is that of a server that speaks TLS."""
        return self.address.startswith(_CERTIFICATE)

    def to_text(self) -> str:
        """Return what `from_text` reads."""
        return f"{self.secret}@{self.address}" if self.address else self.secret


class ServerLogin:
    """The server's side of one login.

    Attributes:
        address: of this end of the connection.
        offer: goes with the offers of the negotiation.
    """

    def __init__(self, secret: str, address: str, nonce: str = "") -> None:
        """Begin one.

        Args:
            secret: that the client must know.
            address: of this end of the connection.
            nonce: for tests; by default a new one.
        """
        self._secret = secret
        self.address = address
        self._nonce = nonce or new_nonce()
        self.offer = self._nonce.encode()

    def check(self, answer: bytes) -> bytes:
        """Return our proof if the client's answer is right; else nothing."""
        nonce = answer[:_NONCE_CHARS].decode("latin-1")
        theirs, ours = proofs(self._secret, _PURPOSE, self.address, self._nonce, nonce)
        return ours if is_proof(answer[_NONCE_CHARS:], theirs) else b""


class ClientLogin:
    """The client's side of one login."""

    def __init__(self, secret: str, address: str, nonce: str = "") -> None:
        """Begin one; see `ServerLogin`."""
        self._secret = secret
        self._address = address
        self._nonce = nonce or new_nonce()
        self._expected = b""

    def answer(self, offer: bytes) -> bytes:
        """Return what answers the server's offer: our nonce and our proof."""
        nonce = offer.decode("latin-1")
        ours, self._expected = proofs(self._secret, _PURPOSE, self._address, nonce, self._nonce)
        return self._nonce.encode() + ours

    def accepts(self, proof: bytes) -> bool:
        """Tell whether the server has proved that it knows the secret."""
        return bool(self._expected) and is_proof(proof, self._expected)
