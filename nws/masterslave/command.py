"""`nws task_manager`: looks at the masters on a server, or becomes a slave of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from typing import Final, TypeVar

import click

from nws.client import DICT
from nws.errors import MasterSlaveException
from nws.masterslave.addresses import connect
from nws.masterslave.launched import run_stored_code
from nws.masterslave.task_manager import WORKSPACE_PREFIX, TaskManager

__all__ = ["task_manager"]

_RETRY_SECONDS: Final = 1.0

T = TypeVar("T")


@click.command("task_manager")
@click.option("-m", "--master", metavar="HOST[:PORT]", help="Of a master's own server.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("-w", "--wait", is_flag=True, help="Wait until there is a master.")
@click.argument("action", type=click.Choice(["show", "list", "slave"]))
@click.argument("label", required=False)
def task_manager(
    action: str, label: str | None, master: str | None, verbose: bool, wait: bool
) -> None:
    """Show what the master of a label has to do, list all labels, or be a slave of a label.

    \b
    nws task_manager show LABEL
    nws task_manager list
    nws task_manager slave LABEL

    A master is looked for on the server that NWS_SERVER_HOST and NWS_SERVER_PORT name.
    """
    if action == "list":
        if label is not None or master is not None:
            raise click.UsageError("list takes neither a label nor --master")
        _list(verbose)
        return
    if label is None:
        raise click.UsageError(f"{action} needs a label")
    try:
        if action == "show":
            _show(_found(lambda: TaskManager(label, master), wait), verbose)
        else:
            _found(lambda: TaskManager(label, master), wait).close()
            run_stored_code(label, master)
    except MasterSlaveException as error:
        raise click.ClickException(str(error)) from error


def _found(look: Callable[[], T], wait: bool) -> T:
    """Look for a master; if ``wait``, once a second until there is one."""
    while True:
        try:
            return look()
        except MasterSlaveException:
            if not wait:
                raise
            time.sleep(_RETRY_SECONDS)


def _show(manager: TaskManager, verbose: bool) -> None:
    active = manager.active_processes()
    click.echo(f"{len(active)} active processe(s)")
    if verbose:
        for process in active:
            click.echo(f"  {process.text}")
    handled = {tag for process in active for tag in process.tags}
    waiting, running, finished = manager.numberOfTasks()
    manager.close()
    unhandled = {tag for tag, count in waiting.items() if count} - handled
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


def _list(verbose: bool) -> None:
    try:
        with connect(None) as server:
            listing = server.listWss(DICT)
    except MasterSlaveException as error:
        raise click.ClickException(str(error)) from error
    for name in sorted(listing):
        if name.startswith(WORKSPACE_PREFIX):
            label = name.removeprefix(WORKSPACE_PREFIX)
            click.echo(f"{label}{_process_count(label) if verbose else ''}")


def _process_count(label: str) -> str:
    try:
        manager = TaskManager(label)
    except MasterSlaveException:
        return ""  # it has just ended
    try:
        return f" ({manager.numberOfActiveProcesses()} active processe(s))"
    finally:
        manager.close()
