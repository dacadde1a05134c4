"""`nws task_manager`: looks at the masters on a server, or becomes a slave of one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import closing
from typing import Final, TypeVar

import click

from nws.client import DICT
from nws.errors import MasterSlaveException, NwsNoWorkSpaceException
from nws.masterslave.addresses import connect, server_address
from nws.masterslave.launched import run_stored_code, stored_code
from nws.masterslave.task_manager import WORKSPACE_PREFIX, TaskManager, check_label

__all__ = ["task_manager"]

_RETRY_SECONDS: Final = 1.0

T = TypeVar("T")


@click.command("task_manager")
@click.option("-m", "--master", metavar="HOST[:PORT]", help="Of a master's own server.")
@click.option("-v", "--verbose", is_flag=True, help="Show processes and tags, too.")
@click.option("-w", "--wait", is_flag=True, help="Wait until there is a master.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that -v says.")
@click.argument("action", type=click.Choice(["show", "list", "slave"]))
@click.argument("label", required=False)
def task_manager(
    action: str, label: str | None, master: str | None, verbose: bool, wait: bool, as_json: bool
) -> None:
    """Show what the master of a label has to do, list all labels, or be a slave of a label.

    \b
    nws task_manager show LABEL
    nws task_manager list
    nws task_manager slave LABEL

    A master is looked for on the server that NWS_SERVER_HOST and NWS_SERVER_PORT name.
    """
    _check_usage(action, label, master, as_json)
    try:
        server_address(master)  # or what is no address would be waited for without end
        if label is None:
            _list(_found(_labels, wait), verbose, as_json)
        elif action == "show":
            with closing(_found(lambda: TaskManager(label, master), wait)) as manager:
                _show(manager, verbose, as_json)
        else:
            stored = _found(lambda: stored_code(label, master), wait)
            run_stored_code(stored, label, master)
    except MasterSlaveException as error:
        raise click.ClickException(str(error)) from error


def _check_usage(action: str, label: str | None, master: str | None, as_json: bool) -> None:
    if action == "list":
        if label is not None or master is not None:
            raise click.UsageError("list takes neither a label nor --master")
        return
    if label is None:
        raise click.UsageError(f"{action} needs a label")
    if action == "slave" and as_json:
        raise click.UsageError("slave prints nothing, so it takes no --json")
    try:
        check_label(label)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _found(look: Callable[[], T], wait: bool) -> T:
    """Look for a master; if ``wait``, once a second until there is one."""
    while True:
        try:
            found = look()
        except MasterSlaveException:
            if not wait:
                raise
        else:
            if found or not wait:
                return found
        time.sleep(_RETRY_SECONDS)


def _show(manager: TaskManager, verbose: bool, as_json: bool) -> None:
    active = manager.active_processes()
    waiting, running, finished = manager.numberOfTasks()
    handled = {tag for process in active for tag in process.tags}
    unhandled = {tag for tag, count in waiting.items() if count} - handled
    if as_json:
        plain = {
            "processes": [process._asdict() for process in active],
            "waiting": waiting,
            "running": running,
            "results": finished,
            "unhandled": sorted(unhandled),
        }
        click.echo(json.dumps(plain))
        return
    click.echo(f"{len(active)} active processe(s)")
    if verbose:
        for process in active:
            click.echo(f"  {process.text}")
    _show_tasks("waiting tasks", waiting, verbose, unhandled)
    _show_tasks("running tasks", running, verbose)
    _show_tasks("results waiting to be retrieved", finished, verbose)


def _show_tasks(
    what: str, numbers: Mapping[str, int], verbose: bool, unhandled: Set[str] = frozenset()
) -> None:
    click.echo(f"{sum(numbers.values())} {what}")
    if verbose:
        for tag, count in numbers.items():
            remark = " (no slave handles this tag)" if tag in unhandled else ""
            click.echo(f"  {tag}: {count}{remark}")


def _labels() -> list[str]:
    with connect(None) as server:
        listing = server.listWss(DICT)
    prefixed = sorted(name for name in listing if name.startswith(WORKSPACE_PREFIX))
    return [name.removeprefix(WORKSPACE_PREFIX) for name in prefixed]


def _list(labels: Sequence[str], verbose: bool, as_json: bool) -> None:
    if not (verbose or as_json):
        for label in labels:
            click.echo(label)
        return
    counts = {label: _process_count(label) for label in labels}
    if as_json:
        rows = [
            {"label": label, "processes": count}
            for label, count in counts.items()
            if count is not None
        ]
        click.echo(json.dumps(rows))
        return
    for label, count in counts.items():
        click.echo(label if count is None else f"{label} ({count} active processe(s))")


def _process_count(label: str) -> int | None:
    """Return how many processes a label has; None if it has just ended."""
    try:
        with closing(TaskManager(label)) as manager:
            return manager.numberOfActiveProcesses()
    except (MasterSlaveException, NwsNoWorkSpaceException):
        return None
