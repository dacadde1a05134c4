"""Names that the shell completes: those on the server that the command line names."""

from __future__ import annotations

import click

from nws.cli.which_server import connect, open_workspace
from nws.errors import NwsException
from nws.settings import SettingsError

__all__ = ["variable_argument", "workspace_argument"]


def _workspaces(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    try:
        with connect(ctx.params.get("host"), ctx.params.get("port")) as server:
            listing = server.listWss("dict")
    except (NwsException, SettingsError, click.ClickException):
        return []  # there is no place for a message
    return [name for name in listing if name.startswith(incomplete)]


def _variables(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    workspace = ctx.params.get("workspace")
    if workspace is None:
        return []
    place = ctx.params.get("host"), ctx.params.get("port")
    try:
        with open_workspace(*place, workspace, create=False) as ws:
            listing = ws.listVars(format="dict")
    except (NwsException, SettingsError, click.ClickException):
        return []
    return [name for name in listing if name.startswith(incomplete)]


workspace_argument = click.argument("workspace", shell_complete=_workspaces)
variable_argument = click.argument("variable", shell_complete=_variables)
