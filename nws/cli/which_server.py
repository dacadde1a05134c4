"""Which server a command is about: the only place that says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from nws.cli.exit_status import NoServer, NothingThere
from nws.errors import NwsConnectException, NwsNoWorkSpaceException
from nws.session.address import MAX_PORT
from nws.session.endpoint import Endpoint
from nws.settings import find_settings

if TYPE_CHECKING:
    from nws.client import NetWorkSpace, NwsServer

__all__ = [
    "connect",
    "endpoint_of",
    "open_workspace",
    "pointing_to_ls",
    "pointing_to_options",
    "port_option",
    "port_or_set",
    "server_options",
]

_QUIET_SECONDS: Final = 2.0
"""After which it is said what is waited for."""

port_option = click.option(
    "--port",
    type=click.IntRange(1, MAX_PORT),
    show_default="NWS_SERVER_PORT, else 8765",
    help="TCP port of the server.",
)

_host_option = click.option(
    "--host",
    show_default="NWS_SERVER_HOST, else that of the server which `nws server start` has started on "
    "this port, else localhost",
    help="Host of the server, or unix: and the path of a socket.",
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``--host`` and ``--port``; see `connect`. It names them where no
    server answers."""
    return _host_option(port_option(pointing_to_options("--host and --port name")(command)))


@contextmanager
def pointing_to_options(they_name: str) -> Iterator[None]:
    """Say by which options another server can be named, where none answers.

    Args:
        they_name: the options of the command, with their verb.

    Raises:
        NoServer: in place of a NwsConnectException.
    """
    try:
        yield
    except NwsConnectException as error:
        raise NoServer(f"{error}; {they_name} another one") from error


@contextmanager
def pointing_to_ls() -> Iterator[None]:
    """Say where one sees which workspaces there are, where one is missing.

    Raises:
        NothingThere: in place of a NwsNoWorkSpaceException.
    """
    try:
        yield
    except NwsNoWorkSpaceException as error:
        raise NothingThere(f"{error}; `nws ls` lists the workspaces") from error


def port_or_set(port: int | None) -> int:
    """Return the port of an option, or if that is None the one that is set.

    Raises:
        BadParameter: what is set is no port.
        SettingsError: a file of settings cannot be used.
    """
    if port is not None:
        return port
    text, origin = find_settings()["server_port"]
    if not text.isdecimal() or not 0 < int(text) <= MAX_PORT:
        raise click.BadParameter(f"{text!r} is no port from 1 to {MAX_PORT}", param_hint=origin)
    return int(text)


def endpoint_of(host: str | None, port: int | None) -> Endpoint:
    """Return where the server is that these options name, or if they are None the settings.

    Raises:
        SettingsError: a file of settings cannot be used.
    """
    host = host or find_settings()["server_host"].value
    number = port_or_set(port)
    if host:
        return Endpoint(host, number)
    from nws.cli.server_files import ServerFiles

    return ServerFiles(number).endpoint()


def connect(host: str | None, port: int | None) -> NwsServer:
    """Connect to the server that these options name.

    Raises:
        NwsConnectException: no server answers there.
        SettingsError: a file of settings cannot be used.
    """
    from nws.client import NwsServer

    place = endpoint_of(host, port)
    with _saying_who_does_not_answer(place):
        return NwsServer(place.host, place.port)


@contextmanager
def _saying_who_does_not_answer(place: Endpoint) -> Iterator[None]:
    """Say on stderr, where it takes long to connect, to what."""
    said = f"{place} has not answered yet; waiting ..."
    timer = threading.Timer(_QUIET_SECONDS, click.echo, [said], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def open_workspace(host: str | None, port: int | None, name: str, *, create: bool) -> NetWorkSpace:
    """Use a workspace without owning it: so it is still there when the command has ended.

    Leaving the block of its ``with`` statement closes the connection.

    Raises:
        NwsConnectException: no server answers.
        NothingThere: there is no such workspace, and ``create`` is false.
        SettingsError: a file of settings cannot be used.
    """
    server = connect(host, port)
    try:
        with pointing_to_ls():
            return server.useWs(name, create=create)
    except BaseException:
        server.close()
        raise
