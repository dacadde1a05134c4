"""The `nws` command, for people. It starts servers as processes and looks at them as a client."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final

import click
import platformdirs
import psutil

from nws.client import DICT, NwsServer
from nws.depalma.cli import depalma
from nws.errors import NwsConnectException, NwsException, NwsUnsupportedOperationException
from nws.masterslave.command import task_manager
from nws.session.endpoint import DEFAULT_PORT, UNIX, Endpoint, find_endpoint
from nws.session.inspector import inspector_address, open_in_browser
from nws.session.transport import Transport
from nws.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["main"]

_POLL_SECONDS: Final = 0.05
"""Pause between two looks at a server that is stopping."""

_HANDSHAKE_TIMEOUT: Final = 1.0
"""Seconds after which a silent port is taken for something other than a server of ours."""

_NOT_RUNNING_STATUS: Final = 3
"""Exit status of `nws server status` when there is no server, as for init scripts."""

_ENDED: Final = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
"""A zombie has ended: in a container perhaps nobody ever waits for it."""

_SHOWN_LOG_LINES: Final = 10
"""How many lines of a failed server's log are shown."""


_COMMANDS: Final = {"ppserver": "nws.pp.command"}
"""Commands that have modules of their own, which are imported only for them."""


class _Main(click.Group):
    """Says where a command is that is given without its group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0] not in server.commands:
                raise
            said = f"{error.message} There is `nws server {args[0]}`."
            raise click.UsageError(said, ctx) from None


@click.group(cls=_Main)
@click.version_option(__version__, prog_name="nws")
def main() -> None:
    """NetWorkSpaces: shared spaces of named variables, and a parallel map."""


main.add_command(depalma)
main.add_command(task_manager)


@main.group()
def server() -> None:
    """Start and stop servers, and show what they hold."""


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
    help="Maximum number of seconds to wait.",
)


@server.command()
@_port_option
@click.option(
    "--interface",
    default="127.0.0.1",
    show_default=True,
    envvar="NWS_INTERFACE",
    help="Address to listen on. Whoever can reach it can read, store and delete anything.",
)
@_timeout_option
@click.argument("options", nargs=-1, metavar="[-- OPTIONS]")
def start(port: int, interface: str, timeout: float, options: tuple[str, ...]) -> None:
    """Start a server in the background, and wait until it serves.

    Options after `--` are passed to the server: see `python -m nws_server --help`.
    """
    files = _Files(port)
    if files.server_process() is not None or _answers(port, interface):
        raise click.ClickException(f"a server runs on port {port} already")
    environment = {**os.environ, "NWS_SERVER_PORT": str(port), "NWS_INTERFACE": interface}
    environment["PYTHONSAFEPATH"] = "1"  # no modules from the working folder, whatever is in it
    # Its own end of a pipe: who knows what else is printed on stdout as Python starts.
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "nws_server", "--announce", "--announce-fd", str(write_end)]
    command += ["--pidfile", str(files.pid)]
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
            raise ValueError(f"it did not answer within {timeout:g} seconds\n")
        line = output.readline()
    if not line:
        raise ValueError("")
    return list(json.loads(line))


@server.command()
@_port_option
@_timeout_option
def stop(port: int, timeout: float) -> None:
    """Stop a server that was started by `start`."""
    files = _Files(port)
    process = files.server_process()
    if process is None:
        living = files.search_server()
        if living is not None:
            raise click.ClickException(
                f"the server on port {port} runs as process {living.pid}, but {files.pid} does not "
                f"say so: it is damaged; end the server with `kill {living.pid}`"
            )
        files.pid.unlink(missing_ok=True)
        if _answers(port, os.environ.get("NWS_INTERFACE", "")):
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
                message = f"process {process.pid} has not ended after {timeout:g} seconds"
                raise click.ClickException(message)
            time.sleep(_POLL_SECONDS)
    except psutil.NoSuchProcess:
        pass  # it has ended just now
    click.echo(f"The server on port {port} has stopped.")


@server.command()
@click.option(
    "--host",
    show_default="that of the server which `nws server start` has started, else NWS_INTERFACE or "
    "localhost",
    help="Host of the server.",
)
@_port_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(host: str | None, port: int, as_json: bool) -> None:
    """Show what a server holds. The exit status is 3 if there is no server."""
    place = Endpoint(host, port) if host else _Files(port).endpoint()
    try:
        with NwsServer(place.host, place.port) as found:
            report = _report(found)
    except NwsConnectException as error:
        click.echo(f"{error} (--host and --port name another one)", err=True)
        sys.exit(_NOT_RUNNING_STATUS)
    except NwsException as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report))
    else:
        width = max(map(len, report))
        for name, value in report.items():
            click.echo(f"{name:<{width}}  {value}")


@server.command("open")
@_port_option
def open_inspector(port: int) -> None:
    """Open a server's inspector in a web browser; without one, print its address."""
    place = _Files(port).endpoint()
    try:
        with NwsServer(place.host, place.port) as found:
            web_port = found.status()["web"]
            if web_port is None:
                raise click.ClickException(f"the server at {place} has no inspector")
            address = inspector_address(found.endpoint, web_port)
    except NwsException as error:
        raise click.ClickException(str(error)) from error
    if not open_in_browser(address):
        click.echo(f"There is no web browser here. The inspector is at {address}")


