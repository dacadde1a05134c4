"""Where a server is, and what lets us in: all that a connection needs before it can be made.

The secret comes from the program (``login=``), from `SECRET` in the environment, or from the
connection file that the server has written. Once a program has given it, this process remembers it:
a workspace that was pickled names its server only.

What leaves this machine is encrypted if we know the server's certificate, which comes with the
secret, or, by `TLS_CA` in the environment, the authorities that have signed it.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from nws.connection_file import (
    CONNECTION_FILE,
    SECRET,
    ConnectionFileError,
    ServerAddress,
    read_connection_file,
    usual_path,
)
from nws.errors import NwsConnectException
from nws.session.address import Address, read_address
from nws.wire.arguments import peer_seconds
from nws.wire.login import Login

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "DEFAULT_WEB_PORT",
    "TLS_CA",
    "UNIX",
    "Endpoint",
    "find_endpoint",
    "remember",
    "server_address",
]

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 8765
DEFAULT_WEB_PORT: Final = 8766

UNIX: Final = "unix:"
"""Begins a host that is the path of a Unix socket."""

TLS_CA: Final = "NWS_TLS_CA"
"""Environment variable: a file with the certificates of authorities, in PEM."""

_ANY_ADDRESS: Final = ("0.0.0.0", "::")


class Endpoint(NamedTuple):
    """Where a server is: a host and a port; or ``unix:`` and the path of a socket, and any port."""

    host: str
    port: int
    peer_timeout: int = 0
    """Seconds after which client and server give each other's machine up if it does not answer, if
    that is earlier than they would; 0 for their own bounds."""
    login: Login | None = None
    """If we know the server's secret."""
    dialed: str = ""
    """The host to connect to, if the server has said that more exactly."""
    local: str = ""
    """Path of a Unix socket of the server, if it is on this machine and has one: that is quicker.
    """
    authorities: str = ""
    """File with those that have signed the server's certificate, if we do not know that itself."""

    def __str__(self) -> str:
        return self.host if self.host.startswith(UNIX) else str(Address(self.host, self.port))

    @property
    def is_here(self) -> bool:
        """Whether the host stands for this machine."""
        return self.host.startswith((UNIX, "127.")) or self.host in (DEFAULT_HOST, "::1")

    @property
    def is_pinned(self) -> bool:
        """Whether we know the server's certificate."""
        return self.login is not None and self.login.has_certificate

    @property
    def is_encrypted(self) -> bool:
        """Whether we speak TLS there."""
        return self.is_pinned or bool(self.authorities)

    def web(self, port: int) -> str:
        """Return the web address of a port on the server's machine."""
        host = "localhost" if self.host.startswith(UNIX) else self.host
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


_remembered: dict[tuple[str, int], Login] = {}


def find_endpoint(
    host: str, port: int, peer_timeout: float | None = None, login: str = ""
) -> Endpoint:
    """Find out what lets us in at a server.

    Args:
        host, port: see `Endpoint`.
        peer_timeout: as for `nws.client.NwsServer`.
        login: as for `nws.client.NwsServer`; empty for what the environment or the connection
            file says.

    Raises:
        TypeError, ValueError: the host is no text, the port not a whole number, or a text with
            one, or ``peer_timeout`` no number above zero.
        NwsConnectException: there is a connection file that cannot be used.
    """
    if not isinstance(host, str):
        raise TypeError(f"the host {host!r} is not a text")
    port = _port_number(port)
    place = Endpoint(host, port, peer_seconds(peer_timeout))
    known = Login.from_text(login) if login else _remembered.get((host, port))
    if known is None and os.environ.get(SECRET) and not _is_our_socket(host):
        known = Login.from_text(os.environ[SECRET])
    if host.startswith(UNIX):
        return place._replace(login=known)
    found = server_address(place) if known is None else None
    if found is None:
        named = known is not None and known.address
        authorities = "" if named or place.is_here else os.environ.get(TLS_CA, "")
        return place._replace(login=known, authorities=authorities)
    dialed = _hosts(found.addresses)[port] if place.is_here else ""
    stays_here = place.is_here and (not dialed or _is_loopback(dialed))
    known = Login(found.secret, "" if stays_here else found.certificate)
    return place._replace(login=known, dialed=dialed, local=found.local if stays_here else "")


def _port_number(port: object) -> int:
    """Return a port as a plain number: as a text, or of another kind, it would be found nowhere."""
    try:
        return int(port) if isinstance(port, str) else operator.index(port)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise type(error)(f"the port {port!r} is not a whole number") from None


def remember(endpoint: Endpoint) -> None:
    """Let this process use what has let it in for further connections to the same host and port."""
    if endpoint.login is not None:
        _remembered[endpoint.host, endpoint.port] = endpoint.login


def server_address(place: Endpoint) -> ServerAddress | None:
    """Return what the server there has written into its connection file, if we can find that.

    Raises:
        NwsConnectException: there is one that cannot be used.
    """
    given = os.environ.get(CONNECTION_FILE)
    path = Path(given) if given else usual_path(place.port, "" if place.is_here else place.host)
    try:
        found = read_connection_file(path)
    except ConnectionFileError as error:
        raise NwsConnectException(f"cannot connect to the server at {place}: {error}") from error
    if given and found is None:
        raise NwsConnectException(
            f"cannot connect to the server at {place}: {CONNECTION_FILE}={given}: there is no such "
            "file that this user can read"
        )
    if found is None or place.port not in _hosts(found.addresses):
        return None
    if place.is_here and not given and found.is_stale:
        return None
    return found


def _is_our_socket(host: str) -> bool:
    """Tell whether a host is a Unix socket that belongs to us: then we need no secret there."""
    try:
        return host.startswith(UNIX) and os.stat(host.removeprefix(UNIX)).st_uid == os.geteuid()
    except (OSError, ValueError):  # it is not there, or has no place in the file system
        return False


@lru_cache(maxsize=64)  # programs may connect often
def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback


@lru_cache(maxsize=64)
def _hosts(addresses: Sequence[str]) -> dict[int, str]:
    """Return to which host to connect for each port; empty for the one that was named."""
    places = [read_address(address, 0) for address in reversed(addresses)]
    return {place.port: "" if place.host in _ANY_ADDRESS else place.host for place in places}
