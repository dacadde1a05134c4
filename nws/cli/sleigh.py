"""`nws sleigh`: which sleighs there are, and what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from nws.cli.command_group import CommandGroup
from nws.cli.duration import duration
from nws.cli.exit_status import CommandFailure, NothingThere
from nws.cli.job_script import script
from nws.cli.output import json_option, print_json, print_rows, printable
from nws.cli.raw_values import RawValue, each_value
from nws.cli.sleigh_check import check
from nws.cli.sleigh_reports import (
    calls_in,
    calls_of,
    lacking_groups,
    name_of,
    number_or_0,
    report_in,
    sleighs_on,
    workers_of,
)
from nws.cli.which_server import connect, server_options
from nws.cli.which_sleigh import open_sleigh
from nws.client import NetWorkSpace
from nws.counted import counted
from nws.errors import NwsOperationException, NwsTimeoutException
from nws.sleigh.launch.by_hand import DELETE_ME
from nws.sleigh.shared.messages import CALLS, CANCEL, kill_variable, worker_variable

__all__ = ["sleigh"]


@click.group(cls=CommandGroup)
def sleigh() -> None:
    """Look at sleighs, and at what their workers do."""


sleigh.add_command(check)
sleigh.add_command(script)


@sleigh.command()
@server_options
@json_option
def ls(host: str | None, port: int | None, as_json: bool) -> None:
    """List the sleighs on a server."""
    with connect(host, port) as server:
        listing = server.listWss("dict")
        assert isinstance(listing, dict)
        rows = sleighs_on(server, listing)
    print_rows(rows, as_json=as_json)


@sleigh.command()
@server_options
@json_option
@click.argument("name")
def show(host: str | None, port: int | None, as_json: bool, name: str) -> None:
    """Show the calls and the workers of the sleigh NAME.

    NAME is what the program calls it, or its workspace. Calls that took less than a quarter of a
    second are only listed if something failed.
    """
    with open_sleigh(host, port, name) as ws:
        title, calls, workers = name_of(ws), calls_of(ws), workers_of(ws)
        lacking = lacking_groups(ws, workers)
    workspace = ws.currentWs()
    if as_json:
        print_json(
            {
                "sleigh": workspace,
                "name": title,
                "calls": calls,
                "workers": workers,
                "lacking_groups": lacking,
            }
        )
        return
    if title is not None:
        click.echo(f"{printable(title)} ({printable(workspace)})")
    now = time.time()
    print_rows([_call(call, now) for call in calls], as_json=False)
    if calls and workers:
        click.echo()
    print_rows([_worker(worker, now) for worker in workers], as_json=False)
    for group, tasks in lacking.items():
        count = f"{tasks} tasks wait" if tasks != 1 else "1 task waits"
        click.echo(f"{count} for the group {printable(group)!r}, to which no worker belongs")


def _call(call: dict[str, Any], now: float) -> dict[str, Any]:
    ended = "cancelled" if call.get("cancelled") else "over"
    return {
        "call": call["number"],
        "kind": call.get("kind"),
        "function": call.get("function"),
        "elements": call.get("elements"),
        "results": call.get("arrived"),
        "failed": call.get("failed"),
        "state": ended if call.get("over") else "under way",
        "began": _ago(call.get("began"), now),
    }


def _worker(worker: dict[str, Any], now: float) -> dict[str, Any]:
    current = worker.get("current")
    doing = current if isinstance(current, dict) else {}
    return {
        "rank": worker.get("rank"),
        "machine": worker.get("name"),
        "pid": worker.get("pid"),
        "state": worker.get("state"),
        "elements run": worker.get("elements"),
        "deaths": worker.get("deaths"),
        "cpu": worker.get("cpu"),
        "megabytes": number_or_0(worker.get("memory")) // 1_000_000,
        "call": doing.get("call"),
        "element": doing.get("element"),
        "since": _ago(doing.get("since"), now),
    }


def _ago(moment: object, now: float) -> str | None:
    return f"{max(0.0, now - moment):.1f} s ago" if isinstance(moment, int | float) else None


def _options(goal: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the options and the argument NAME of a request to a sleigh, whose command waits for
    this goal."""
    timeout = click.option(
        "--timeout",
        type=duration,
        default="15s",
        show_default=True,
        help=f"Wait so long at most until {goal}.",
    )
    return lambda command: server_options(timeout(click.argument("name")(command)))


