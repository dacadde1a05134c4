"""`nws top`: what a server and its sleighs do, live."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from nws.cli.exit_status import CommandFailure
from nws.cli.output import check_open, json_option, print_json, printable
from nws.cli.sleigh_reports import sleighs_on
from nws.cli.which_server import connect, server_options
from nws.client import NwsServer
from nws.counted import counted

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

__all__ = ["top"]

_PAUSE_FACTOR: Final = 20
"""A look is followed by a pause this many times as long: so looking costs the server little."""

_SHOWN_WORKSPACES: Final = 15
_BAR_CHARS: Final = 20


@click.command()
@server_options
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds from one look to the next, at least.",
)
@json_option
def top(host: str | None, port: int | None, interval: float, as_json: bool) -> None:
    """Show what a server and its sleighs do, until Ctrl-C.

    With --json it prints a line for each look. Otherwise it needs the package rich: install
    networkspaces[top].
    """
    check_open("stdout")
    with connect(host, port) as server:
        looks = _looks(server, interval)
        if as_json:
            for look in looks:
                print_json(look)
        else:
            _show(looks)


def _looks(server: NwsServer, interval: float) -> Iterator[dict[str, Any]]:
    while True:
        begin = time.monotonic()
        yield _look(server)
        took = time.monotonic() - begin
        time.sleep(max(interval - took, _PAUSE_FACTOR * took))


def _look(server: NwsServer) -> dict[str, Any]:
    listing = server.listWss("dict")
    assert isinstance(listing, dict)
    workspaces = sorted(listing.values(), key=lambda each: -each.numvars)
    return {
        "server": server.status(),
        "sleighs": sleighs_on(server, listing),
        "workspaces": [
            {"workspace": each.name, "owner": each.owner, "variables": each.numvars}
            for each in workspaces[:_SHOWN_WORKSPACES]
        ],
    }


def _show(looks: Iterator[dict[str, Any]]) -> None:
    try:
        from rich.live import Live
    except ImportError as error:
        said = f"nws top needs the package rich: `pip install networkspaces[top]` ({error})"
        raise CommandFailure(said) from error
    if not sys.stdout.isatty():
        raise CommandFailure("stdout is no terminal; --json prints a line for each look")
    with Live(screen=True, auto_refresh=False) as live:
        for look in looks:
            live.update(_page(look), refresh=True)


def _page(look: dict[str, Any]) -> Group:
    from rich.console import Group
    from rich.text import Text

    status = look["server"]
    head = (
        f"NetWorkSpaces {status['version']}, up {status['uptime']:.0f} s   "
        f"{counted(status['connections'], 'connection')}   {status['waiting']} waiting   "
        f"{counted(status['workspaces'], 'workspace')}   {counted(status['values'], 'value')}   "
        f"{status['bytes'] / 1e6:.1f} MB   Ctrl-C ends"
    )
    sleighs = [_sleigh(row) for row in look["sleighs"]]
    tables = [_table(rows) for rows in (sleighs, look["workspaces"]) if rows]
    return Group(Text(head, style="bold"), *tables)


def _sleigh(row: dict[str, Any]) -> dict[str, Any]:
    name = row["name"] or row["sleigh"]  # both have no place on a small terminal
    shown = {"sleigh": name, **{key: row[key] for key in row if key not in ("sleigh", "name")}}
    return {**shown, "progress": _bar(row["results"], row["submitted"])}


def _bar(done: int, of: int) -> str:
    full = _BAR_CHARS * min(done, of) // of if of else 0
    return full * "█" + (_BAR_CHARS - full) * "·"


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name, value in rows[0].items():
        is_number = isinstance(value, int)
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(str(value))) for value in row.values()))
    return table
