"""Where the space of a label is: on the server that takes the place of the original's name server,
or on one of the master's own."""

from __future__ import annotations

import os
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nws.client import NwsServer
from nws.errors import MasterSlaveException, NwsConnectException
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT

__all__ = ["DEFAULT_MASTER_PORT", "MasterAddress", "address_of", "connect"]

DEFAULT_MASTER_PORT: Final = 7766
"""Of a master's own server, as in the original."""

_MAX_PORT: Final = 65535
_HOST_VARIABLE: Final = "NWS_SERVER_HOST"
_PORT_VARIABLE: Final = "NWS_SERVER_PORT"


class MasterAddress(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(master_host: str) -> MasterAddress:
    """Read ``host`` or ``host:port``; the port is 7766 by default.

    Raises:
        MasterSlaveException: it is neither.
    """
    try:
        place = urlsplit(f"//{master_host}")
        port = place.port  # which may be no number
    except ValueError:
        place, port = urlsplit(""), None
    if not place.hostname or place.netloc != master_host or place.username is not None:
        raise MasterSlaveException(
            f"master_host={master_host!r} is neither 'host' nor 'host:port', as 'localhost:7766'"
        )
    return MasterAddress(place.hostname, DEFAULT_MASTER_PORT if port is None else port)


def connect(master_host: str | None) -> NwsServer:
    """Connect to the server of a label.

    Args:
        master_host: ``host`` or ``host:port`` of a master's own server; None for the server that
            ``NWS_SERVER_HOST`` and ``NWS_SERVER_PORT`` name, by default ``localhost`` and 8765.

    Raises:
        MasterSlaveException: no server answers there, or that is no address.
    """
    if master_host is not None:
        place = address_of(master_host)
        remedy = "start the master first; master_host= must say where its server listens"
    else:
        place = _usual_address()
        remedy = (
            f"{_HOST_VARIABLE} and {_PORT_VARIABLE} say where it is; or do without: "
            "use_name_server=False at the master, master_host= at slaves"
        )
    try:
        return NwsServer(*place)
    except NwsConnectException as error:
        raise MasterSlaveException(f"{error}; {remedy}") from error


def _usual_address() -> MasterAddress:
    host = os.environ.get(_HOST_VARIABLE) or DEFAULT_HOST
    port = os.environ.get(_PORT_VARIABLE) or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise MasterSlaveException(f"{_PORT_VARIABLE}={port!r} is no port: it is from 1 to 65535")
    return MasterAddress(host, int(port))
