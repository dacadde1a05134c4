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

from nws.client import DICT, NwsServer
from nws.errors import NwsConnectException, NwsException, NwsUnsupportedOperationException
from nws.session.endpoint import DEFAULT_PORT, Endpoint
from nws.session.transport import Transport
from nws.version import __version__

__all__ = ["main"]

_PAUSE: Final = 0.05
_ANSWER: Final = 1.0
"""Seconds until a port that says nothing is taken for something else than a server of ours."""

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
    help="Endpoint to listen on. Whoever can reach it can read, delete and store anything.",
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
    environment["PYTHONSAFEPATH"] = "1"  # no modules from the working folder, whatever is in it
    command = [sys.executable, "-m", "nws_server", "--announce", "--pidfile", str(files.pid)]
    with files.log.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        places = _wait_for_announcement(process, timeout)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, ValueError):
            raise
        said = f"{error}{_text_from(files.log, begin)}"
        raise click.ClickException(f"the server did not start:\n{said}") from None
    process.returncode = 0  # it goes on without us; nobody is to wait for it
    web = [place for place in places if place.startswith("http")]
    addresses = [place for place in places if place not in web]
    click.echo(f"The server serves on {', '.join(addresses)} (process {process.pid}).")
    if web:
        click.echo(f"Its inspector is at {web[0]}.")
    click.echo(f"Its log is {files.log}.")


def _wait_for_announcement(process: subprocess.Popen[bytes], timeout: float) -> list[str]:
    """Return the addresses that a server prints when it serves.

    Raises:
        ValueError: it prints none; the text is what it prints instead.
    """
    output: IO[bytes] | None = process.stdout
    assert output is not None
    with output:
        if sys.platform != "win32" and not select.select([output], [], [], timeout)[0]:
            raise ValueError(f"nothing came from it within {timeout:g} seconds\n")
        line = output.readline()
        try:
            return list(json.loads(line))
        except ValueError:
            raise ValueError((line + output.read()).decode(errors="replace")) from None


@server.command()
@_port_option
@_timeout_option
def stop(port: int, timeout: float) -> None:
    """Stop the server that `start` started: clients are disconnected, files removed."""
    files = _Files(port)
    pid = files.recorded_pid()
    if pid is None or not _is_server(pid, files.pid):
        files.pid.unlink(missing_ok=True)
        if _answers(port):
            raise click.ClickException(
                f"the server on port {port} was not started by `nws server start`; "
                "stop it in the way in which it was started"
            )
        click.echo(f"No server runs on port {port}.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while not _has_ended(pid):
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
    except NwsException as error:
        raise click.ClickException(str(error)) from error
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
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise click.ClickException(f"no place for log and process id: {error}") from error
        self.pid = folder / f"{port}.pid"
        self.log = folder / f"{port}.log"

    def recorded_pid(self) -> int | None:
        """Return the process id that a server has written; it may be another process's by now."""
        try:
            return int(self.pid.read_text())
        except (FileNotFoundError, ValueError):
            return None


def _answers(port: int) -> bool:
    try:
        Transport(Endpoint("localhost", port), _ANSWER).close()
    except NwsConnectException:
        return False
    return True


def _is_server(pid: int, pidfile: Path) -> bool:
    """Tell whether a process is the server that has written this file. It may be slow to answer."""
    command = _command_line(pid)
    return "nws_server" in command and str(pidfile) in command


def _has_ended(pid: int) -> bool:
    """Tell whether a process is gone. A zombie is: in a container nobody may ever wait for it."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return True
    except OSError:
        return False  # this system has no /proc, or it ends just now
    return state in ("Z", "X")


def _command_line(pid: int) -> str:
    """Return how a process was started; nothing if it has ended."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        except OSError:
            return ""
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _text_from(path: Path, start: int) -> str:
    """Return the end of what was added to a log since it was so long."""
    with path.open("rb") as file:
        file.seek(start)
        return b"".join(file.readlines()[-10:]).decode(errors="replace").rstrip()
