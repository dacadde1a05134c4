"""The commands `nws depalma`: the master, a host, and what ends all of a cluster by force."""

from __future__ import annotations

import json
import logging
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import click

from nws.errors import DepalmaException, NwsException, SleighException

if TYPE_CHECKING:
    from nws.depalma.config import HostConfig

__all__ = ["depalma"]

_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"
_KILL_SECONDS: Final = 60.0
"""For the processes on one host."""


@click.group()
def depalma() -> None:
    """Run jobs, which are processes of the system, on many machines."""


def _log_to_stderr(verbose: bool) -> None:
    logging.basicConfig(format=_LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("nws.depalma").setLevel(logging.DEBUG if verbose else logging.INFO)


_verbose = click.option("--verbose", "-v", is_flag=True, help="Log more.")
_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, an object on each line."
)


def _print(text: str, plain: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(plain) if as_json else text)


@depalma.command()
@click.argument("conf", type=click.Path(exists=True, dir_okay=False))
@click.option("--idle", is_flag=True, help="Leave it to a program to call init_server.")
@click.option(
    "--page",
    is_flag=True,
    help="Print the address of the page about the cluster, behind the hosts.",
)
@_as_json
@_verbose
def master(conf: str, idle: bool, page: bool, as_json: bool, verbose: bool) -> None:
    """Run the master of the cluster that the file CONF describes.

    It prints the address for XML-RPC clients, with user and password, and then the hosts that have
    joined. It ends at Ctrl-C, at SIGTERM, or when a program calls shutdown.
    """
    from nws.depalma.master import master_server

    _log_to_stderr(verbose)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with master_server(conf) as server:
            _print(server.address, {"address": server.address}, as_json)
            if not idle:
                hosts = server.init_server()
                _print(f"hosts: {', '.join(hosts) or 'none'}", {"hosts": hosts}, as_json)
                if page:
                    _print(server.page(), {"page": server.page()}, as_json)
            server.wait()
    except (DepalmaException, SleighException) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        pass  # this is how it is ended


def _interrupt(number: int, _: Any) -> None:
    raise KeyboardInterrupt


@depalma.command()
@click.option("--server", required=True, help="HOST:PORT or unix:/PATH of the cluster's server.")
@click.option("--cluster", default="depalma", show_default=True, help="Name of the cluster.")
@click.option(
    "--name", default=platform.node, show_default="that of the machine", help="Name of the host."
)
@click.option(
    "--slots", type=int, help="How many jobs run at a time; by default one for each core."
)
@click.option("--group", "groups", multiple=True, help="A group of hosts; may be given again.")
@click.option("--priority", type=int, help="Hosts with a higher one are used first; 0 by default.")
@click.option("--max-load", type=float, help="Ask for no job while the machine's load is higher.")
@click.option("--min-memory", type=int, help="Ask for no job while fewer bytes are free.")
@_verbose
def run(cluster: str, verbose: bool, **options: Any) -> None:
    """Run a host. The master starts those of its configuration; others may join at any time.

    The options are those of a host in the configuration; docs/depalma.md has them.
    """
    from nws.depalma.config import host_config
    from nws.depalma.remote_server import RemoteServer

    _log_to_stderr(verbose)
    try:
        host = host_config({key: value for key, value in options.items() if value is not None})
    except DepalmaException as error:
        raise click.UsageError(str(error)) from error
    try:
        reason = RemoteServer(host, cluster).run()
    except (NwsException, DepalmaException) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The host {host.name} has ended: {reason}", err=True)


@depalma.command("kill_cluster")
@click.argument("conf", type=click.Path(exists=True, dir_okay=False), required=False)
@click.option("--here", metavar="CLUSTER", help="Only on this machine, for a cluster of this name.")
@_as_json
def kill_cluster(conf: str | None, here: str | None, as_json: bool) -> None:
    """Kill all hosts and jobs of a cluster on all its machines.

    The file CONF names these. It is not needed unless something has gone wrong: hosts end by
    themselves, with their jobs.
    """
    if (conf is None) == (here is None):
        raise click.UsageError("give either the file CONF or --here CLUSTER")
    if here is not None:
        _kill_here(here, as_json)
        return
    from nws.depalma.config import load_config

    try:
        config = load_config(str(conf))
    except DepalmaException as error:
        raise click.ClickException(str(error)) from error
    _kill_here(config.name, as_json)
    failed = [host.name for host in config.host if not _kill_there(host, config.name, as_json)]
    if failed:
        raise click.ClickException(f"these hosts could not be reached: {', '.join(failed)}")


def _kill_here(cluster: str, as_json: bool) -> None:
    from nws.depalma.job_command import CLUSTER_MARK
    from nws.processes.marks import is_marked, kill_all

    hosts = kill_all(lambda process: _is_host(process.cmdline(), cluster))
    killed = hosts + kill_all(lambda process: is_marked(process, CLUSTER_MARK, cluster))
    machine = platform.node()
    text = f"{killed} processes were killed on {machine}."
    _print(text, {"machine": machine, "killed": killed}, as_json)


def _is_host(words: Sequence[str], cluster: str) -> bool:
    named = any(pair == ("--cluster", cluster) for pair in pairwise(words))
    return "depalma" in words and "run" in words and named


def _kill_there(host: HostConfig, cluster: str, as_json: bool) -> bool:
    """Kill what is on a host elsewhere; return whether that was possible."""
    from nws.depalma.host_launcher import command_on

    if host.launch == "local":
        return True
    options = ["--here", cluster, *["--json"] * as_json]
    command = command_on(host, ["depalma", "kill_cluster", *options])
    try:
        return subprocess.run(command, check=False, timeout=_KILL_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        click.echo(f"{host.name}: {error}", err=True)
        return False
