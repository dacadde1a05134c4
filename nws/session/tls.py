"""How a client begins TLS, and knows that it has come to the right server.

It knows the fingerprint of the server's certificate, as in the connection file; or the authorities
that sign certificates, and then the certificate must be for the name by which the server is called.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache

from nws.session.endpoint import TLS_CA, Endpoint
from nws.session.tls_channel import TlsChannel
from nws.wire.login import certificate_address

__all__ = [
    "TlsError",
    "begin_tls",
    "not_certified",
    "not_tls",
    "tls_context",
    "tls_problem",
    "why_not_certified",
]


class TlsError(Exception):
    """There is no TLS with that server; the message goes behind where it is."""


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return what checks the server as far as `ssl` can; then ask `why_not_certified`.

    Raises:
        TlsError: the file of the authorities cannot be used.
    """
    return _context("" if endpoint.is_pinned else endpoint.authorities)


@lru_cache(maxsize=16)
def _context(authorities: str) -> ssl.SSLContext:
    """Make one that trusts these authorities; if there are none, any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not authorities:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(authorities)
    except OSError as error:
        raise TlsError(
            f"{TLS_CA}={authorities}: there is no certificate in PEM that can be read: {error}"
        ) from error
    return context


def why_not_certified(endpoint: Endpoint, certificate: bytes) -> str:
    """Tell why a server with this certificate, in DER, is not the right one; empty if it is."""
    login = endpoint.login
    address = certificate_address(certificate)
    if login is None or not endpoint.is_pinned or login.address == address:
        return ""
    return (
        f"it has the certificate {address}, and we know {login.address}: it has been started "
        "again, or it is another program, which may belong to somebody else"
    )


def tls_problem(error: Exception) -> str:
    """Say what is wrong where TLS could not begin."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return not_certified(error.verify_message)
    return not_tls(error)


def not_certified(reason: object) -> str:
    """Say that the authorities do not stand for the server's certificate."""
    return f"its certificate is not right: {reason}; {TLS_CA} names the authorities"


def not_tls(reason: object) -> str:
    """Say that something else than TLS is spoken there."""
    return (
        f"it does not speak TLS ({reason}), as servers do that are started with --tls: its address "
        "or its port may be another one"
    )


def begin_tls(sock: socket.socket, endpoint: Endpoint, deadline: float) -> TlsChannel:
    """Begin TLS on a socket that is connected, until `time.monotonic` is this.

    Raises:
        TlsError: it is not the right server, or does not speak TLS, or the file of the authorities
            cannot be used. Nothing else was sent to it.
        TimeoutError: it did not answer in time.
    """
    channel = TlsChannel(sock, tls_context(endpoint), endpoint.dialed or endpoint.host)
    try:
        channel.do_handshake(deadline)
    except TimeoutError as error:
        raise TimeoutError("no answer to the handshake of TLS") from error
    except OSError as error:
        raise TlsError(tls_problem(error)) from error
    problem = why_not_certified(endpoint, channel.certificate)
    if problem:
        raise TlsError(problem)
    return channel
