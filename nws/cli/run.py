"""`nws run`: a server, a script, and an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Final

import click

from nws.cli.exit_status import CommandFailure
from nws.cli.which_server import port_option, port_or_set
from nws.client import NwsServer
from nws.errors import NwsConnectException, SleighNwsException
from nws.session.endpoint import DEFAULT_HOST
from nws.sleigh.launch.private_server import PrivateServer

__all__ = ["run"]

_LOOPBACK: Final = "127.0.0.1"
_SIGNALED: Final = 128
"""What shells add to the number of the signal that has ended a program."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@port_option
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1)
def run(port: int | None, script: str, arguments: tuple[str, ...]) -> None:
    """Start a server, run the Python program SCRIPT with it, and stop the server.

    The server listens on loopback only, and ends even if this command is killed. The exit status is
    that of SCRIPT. In SCRIPT, NWS_SERVER_HOST and NWS_SERVER_PORT name the server; with the default
    port it is the one of NetWorkSpace("name").
    """
    number = port_or_set(port)
    server = _server_on(number)
    try:
        status = _run([sys.executable, script, *arguments], number)
    finally:
        server.stop()
    sys.exit(status)


def _server_on(port: int) -> PrivateServer:
    try:
        NwsServer(_LOOPBACK, port).close()
    except NwsConnectException:
        pass  # that is how it should be
    else:
        raise CommandFailure(
            f"a server runs on port {port} already: start the script with {sys.executable}, or "
            "choose another --port"
        )
    try:
        server = PrivateServer((_LOOPBACK, port))
        server.wait_until_ready()
    except SleighNwsException as error:
        raise CommandFailure(str(error)) from error
    return server


def _run(command: list[str], port: int) -> int:
    """Run the script to its end; return its exit status as a shell would."""
    place = {"NWS_SERVER_HOST": DEFAULT_HOST, "NWS_SERVER_PORT": str(port)}
    process = subprocess.Popen(command, env={**os.environ, **place})

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    # The terminal sends Ctrl-C to both of us: the script says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = process.wait()
    return status if status >= 0 else _SIGNALED - status