def _host_of(interface: str) -> str:
    """Return by which name a server on this interface can be reached from here."""
    return interface if interface not in ("", "0.0.0.0", "::", "127.0.0.1") else "localhost"


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


class _Files:
    """A server's pid file, address and log, in this user's folder for the state of programs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._folder = platformdirs.user_state_path("nws", appauthor=False)
        self.pid = self._folder / f"{port}.pid"
        self.address = self._folder / f"{port}.address"
        self.log = self._folder / f"{port}.log"

    def open_log(self) -> IO[bytes]:
        """Open the log to append to it. Only this user can read it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)  # it may have been there
        except OSError as error:
            raise click.ClickException(f"cannot make the folder for the log: {error}") from error
        self.log.touch(mode=0o600)
        self.log.chmod(0o600)  # it may have been there
        return self.log.open("ab")

    def server_process(self) -> psutil.Process | None:
        """Return the server that wrote the pid file; None if it has ended.

        Another process may have its number by now, so the command line is compared.
        """
        try:
            process = psutil.Process(int(self.pid.read_text()))
            command = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if self._is_ours(command) else None

    def endpoint(self) -> Endpoint:
        """Return where the server is: where it has said, if it lives and was started by `start`."""
        said = ""
        if self.server_process() is not None and self.address.exists():
            said = self.address.read_text()
        host, _, port = said.rpartition(":")
        if port.isdecimal():
            return Endpoint(_host_of(host), int(port))
        if said:
            return Endpoint(f"{UNIX}{said}", self._port)
        return Endpoint(_host_of(os.environ.get("NWS_INTERFACE", "")), self._port)

    def search_server(self) -> psutil.Process | None:
        """Look for the server among all processes: the pid file may be damaged."""
        for process in psutil.process_iter(["cmdline"]):
            if self._is_ours(process.info["cmdline"] or []):
                return process
        return None

    def _is_ours(self, command: list[str]) -> bool:
        return {"nws_server", str(self.pid)} <= set(command)


def _answers(port: int, interface: str = "") -> bool:
    try:
        Transport(find_endpoint(_host_of(interface), port), _HANDSHAKE_TIMEOUT).close()
    except NwsConnectException:
        return False
    return True


def _text_from(path: Path, start: int) -> str:
    """Return the last lines that a log has after its first ``start`` bytes."""
    with path.open("rb") as file:
        file.seek(start)
        return b"".join(file.readlines()[-_SHOWN_LOG_LINES:]).decode(errors="replace").rstrip()
