"""`nws server`: starts servers as processes, stops them, and shows what they hold."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click
import psutil

from nws.cli.command_group import CommandGroup
from nws.cli.duration import duration
from nws.cli.output import json_option, print_json
from nws.cli.server_files import ServerFiles, host_of
from nws.cli.which_server import connect, port_option, port_or_set, server_options
from nws.client import DICT, NwsServer
from nws.counted import counted
from nws.errors import NwsConnectException, NwsUnsupportedOperationException
from nws.processes.pipes import pipe_apart
from nws.session.endpoint import find_endpoint
from nws.session.inspector import inspector_address, open_in_browser
from nws.session.transport import Transport
from nws.settings import find_settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]

_POLL_SECONDS: Final = 0.05
"""Pause between two looks at a server that is stopping."""

_HANDSHAKE_SECONDS: Final = 1.0
"""Seconds after which a silent port is taken for something other than a server of ours."""

_ENDED: Final = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
"""A zombie has ended: in a container perhaps nobody ever waits for it."""

_SHOWN_LOG_LINES: Final = 10
"""How many lines of a failed server's log are shown."""


@click.group(cls=CommandGroup)
def server() -> None:
    """Start and stop servers, and show what they hold."""


_timeout_option = click.option(
    "--timeout",
    type=duration,
    default="15s",
    show_default=True,
    help="Wait so long at most.",
)


@server.command()
@port_option
@click.option(
    "--interface",
    show_default="NWS_INTERFACE, else 127.0.0.1",
    help="Address to listen on. One that other machines reach needs --tls, or `-- --plain`.",
)
@click.option("--tls", is_flag=True, help="Speak TLS with other machines.")
@_timeout_option
@click.argument("options", nargs=-1, metavar="[-- OPTIONS]")
def start(
    port: int | None, interface: str | None, tls: bool, timeout: float, options: tuple[str, ...]
) -> None:
    """Start a server in the background, and wait until it serves.

    Options after `--` are passed to the server: see `python -m nws_server --help`.
    """
    port = port_or_set(port)
    if interface is None:
        interface = find_settings()["interface"].value
    files = ServerFiles(port)
    if files.server_process() is not None or _answers(port, interface):
        raise click.ClickException(
            f"a server runs on port {port} already: use it, stop it "
            f"(`nws server stop --port {port}`), or choose another --port"
        )
    environment = {**os.environ, "NWS_SERVER_PORT": str(port), "NWS_INTERFACE": interface}
    environment["PYTHONSAFEPATH"] = "1"  # no modules from the working folder, whatever is in it
    # Its own end of a pipe: who knows what else is printed on stdout as Python starts.
    read_end, write_end = pipe_apart()
    command = [sys.executable, "-m", "nws_server", "--announce", "--announce-fd", str(write_end)]
    command += ["--pidfile", str(files.pid), *(["--tls"] if tls else [])]
    with files.open_log() as log, tempfile.TemporaryFile() as said:
        begin = log.tell()
        process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=log,
            env=environment,
            pass_fds=[write_end],
            start_new_session=True,
        )
        os.close(write_end)
        try:
            places = _wait_for_announcement(read_end, timeout)
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, ValueError):
                raise
            said.seek(0)
            reason = f"{error}{said.read().decode(errors='replace')}{_text_from(files.log, begin)}"
            raise click.ClickException(f"the server did not start:\n{reason}") from None
    files.address.write_text(places[0])
    process.returncode = 0  # it runs on without us; else Python would warn of that
    web = [place for place in places if place.startswith("http")]
    addresses = [place for place in places if place not in web]
    click.echo(f"The server serves on {', '.join(addresses)} (process {process.pid}).")
    if web:
        click.echo(f"Its inspector is at {web[0]}.")
    click.echo(f"Its log is {files.log}.")


def _wait_for_announcement(fd: int, timeout: float) -> list[str]:
    """Return the addresses that a server announces once it serves.

    Raises:
        ValueError: it says nothing, or not in time, which is the error's text then.
    """
    with open(fd, "rb") as output:
        if sys.platform != "win32" and not select.select([output], [], [], timeout)[0]:
            raise ValueError(f"it did not answer within {counted(timeout, 'second')}\n")
        line = output.readline()
    if not line:
        raise ValueError("")
    return list(json.loads(line))


@server.command()
@port_option
@_timeout_option
def stop(port: int | None, timeout: float) -> None:
    """Stop a server that was started by `start`."""
    port = port_or_set(port)
    files = ServerFiles(port)
    process = files.server_process()
    if process is None:
        living = files.search_server()
        if living is not None:
            raise click.ClickException(
                f"the server on port {port} runs as process {living.pid}, but {files.pid} does not "
                f"say so: it is damaged; end the server with `kill {living.pid}`"
            )
        files.pid.unlink(missing_ok=True)
        if _answers(port, find_settings()["interface"].value):
            raise click.ClickException(
                f"the server on port {port} was not started by `nws server start`; "
                "stop it in the way in which it was started"
            )
        click.echo(f"No server runs on port {port}.")
        return
    deadline = time.monotonic() + timeout
    try:
        process.terminate()
        while process.is_running() and process.status() not in _ENDED:
            if time.monotonic() > deadline:
                message = f"process {process.pid} has not ended after {counted(timeout, 'second')}"
                raise click.ClickException(message)
            time.sleep(_POLL_SECONDS)
    except psutil.NoSuchProcess:
        pass  # it has ended just now
    click.echo(f"The server on port {port} has stopped.")


@server.command()
@server_options
@json_option
def status(host: str | None, port: int | None, as_json: bool) -> None:
    """Show what a server holds. The exit status is 3 if there is no server."""
    with connect(host, port) as found:
        report = _report(found)
    if as_json:
        print_json(report)
        return
    width = max(map(len, report))
    for name, value in report.items():
        click.echo(f"{name:<{width}}  {value}")


@server.command("open")
@server_options
def open_inspector(host: str | None, port: int | None) -> None:
    """Open a server's inspector in a web browser; without one, print its address."""
    with connect(host, port) as found:
        web_port = found.status()["web"]
        if web_port is None:
            raise click.ClickException(f"the server at {found.endpoint} has no inspector")
        address = inspector_address(found.endpoint, web_port)
    if not open_in_browser(address):
        click.echo(f"There is no web browser here. The inspector is at {address}")


def _report(found: NwsServer) -> Mapping[str, object]:
    try:
        return found.status()
    except NwsUnsupportedOperationException:
        listing = found.listWss(DICT)
        assert isinstance(listing, dict)
        variables = sum(workspace.numvars for workspace in listing.values())
        return {
            "version": "speaks only the original protocol",
            "workspaces": len(listing),
            "variables": variables,
        }


def _answers(port: int, interface: str = "") -> bool:
    try:
        Transport(find_endpoint(host_of(interface), port), _HANDSHAKE_SECONDS).close()
    except NwsConnectException:
        return False
    return True


def _text_from(path: Path, start: int) -> str:
    """Return the last lines that a log has after its first ``start`` bytes."""
    with path.open("rb") as file:
        file.seek(start)
        return b"".join(file.readlines()[-_SHOWN_LOG_LINES:]).decode(errors="replace").rstrip()
