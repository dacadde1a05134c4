"""`nws declare` and `nws rm`."""

from __future__ import annotations

import click

from nws.cli.completion import variable_argument, workspace_argument
from nws.cli.which_server import connect, open_workspace, pointing_to_ls, server_options

__all__ = ["declare", "rm"]


@click.command()
@server_options
@workspace_argument
@variable_argument
@click.argument("mode", type=click.Choice(["fifo", "lifo", "multi", "single"]))
def declare(host: str | None, port: int | None, workspace: str, variable: str, mode: str) -> None:
    """Give VARIABLE of WORKSPACE its mode.

    The workspace is made if there is none; it stays until somebody deletes it.
    """
    with open_workspace(host, port, workspace, create=True) as ws:
        ws.declare(variable, mode)


@click.command()
@server_options
@click.option("-r", "--recursive", is_flag=True, help="Delete the workspace with all it holds.")
@workspace_argument
@click.argument("variables", metavar="[VARIABLE]...", nargs=-1)
def rm(
    host: str | None, port: int | None, recursive: bool, workspace: str, variables: tuple[str, ...]
) -> None:
    """Delete variables of WORKSPACE with their values, or with -r the workspace itself.

    Whoever waits for a value there gets an error.
    """
    if recursive == bool(variables):
        raise click.UsageError("give either the variables to delete, or -r for the workspace")
    if recursive:
        with connect(host, port) as server, pointing_to_ls():
            server.deleteWs(workspace)
        return
    with open_workspace(host, port, workspace, create=False) as ws:
        for variable in variables:
            ws.deleteVar(variable)
