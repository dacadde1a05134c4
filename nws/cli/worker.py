"""`nws worker`: joins a sleigh by hand."""

from __future__ import annotations

import ast
import logging
import os
import platform
from typing import Final

import click

from nws.cli.exit_status import CommandFailure
from nws.cli.raw_values import find_value
from nws.cli.which_server import endpoint_of, open_workspace
from nws.client import NetWorkSpace
from nws.errors import NwsTimeoutException
from nws.session.address import read_address
from nws.session.endpoint import DEFAULT_PORT, UNIX, Endpoint
from nws.sleigh.launch.by_hand import RUN_ME
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["worker"]

_LEASE_SECONDS: Final = 30.0


@click.command()
@click.option(
    "--connect",
    "address",
    metavar="HOST[:PORT]",
    show_default="where `nws ls` looks",
    help="Where the server is, or unix: and the path of a socket.",
)
@click.option("--sleigh", "name", required=True, help="Its workspace; `nws sleigh ls` lists them.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many to start on this machine.",
)
def worker(address: str | None, name: str, workers: int) -> None:
    """Be a worker of a sleigh that waits for workers started by hand, until that is over.

    Such a sleigh was made with launch="web"; this is the same as to paste the line that it shows.
    `nws sleigh close` lets it begin with the workers that have joined.
    """
    place = _endpoint(address)
    with open_workspace(place.host, place.port, name, create=False) as ws:
        user_workspace = _user_workspace(ws)
    where = Where(place.host, place.port, name, user_workspace, _LEASE_SECONDS, logging.WARNING)
    id = f"{platform.node()}-{os.getpid()}"
    if supervise(Settings(where, id, workers, neighbours=workers)):
        raise CommandFailure(f"the workers for {name!r} have ended, as is said above")


def _endpoint(address: str | None) -> Endpoint:
    if address is None:
        return endpoint_of(None, None)
    if address.startswith(UNIX):
        return Endpoint(address, DEFAULT_PORT)
    try:
        return Endpoint(*read_address(address, DEFAULT_PORT))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--connect") from error


def _user_workspace(ws: NetWorkSpace) -> str:
    """Return the workspace for users' tasks, which the line to paste names last.

    Raises:
        CommandFailure: there is no such line.
    """
    try:
        line = ast.parse(find_value(ws, RUN_ME, 0).payload.decode()).body[-1]
        match line:
            case ast.Expr(
                ast.Call(func=ast.Attribute(attr="webLaunch"), args=[*_, ast.Constant(str(name))])
            ):
                return name
    except (NwsTimeoutException, ValueError, SyntaxError, RecursionError, MemoryError):
        pass  # somebody has stored something else there, or nobody anything
    raise CommandFailure(
        f"{ws.currentWs()!r} is not a sleigh that waits for workers started by hand: its group is "
        "closed, or it has started them itself"
    )
