"""`nws ls`, `nws vars`, `nws leases` and `nws clients`: what a server holds, and for whom."""

from __future__ import annotations

from typing import Any

import click

from nws.cli.completion import workspace_argument
from nws.cli.exit_status import CommandFailure
from nws.cli.output import json_option, print_rows
from nws.cli.which_server import connect, endpoint_of, open_workspace, server_options
from nws.session.request import Request, text
from nws.settings import find_settings

__all__ = ["clients", "leases", "ls", "vars_"]


@click.command()
@server_options
@json_option
def ls(host: str | None, port: int | None, as_json: bool) -> None:
    """List the workspaces."""
    with connect(host, port) as server:
        listing = server.listWss("dict")
    assert isinstance(listing, dict)
    rows = [
        {
            "workspace": each.name,
            "owner": each.owner,
            "persistent": each.persistent,
            "variables": each.numvars,
        }
        for each in listing.values()
    ]
    print_rows(rows, as_json=as_json)


@click.command("vars")
@server_options
@json_option
@workspace_argument
def vars_(host: str | None, port: int | None, as_json: bool, workspace: str) -> None:
    """List the variables of WORKSPACE: values, waiting fetches and finds, mode, leased values."""
    with open_workspace(host, port, workspace, create=False) as ws:
        listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    rows = [{**each._asdict(), "leased": each.leased} for each in listing.values()]
    print_rows(rows, as_json=as_json)


@click.command()
@server_options
@json_option
@workspace_argument
def leases(host: str | None, port: int | None, as_json: bool, workspace: str) -> None:
    """List the leased values of WORKSPACE: who has them, and for how many seconds more."""
    with open_workspace(host, port, workspace, create=False) as ws:
        session = ws._session
        session.require_extensions("leases")
        found = session.perform(Request([b"list leases", ws._name], text))
    print_rows([_lease(line) for line in found.splitlines()], as_json=as_json)


def _lease(line: str) -> dict[str, Any]:
    variable, number, attempt, holder, milliseconds = line.split("\t")
    return {
        "variable": variable,
        "lease": int(number),
        "attempt": int(attempt),
        "holder": holder,
        "seconds": int(milliseconds) / 1000,
    }


@click.command()
@server_options
@json_option
def clients(host: str | None, port: int | None, as_json: bool) -> None:
    """List the connections: what each has done, and what it waits for.

    The server's inspector is asked. If it needs a key, NWS_WEB_KEY or `web_key` has to say it.
    """
    from nws.cli import inspector

    place = endpoint_of(host, port)
    with connect(host, port) as server:
        web = server.status()["web"]
    if web is None:
        raise CommandFailure(f"the server at {place} has no inspector, which knows its clients")
    found = inspector.rows(place, web, "clients", find_settings()["web_key"].value)
    print_rows(list(found) if as_json else [_client(row) for row in found], as_json=as_json)


def _client(row: dict[str, Any]) -> dict[str, Any]:
    """Return what people are shown of a connection."""
    waits = row["waits"]
    return {
        "client": row["peer"],
        "session": row["session"],
        "operations": row["total"]["operations"],
        "leases": row["leases"],
        "owns": len(row["owns"]),
        "waits": waits and f"{waits['operation']} of {waits['variable']} in {waits['workspace']}",
    }
