"""Which server a command is about: the only place that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from nws.session.endpoint import DEFAULT_PORT, Endpoint

if TYPE_CHECKING:
    from nws.client import NetWorkSpace, NwsServer

__all__ = ["connect", "endpoint_of", "open_workspace", "port_option", "server_options"]

_MAX_PORT: Final = 65535

port_option = click.option(
    "--port",
    type=click.IntRange(1, _MAX_PORT),
    default=DEFAULT_PORT,
    show_default=True,
    envvar="NWS_SERVER_PORT",
    help="TCP port of the server.",
)

_host_option = click.option(
    "--host",
    envvar="NWS_SERVER_HOST",
    show_default="that of the server which `nws server start` has started on this port, else "
    "localhost",
    help="Host of the server, or unix: and the path of a socket.",
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``--host`` and ``--port``; see `connect`."""
    return _host_option(port_option(command))


def endpoint_of(host: str | None, port: int) -> Endpoint:
    """Return where the server is that these options name."""
    if host:
        return Endpoint(host, port)
    from nws.cli.server_files import ServerFiles

    return ServerFiles(port).endpoint()


def connect(host: str | None, port: int) -> NwsServer:
    """Connect to the server that these options name.

    Raises:
        NwsConnectException: no server answers there.
    """
    from nws.client import NwsServer

    place = endpoint_of(host, port)
    return NwsServer(place.host, place.port)


def open_workspace(host: str | None, port: int, name: str, *, create: bool) -> NetWorkSpace:
    """Use a workspace without owning it: so it is still there when the command has ended.

    Leaving the block of its ``with`` statement closes the connection.

    Raises:
        NwsConnectException: no server answers.
        NwsNoWorkSpaceException: there is no such workspace, and ``create`` is false.
    """
    server = connect(host, port)
    try:
        return server.useWs(name, create=create)
    except BaseException:
        server.close()
        raise
