"""What lets a client trust the program that has answered it: the secret, or whose program it is."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address

from nws.peer_user import own_user, peer_user
from nws.session.endpoint import Endpoint
from nws.wire.login import LOCAL, ClientLogin, certificate_address, end_address

__all__ = ["client_login", "server_end", "why_not_trusted"]

_ROOT = 0
"""Its programs could do as we can in any case."""


def server_end(sock: socket.socket, certificate: bytes) -> str:
    """Return the address of the server's end of a connection, as proofs contain it.

    Args:
        sock: the connection.
        certificate: of the server, in DER, if it is by TLS.
    """
    return certificate_address(certificate) if certificate else end_address(sock.getpeername())


def client_login(
    endpoint: Endpoint, sock: socket.socket, certificate: bytes = b""
) -> ClientLogin | None:
    """Begin a login on a connection, see `server_end`; None if we know no secret of that server."""
    login = endpoint.login
    if login is None:
        return None
    return ClientLogin(login.secret, login.address or server_end(sock, certificate))


def why_not_trusted(sock: socket.socket) -> str:
    """Tell why we may not use a server that has proved nothing; empty if we may.

    On this machine, by whatever address of it, it must be ours, or root's. Of others, and of TCP on
    other systems than Linux, nobody knows: there we trust whoever was named.
    """
    name = sock.getpeername()
    if end_address(name) != LOCAL:
        is_here = ip_address(name[0].partition("%")[0]).is_loopback
        if not (is_here or name[0] == sock.getsockname()[0]) or sys.platform != "linux":
            return ""
    user = peer_user(sock)
    if user in (own_user(), _ROOT):
        return ""
    whose = (
        "the system does not tell whose program it is"
        if user is None
        else (f"it is a program of user {user}")
    )
    return (
        f"{whose}, and it has proved nothing; if that is right, ask for its secret, for NWS_SECRET"
    )
