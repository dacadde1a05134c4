"""The commands `pybabelfish`, which stays in the foreground, and `pybabelfishd`, a daemon."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nws.errors import NwsException
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT
from nws.version import __version__
from nws_babelfish.client import WORKSPACE, BabelfishClient
from nws_babelfish.daemon import Daemon
from nws_babelfish.limits import end_with_stdin, leave_no_core, limit_memory
from nws_babelfish.translation import Translator

__all__ = ["pybabelfish", "pybabelfishd"]

_DEFAULT_LOG: Final = "/var/log/babelfish.log"
_DAEMON_USER: Final = "daemon"
"""The user of a daemon that root started."""

_log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.version_option(__version__),
    click.option(
        "-h",
        "--host",
        default=DEFAULT_HOST,
        show_default=True,
        help="Host of the server; or `unix:` and the path of a socket.",
    ),
    click.option(
        "-p",
        "--port",
        type=click.IntRange(1, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        help="TCP port of the server.",
    ),
    click.option("--workspace", default=WORKSPACE, show_default=True, help="Workspace to serve."),
    click.option(
        "--safe",
        is_flag=True,
        help="Run no code from values: objects of your classes show as their attributes.",
    ),
    click.option(
        "--memory-limit",
        type=click.IntRange(min=1),
        metavar="BYTES",
        help="Use at most this much memory; values that need more are not shown.",
    ),
)


def _with_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@_with_options
@click.option(
    "--until-eof",
    is_flag=True,
    help="End when stdin is closed, as when the parent process ends.",
)
def pybabelfish(
    host: str, port: int, workspace: str, safe: bool, memory_limit: int | None, until_eof: bool
) -> None:
    """Turn stored Python values into text for the server's web page, until the server ends.

    Values are unpickled and converted by their own classes, with modules from PYTHONPATH and the
    working folder. That runs code chosen by whoever stored a value, with your rights. Use --safe
    unless you trust everybody who can reach the server.
    """
    _prepare(memory_limit)
    if until_eof:
        end_with_stdin()
    if not safe:
        sys.path.append(os.getcwd())  # last, so that installed modules have priority
    try:
        client = BabelfishClient(host, port, workspace, Translator(safe=safe).translate)
    except (NwsException, OSError) as error:
        raise click.ClickException(str(error)) from error
    _serve(client)


@click.command()
@_with_options
def pybabelfishd(
    host: str, port: int, workspace: str, safe: bool, memory_limit: int | None
) -> None:
    """Do what pybabelfish does, in the background.

    The log file is /var/log/babelfish.log, or BABELFISH_LOGFILE. The process id is written to
    BABELFISH_PIDFILE, if that is set. Started by root, it becomes the user `daemon`.

    Values are unpickled and converted by their own classes, with modules from PYTHONPATH. That runs
    code chosen by whoever stored a value. Use --safe unless you trust everybody who can reach the
    server.
    """
    try:
        log = Path(os.environ.get("BABELFISH_LOGFILE") or _DEFAULT_LOG)
        pidfile = os.environ.get("BABELFISH_PIDFILE")
        daemon = Daemon(log, Path(pidfile) if pidfile else None)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    said = daemon.go()
    if said is not None:
        if said:
            raise click.ClickException(said)
        return
    try:
        _prepare(memory_limit)
        client = BabelfishClient(host, port, workspace, Translator(safe=safe).translate)
        if os.geteuid() == 0:
            daemon.become(_DAEMON_USER)  # before the first value is read
    except (NwsException, OSError, LookupError, click.ClickException) as error:
        daemon.fail(str(error))
        return
    try:
        _serve(client, daemon.ready)
    finally:
        daemon.tidy()


def _prepare(memory_limit: int | None) -> None:
    leave_no_core()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if memory_limit is not None:
        try:
            limit_memory(memory_limit)
        except ValueError as error:
            raise click.ClickException(f"no limit of {memory_limit} bytes: {error}") from error


def _serve(client: BabelfishClient, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until the end, and log start and end; `ready` is called once it can be stopped."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    try:
        ready()
        _log.info("the babelfish serves %s", client)
        reason = client.run()
    except KeyboardInterrupt:
        reason = "it was told to stop"
    _log.info("the babelfish ends: %s", reason)
    client.close()
