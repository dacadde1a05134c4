"""`nws worker`: joins a sleigh by hand."""

from __future__ import annotations

import ast
import logging
import os
import platform
import time
from typing import Final

import click

from nws.cli.duration import duration
from nws.cli.exit_status import CommandFailure
from nws.cli.raw_values import find_value
from nws.cli.which_server import endpoint_of, pointing_to_options
from nws.cli.which_sleigh import open_sleigh
from nws.client import NetWorkSpace
from nws.errors import (
    NwsConnectException,
    NwsTimeoutException,
    SleighIllegalValueException,
)
from nws.session.address import read_address
from nws.session.endpoint import DEFAULT_PORT, UNIX, Endpoint
from nws.sleigh.launch.by_hand import RUN_ME
from nws.sleigh.shared.exit_status import LEFT
from nws.sleigh.shared.groups import checked_group
from nws.sleigh.shared.settings import Settings, Stay, Where
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["worker"]

_LEASE_SECONDS: Final = 30.0

_RETRY_SECONDS: Final = 0.5
"""Between looks for a server that cannot be reached."""


@click.command()
@click.option(
    "--connect",
    "address",
    metavar="HOST[:PORT]",
    show_default="where `nws ls` looks",
    help="Where the server is, or unix: and the path of a socket.",
)
@click.option(
    "--sleigh", "name", required=True, help="Its workspace or name; `nws sleigh ls` lists them."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many to start on this machine.",
)
@click.option(
    "--group",
    metavar="NAME",
    default="",
    help="The group to which they belong, for calls with group=NAME.",
)
@click.option(
    "--lifetime",
    type=duration,
    default=0,
    show_default="any time",
    help="Leave after this: less than the time after which a batch system would kill the job.",
)
@click.option(
    "--lifetime-stagger",
    type=duration,
    default=0,
    show_default=True,
    help="Leave earlier by a random part of this, so that not all leave at once.",
)
@click.option(
    "--grace",
    type=duration,
    default="30s",
    show_default=True,
    help="Time for what runs to end, when the worker has to leave.",
)
@click.option(
    "--idle-timeout",
    type=duration,
    default=0,
    show_default="never",
    help="Leave when there was nothing to do for so long.",
)
@click.option(
    "--death-timeout",
    type=duration,
    default=0,
    show_default="at once",
    help="End when the server could not be reached for so long.",
)
def worker(
    address: str | None,
    name: str,
    workers: int,
    group: str,
    lifetime: float,
    lifetime_stagger: float,
    grace: float,
    idle_timeout: float,
    death_timeout: float,
) -> None:
    """Be a worker of a sleigh that waits for workers started by hand, until that is over.

    Such a sleigh was made with launch="web"; this is the same as to paste the line that it shows.
    `nws sleigh close` lets it begin with the workers that have joined.

    On SIGTERM, SIGUSR1 and SIGUSR2, or when its time is over, the worker takes no more tasks, has
    some time to finish what it runs, gives the rest back, and leaves. Durations are numbers of
    seconds, or have a unit: 90, 90s, 55m, 2.5h, 1d.
    """
    if lifetime_stagger > lifetime:
        raise click.UsageError("--lifetime-stagger is longer than --lifetime")
    try:
        checked_group(group)
    except SleighIllegalValueException as error:
        raise click.BadParameter(str(error), param_hint="--group") from error
    place = _endpoint(address)
    with pointing_to_options("--connect names"), _opened_in_time(place, name, death_timeout) as ws:
        workspace, user_workspace = ws.currentWs(), _user_workspace(ws)
    where = Where(
        place.host, place.port, workspace, user_workspace, _LEASE_SECONDS, logging.WARNING
    )
    id = f"{platform.node()}-{os.getpid()}"
    stay = Stay(lifetime, lifetime_stagger, grace, idle_timeout, death_timeout)
    status = supervise(Settings(where, id, workers, neighbours=workers, stay=stay, group=group))
    if status not in (0, LEFT):
        raise CommandFailure(f"the workers for {name!r} have ended, as is said above")


def _opened_in_time(place: Endpoint, name: str, patience: float) -> NetWorkSpace:
    """Open the workspace of a sleigh as soon as the server can be reached; wait ``patience`` s."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return open_sleigh(place.host, place.port, name)
        except NwsConnectException:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_RETRY_SECONDS)


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
