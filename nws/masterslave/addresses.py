"""Where the space of a label is: on the server that takes the place of the original's name server,
or on one of the master's own."""

from __future__ import annotations

import os
from typing import Final

from nws.client import NwsServer
from nws.errors import MasterSlaveException, NwsConnectException
from nws.session.address import MAX_PORT, Address, read_address
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT, UNIX

__all__ = ["DEFAULT_MASTER_PORT", "address_of", "connect", "server_address"]

DEFAULT_MASTER_PORT: Final = 7766
"""Of a master's own server, as in the original."""

_HOST_VARIABLE: Final = "NWS_SERVER_HOST"
_PORT_VARIABLE: Final = "NWS_SERVER_PORT"


def address_of(master_host: str) -> Address:
    """Read ``host`` or ``host:port``; the port is 7766 by default. A host may be ``unix:`` and the
    path of a socket.

    Raises:
        MasterSlaveException: it is none of these.
    """
    try:
        if master_host.startswith(UNIX):
            return Address(master_host, 0)
        return read_address(master_host, DEFAULT_MASTER_PORT)
    except (AttributeError, ValueError) as error:  # it is no text, or another one
        raise MasterSlaveException(
            f"master_host={master_host!r} is neither 'host' nor 'host:port', as 'localhost:7766'"
        ) from error


def server_address(master_host: str | None) -> Address:
    """Return where the server of a label should be; see `connect`.

    Raises:
        MasterSlaveException: that is no address.
    """
    return _usual_address() if master_host is None else address_of(master_host)


def connect(master_host: str | None) -> NwsServer:
    """Connect to the server of a label.

    Args:
        master_host: ``host`` or ``host:port`` of a master's own server; None for the server that
            ``NWS_SERVER_HOST`` and ``NWS_SERVER_PORT`` name, by default ``localhost`` and 8765.

    Raises:
        MasterSlaveException: no server answers there, or that is no address.
    """
    place = server_address(master_host)
    if master_host is not None:
        remedy = "start the master first; master_host= must say where its server listens"
    else:
        remedy = (
            f"{_HOST_VARIABLE} and {_PORT_VARIABLE} say where it is; or do without: "
            "use_name_server=False at the master, master_host= at slaves"
        )
    try:
        return NwsServer(*place)
    except NwsConnectException as error:
        raise MasterSlaveException(f"{error}; {remedy}") from error


def _usual_address() -> Address:
    host = os.environ.get(_HOST_VARIABLE) or DEFAULT_HOST
    port = os.environ.get(_PORT_VARIABLE) or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise MasterSlaveException(
            f"{_PORT_VARIABLE}={port!r} is no port: it is from 1 to {MAX_PORT}"
        )
    return Address(host, int(port))
