"""The command `nws ppserver`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from nws.errors import SleighIllegalValueException
from nws.pp.node_config import read_config
from nws.pp.secret import check_secret, secret_for
from nws.pp.server import Server
from nws.session.address import Address
from nws.sleigh.launch.open_files import check_local_workers
from nws.sleigh.node.node import NodeOptions, NodeServer
from nws.sleigh.shared.cores import available_cores

__all__ = ["ppserver"]

_log = logging.getLogger("pp")

_FILE: Final = "nws.pp.file"
"""Where the context keeps the path of the file with options."""

_DEFAULTS: Final[dict[str, Any]] = {
    "debug": False,
    "restart": False,
    "autodiscovery": False,
    "interface": "0.0.0.0",
    "broadcast": "255.255.255.255",
    "port": Server.default_port,
    "timeout": 0.0,
    "socket_timeout": 30,
    "format": "%(asctime)s %(name)s %(levelname)s: %(message)s",
    "pid_file": "",
}


def _read_file(ctx: click.Context, option: click.Parameter, path: Path | None) -> None:
    """Let a file give the defaults of the options."""
    if path is not None:
        try:
            ctx.default_map = {**(ctx.default_map or {}), **read_config(path)}
            ctx.meta[_FILE] = path
        except ValueError as error:
            raise click.BadParameter(str(error)) from error


class _Option(click.Option):
    """An option whose value may come from a file; then errors name that."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        is_of_file = ctx and ctx.get_parameter_source(str(self.name)) is ParameterSource.DEFAULT_MAP
        return f"{self.name} in {ctx.meta[_FILE]}" if ctx and is_of_file else self.opts[0]


def _check_broadcast(ctx: click.Context, option: click.Parameter, text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no address such as 10.0.255.255") from error


def _check_format(ctx: click.Context, option: click.Parameter, text: str) -> str:
    try:
        logging.Formatter(text).format(logging.makeLogRecord({}))  # which finds unknown fields
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text


def _check_workers(ctx: click.Context, option: click.Parameter, count: int | None) -> int | None:
    try:
        check_local_workers(str(count), count or 0)
    except SleighIllegalValueException as error:
        raise click.BadParameter(str(error)) from error
    return count


def _check_given_secret(
    ctx: click.Context, option: click.Parameter, text: str | None
) -> str | None:
    try:
        return None if text is None else check_secret(text, option.get_error_hint(ctx))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _option(*names: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return an option whose default is shown."""
    name = names[-1]
    default = _DEFAULTS.get(name)
    settings |= {"default": default, "show_default": default not in (None, "")}
    return click.option(*names, cls=_Option, **settings)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "path",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read_file,
    help="File with options; those of the command line come before them.",
)
@_option("-d", "debug", is_flag=True, help="Log connections, too.")
@_option("-a", "autodiscovery", is_flag=True, help="Let servers find it by broadcast.")
@_option(
    "-b",
    "broadcast",
    callback=_check_broadcast,
    help="Address to which servers send their questions; the default stands for any.",
)
@_option("-r", "restart", is_flag=True, help="Run each job in a fresh worker.")
@_option("-n", "proto", type=int, help="Protocol of pickle. Taken for compatibility; no effect.")
@_option("-i", "interface", help="Address to listen on.")
@_option("-p", "port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for a free one.")
@_option(
    "-w",
    "workers",
    type=click.IntRange(1),
    callback=_check_workers,
    help="Workers; by default one for each core.",
)
@_option(
    "-s",
    "secret",
    callback=_check_given_secret,
    help="Secret. `ps` shows it: prefer PP_SECRET or ~/.pythonrc.py.",
)
@_option(
    "-t",
    "timeout",
    type=click.FloatRange(0),
    help="End after so many seconds without a server; 0 for never.",
)
@_option(
    "-k", "socket_timeout", type=click.IntRange(3), help="Seconds until a silent server is gone."
)
@_option("-f", "format", callback=_check_format, help="Format of the log.")
@_option("-P", "pid_file", help="File for the process id.")
@click.pass_context
def ppserver(ctx: click.Context, /, **options: Any) -> None:
    """Be a node of Parallel Python: wait for servers, and let workers work for them.

    It ends with SIGTERM or Ctrl-C. SIGUSR1 prints what the workers have done.
    """
    _set_up_log(options["format"], logging.DEBUG if options["debug"] else logging.INFO)
    if ctx.get_parameter_source("secret") is ParameterSource.COMMANDLINE:
        _log.warning("ps shows the secret to every user: prefer PP_SECRET or ~/.pythonrc.py")
    try:
        secret = secret_for(options["secret"], "-s")
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    _run(
        NodeOptions(
            secret,
            options["workers"] or available_cores(),
            options["interface"],
            options["port"],
            options["restart"],
            options["timeout"],
            options["socket_timeout"],
            options["broadcast"] if options["autodiscovery"] else "",
        ),
        Path(options["pid_file"]) if options["pid_file"] else None,
    )


def _set_up_log(text: str, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(text))
    logging.basicConfig(handlers=[handler])
    _log.setLevel(level)


def _run(options: NodeOptions, pid_file: Path | None) -> None:
    if pid_file is not None:
        try:
            pid_file.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise click.ClickException(f"cannot write the process id: {error}") from error
    try:
        asyncio.run(NodeServer(options, _log).run())
    except OSError as error:
        where = Address(options.interface, options.port)
        raise click.ClickException(f"cannot listen on {where}: {error}") from error
    finally:
        if pid_file is not None:
            pid_file.unlink(missing_ok=True)
