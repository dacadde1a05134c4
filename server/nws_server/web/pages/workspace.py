"""The page of one workspace: its variables."""

from __future__ import annotations

from typing import Any, Final

from nws_server.core.views import VariableEntry
from nws_server.web.descriptions import describe_variable, describe_workspace
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName
from nws_server.web.not_found import NotFound
from nws_server.web.query import Query
from nws_server.web.tables import Column, Table, make_table

__all__ = ["show_workspace"]

_COLUMNS: Final[dict[str, Column[VariableEntry]]] = {
    "name": Column(lambda variable: variable.name),
    "mode": Column(lambda variable: variable.mode),
    "values": Column(lambda variable: len(variable.queue or ()), largest_first=True),
    "leased": Column(lambda variable: len(variable.leases), largest_first=True),
    "fetchers": Column(lambda variable: len(variable.fetchers), largest_first=True),
    "finders": Column(lambda variable: len(variable.finders), largest_first=True),
    "bytes": Column(lambda variable: variable.bytes, largest_first=True),
}


def show_workspace(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List the variables of a workspace. Fields: ``name``, and those of a table.

    Raises:
        NotFound: there is no such workspace.
    """
    ws = query.need("name")
    view = inspector.cost_cache.get(("workspace", ws), lambda: inspector.look.workspace(ws))
    if view is None:
        raise NotFound(f"there is no workspace {DisplayName(ws).short!r}")
    asked = tuple(query.get(key) for key in ("sort", "order", "search", "page"))
    table = inspector.cost_cache.get(("variables", ws, asked), lambda: _table(inspector, ws, query))
    return {
        "workspace": describe_workspace(inspector, view),
        "table": table.described(
            lambda variable: describe_variable(inspector, ws, inspector.look.view(variable))
        ),
    }


def _table(inspector: Inspector, ws: bytes, query: Query) -> Table[VariableEntry]:
    variables = inspector.look.variables(ws)
    return make_table(variables, query, _COLUMNS, lambda variable: variable.name)