@sleigh.command()
@_options("the call is over")
@click.argument("call", type=click.IntRange(1))
def cancel(host: str | None, port: int | None, timeout: float, name: str, call: int) -> None:
    """Cancel the call with the number CALL of the sleigh NAME; `nws sleigh show` has the numbers.

    In the program it raises SleighCancelledException. Its other calls go on. Calls of submit()
    share a number, and cannot be cancelled from here.
    """
    with open_sleigh(host, port, name) as ws:
        found = next((each for each in calls_of(ws) if each["number"] == call), None)
        if found is None or found.get("over"):
            raise NothingThere(
                f"the sleigh {name!r} has no call {call} under way; "
                "`nws sleigh show` lists its calls"
            )
        if found.get("kind") == "submit":
            raise CommandFailure("calls of submit() can only be cancelled by their futures")
        ws.store(CANCEL, str(call))
        if not _wait_until(ws, CALLS, lambda value: _is_over(value, call), timeout):
            raise CommandFailure(
                f"call {call} is not over after {counted(timeout, 'second')}: the program has to "
                "wait for it, and will find the request when it does"
            )


def _is_over(value: RawValue, call: int) -> bool:
    return not any(each["number"] == call and not each.get("over") for each in calls_in(value))


def _wait_until(
    ws: NetWorkSpace, variable: str, holds: Callable[[RawValue], bool], timeout: float
) -> bool:
    """Tell whether the report in a variable is as wanted within some seconds."""
    deadline = time.monotonic() + timeout
    reports = each_value(ws, variable, wait=True, timeout=timeout)
    try:
        while time.monotonic() <= deadline:
            if holds(next(reports)):
                return True
    except NwsTimeoutException:
        pass
    return False


@sleigh.command()
@_options("the worker is dead")
@click.argument("rank", type=click.IntRange(0))
def kill(host: str | None, port: int | None, timeout: float, name: str, rank: int) -> None:
    """Kill the worker RANK of the sleigh NAME; `nws sleigh show` has the ranks.

    Another worker takes its place. Its element is run again, and is an error when it has cost three
    workers.
    """
    with open_sleigh(host, port, name) as ws:
        found = next((each for each in workers_of(ws) if each.get("rank") == rank), {})
        pid = number_or_0(found.get("pid"))
        if not pid or found.get("state") == "gone":
            raise NothingThere(
                f"the sleigh {name!r} has no worker {rank} that runs; "
                "`nws sleigh show` lists its workers"
            )
        ws.store(kill_variable(str(found.get("id"))), str(pid))
        if not _wait_until(ws, worker_variable(rank), lambda value: _is_other(value, pid), timeout):
            raise CommandFailure(
                f"worker {rank} (process {pid} on {found.get('name')}) is not dead after "
                f"{counted(timeout, 'second')}: its supervisor does not answer"
            )


def _is_other(value: RawValue, pid: int) -> bool:
    """Tell whether a report is about another worker than the process ``pid``."""
    report = report_in(value)
    return report is not None and report.get("pid") != pid


@sleigh.command()
@server_options
@click.argument("name")
def close(host: str | None, port: int | None, name: str) -> None:
    """Close the group of the sleigh NAME, whose workers are started by hand.

    It begins with the workers that have joined; no more can join.
    """
    with open_sleigh(host, port, name) as ws:
        try:
            ws.deleteVar(DELETE_ME)
        except NwsOperationException as error:
            raise CommandFailure(
                f"{name!r} is not a sleigh that waits for workers started by hand: its group is "
                "closed, or it has started them itself"
            ) from error
