"""Who may use the server: those who know its secret, or whom the system knows as its own user.

| listener | who proves the secret | our client without it | original clients |
|---|---|---|---|
| Unix socket | yes | of the same user | of the same user, unless ``never`` |
| TCP | yes | as original clients | as ``--original`` says |
| the socket for forwarded connections | yes | no | no |

``same-user`` lets in whose socket is on this machine and belongs to our user, as far as the system
tells. What comes through ssh comes from a process of that user, whoever is behind it: hence the
third kind of listener.

A server that has a certificate lets in by TCP who speaks TLS, and from this machine also who does
not.
"""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from typing import Final

from nws.peer_user import own_user, peer_user
from nws.wire.dialect import Dialect
from nws.wire.handshake import Proof
from nws.wire.login import FORWARDED, LOCAL, ServerLogin, end_address

__all__ = ["ORIGINAL_KINDS", "SAME_USER", "Authenticator", "Visitor"]

SAME_USER: Final = "same-user"
NEVER: Final = "never"
ANYONE: Final = "anyone"
ORIGINAL_KINDS: Final = (SAME_USER, NEVER, ANYONE)
"""Which original clients may come in."""

_REMEDY: Final = (
    "clients of this package find the secret in the server's connection file or in NWS_SECRET; "
    "--original says which others may come in"
)

_NOT_ENCRYPTED: Final = (
    "this server speaks TLS with other machines: a client needs to know its certificate, by "
    "NWS_SECRET=SECRET@sha256:FINGERPRINT, which is in the connection file and the log, or the "
    "file of the authorities that have signed it, by NWS_TLS_CA"
)


class Authenticator:
    """Decides for one server.

    Attributes:
        secret: that lets in.
        forwarded_path: of the socket for forwarded connections, once there is one.
    """

    def __init__(self, secret: str, original: str, *, encrypted: bool = False) -> None:
        """Decide.

        Args:
            secret: that lets in.
            original: setting for clients that do not know it.
            encrypted: other machines must speak TLS.
        """
        self.secret = secret
        self.original = original
        self.encrypted = encrypted
        self.forwarded_path = ""
        self.user = own_user()

    @property
    def can_know_user(self) -> bool:
        """Whether a TCP client of this machine may come in without the secret."""
        return self.original == ANYONE or (self.original == SAME_USER and sys.platform == "linux")

    def knows(self, sock: socket.socket | None) -> bool:
        """Tell whether a browser may see the inspector without its key."""
        if self.original != SAME_USER or sock is None:
            return self.original == ANYONE
        return self.user is not None and peer_user(sock) == self.user

    def user_at(self, sock: socket.socket | None) -> int | None:
        """Return whose process has the other end; None if the system does not tell."""
        return None if sock is None else peer_user(sock)

    def meet(self, sock: socket.socket | None) -> Visitor:
        """Begin with a new connection; None for one that the system knows nothing of."""
        if sock is None:
            return Visitor(self, None, "")
        name = sock.getsockname()
        is_forwarded = bool(self.forwarded_path) and name == self.forwarded_path
        return Visitor(self, sock, FORWARDED if is_forwarded else end_address(name))


class Visitor:
    """Who has connected.

    Attributes:
        login: by which they can prove that they know the secret.
        identity: what they have proved, once they are in.
    """

    def __init__(
        self, authenticator: Authenticator, sock: socket.socket | None, address: str
    ) -> None:
        """Meet who has connected to this address."""
        self.login = ServerLogin(authenticator.secret, address)
        self.identity = ""
        self._authenticator = authenticator
        self._socket = sock
        self._address = address
        self._speaks_tls = False

    def encrypt(self, certificate: str) -> None:
        """Go on over TLS, under the address of a certificate."""
        self._speaks_tls = True
        self._address = self.login.address = certificate

    @property
    def is_of_own_user(self) -> bool:
        """Whether the system knows them to be of the server's user. Of what is forwarded it knows
        nothing."""
        return self._address != FORWARDED and self._authenticator.knows(self._socket)

    def admit(self, dialect: Dialect, proof: Proof) -> str:
        """Return why they may not come in; empty if they may, and have an ``identity`` then."""
        if self._authenticator.encrypted and not self._speaks_tls and not self._is_here():
            return _NOT_ENCRYPTED
        if proof is Proof.RIGHT:
            self.identity = "secret"
            return ""
        if proof is Proof.WRONG:
            return (
                f"its secret is wrong for {self._address or 'this listener'}: it is that of "
                "another server, or of one that has ended, or something forwards the connection"
            )
        if self._address == FORWARDED:
            return "what is forwarded to this server must know its secret"
        return self._judge_by_user(is_original=not dialect.extensions)

    def _is_here(self) -> bool:
        """Tell whether nothing of the connection leaves this machine."""
        if self._socket is None:
            return False
        host, _, _ = self._address.rpartition(":")
        if not host or ip_address(host.strip("[]")).is_loopback:  # or it is a Unix socket
            return True
        return peer_user(self._socket) is not None

    def _judge_by_user(self, *, is_original: bool) -> str:
        theirs = None if self._socket is None else peer_user(self._socket)
        setting = self._authenticator.original
        is_same = theirs is not None and theirs == self._authenticator.user
        may_be_same = setting != NEVER or (self._address == LOCAL and not is_original)
        if setting != ANYONE and not (is_same and may_be_same):
            whose = "of an unknown user" if theirs is None else f"of user {theirs}"
            return f"it is {whose} and has not proved that it knows the secret; {_REMEDY}"
        self.identity = f"user {theirs}" if is_same else "anyone"
        return ""
