"""The `nws` command, for people. It starts servers as processes and looks at them as a client."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Final

import click

from nws.client import DEFAULT_PORT, DICT, NwsServer
from nws.errors import NwsConnectException, NwsException, NwsUnsupportedOperationException
from nws.version import __version__

__all__ = ["main"]

_PAUSE: Final = 0.05
_NOT_RUNNING: Final = 3
"""Exit status of `nws server status` when there is no server, as init scripts have it."""


@click.group()
@click.version_option(__version__, prog_name="nws")
def main() -> None:
    """NetWorkSpaces: shared spaces of named variables, and a parallel map."""


@main.group()
def server() -> None:
    """Start, stop and look at servers."""


_port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    envvar="NWS_SERVER_PORT",
    help="TCP port of the server.",
)
_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    help="Seconds to wait at most.",
)


@server.command()
@_port_option
@click.option(
    "--interface",
    default="127.0.0.1",
    show_default=True,
    envvar="NWS_INTERFACE",
    help="Address to listen on. Whoever can reach it can read, delete and store anything.",
)
@_timeout_option
@click.argument("options", nargs=-1)
def start(port: int, interface: str, timeout: float, options: tuple[str, ...]) -> None:
    """Start a server in the background, and wait until it serves.

    OPTIONS behind `--` go to the server itself: see `python -m nws_server --help`.
    """
    if _answers(port):
        raise click.ClickException(f"a server runs on port {port} already")
    files = _Files(port)
    environment = {**os.environ, "NWS_SERVER_PORT": str(port), "NWS_INTERFACE": interface}
    command = [sys.executable, "-m", "nws_server", "--announce", "--pidfile", str(files.pid)]
    with files.log.open("ab") as log:
        process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    places = _wait_for_announcement(process, timeout)
    if not places:
        process.kill()
        process.wait()
        raise click.ClickException(f"the server did not start:\n{_tail(files.log)}")
    process.returncode = 0  # it goes on without us; nobody is to wait for it
    click.echo(f"The server serves on {', '.join(places)} (process {process.pid}).")
    click.echo(f"Its log is {files.log}.")


def _wait_for_announcement(process: subprocess.Popen[bytes], timeout: float) -> list[str]:
    """Return the addresses that a server prints when it serves; none if it does not."""
    output: IO[bytes] | None = process.stdout
    assert output is not None
    with output:
        if sys.platform != "win32" and not select.select([output], [], [], timeout)[0]:
            return []
        line = output.readline()
    return list(json.loads(line)) if line else []


@server.command()
@_port_option
@_timeout_option
def stop(port: int, timeout: float) -> None:
    """Stop the server that `start` started: clients are disconnected, files removed."""
    files = _Files(port)
    try:
        pid = int(files.pid.read_text())
    except (FileNotFoundError, ValueError):
        if _answers(port):
            raise click.ClickException(
                f"the server on port {port} was not started by `nws server start`; "
                "stop it in the way in which it was started"
            ) from None
        click.echo(f"No server runs on port {port}.")
        return
    if not _is_server(pid, port):
        files.pid.unlink(missing_ok=True)
        click.echo(f"The server on port {port} had ended already.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while _is_alive(pid):
        if time.monotonic() > deadline:
            raise click.ClickException(f"process {pid} has not ended after {timeout:g} seconds")
        time.sleep(_PAUSE)
    click.echo(f"The server on port {port} has stopped.")


@server.command()
@click.option("--host", default="localhost", show_default=True, help="Host of the server.")
@_port_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(host: str, port: int, as_json: bool) -> None:
    """Say what a server holds. The exit status is 3 if there is none."""
    try:
        with NwsServer(host, port) as found:
            report = _report(found)
    except NwsConnectException as error:
        click.echo(str(error), err=True)
        sys.exit(_NOT_RUNNING)
    if as_json:
        click.echo(json.dumps(report))
    else:
        width = max(map(len, report))
        for name, value in report.items():
            click.echo(f"{name:<{width}}  {value}")


def _report(found: NwsServer) -> dict[str, Any]:
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


class _Files:
    """Where a server's process id and log are kept: in this user's state folder."""

    def __init__(self, port: int) -> None:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        folder = Path(state) / "nws"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.pid = folder / f"{port}.pid"
        self.log = folder / f"{port}.log"


def _answers(port: int) -> bool:
    try:
        NwsServer("localhost", port).close()
    except NwsConnectException:
        return False
    return True


def _is_server(pid: int, port: int) -> bool:
    """Tell whether a process is the server on this port: the number may be another's by now."""
    if not _is_alive(pid):
        return False
    try:
        with NwsServer("localhost", port) as found:
            return bool(found.status()["pid"] == pid)
    except NwsUnsupportedOperationException:
        return True  # started with --no-extensions, and its pid file is there
    except NwsException:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-10:])
