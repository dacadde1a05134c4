"""The page of one workspace: its variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nws_server.core.views import VariableEntry
from nws_server.web.descriptions import describe_variable, describe_workspace
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName
from nws_server.web.not_found import NotFound
from nws_server.web.previews import preview_values
from nws_server.web.query import Query
from nws_server.web.tables import Column, Table
from nws_server.web.trees import describe_listing, make_listing

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


async def show_workspace(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List the variables of a workspace. Fields: ``name``, and those of a table or tree.

    Raises:
        NotFound: there is no such workspace.
    """
    ws = query.need("name")
    view = inspector.cost_cache.get(("workspace", ws), lambda: inspector.look.workspace(ws))
    if view is None:
        raise NotFound(f"there is no workspace {DisplayName(ws).short!r}")
    asked = tuple(query.get(key) for key in ("sort", "order", "search", "page", "view"))
    table, is_tree = inspector.cost_cache.get(
        ("variables", ws, asked), lambda: _table(inspector, ws, query)
    )
    previews = await _previews(inspector, ws, table.rows)
    return {
        "workspace": describe_workspace(inspector, view),
        **describe_listing(
            *(table, is_tree, _name_of),
            lambda variable: {
                **describe_variable(inspector, ws, inspector.look.view(variable)),
                "preview": previews[variable.id],
            },
        ),
    }


def _name_of(variable: VariableEntry) -> bytes:
    return variable.name


def _table(inspector: Inspector, ws: bytes, query: Query) -> tuple[Table[VariableEntry], bool]:
    return make_listing(inspector.look.variables(ws), query, _COLUMNS, _name_of)


async def _previews(
    inspector: Inspector, ws: bytes, variables: Sequence[VariableEntry]
) -> dict[bytes, str]:
    """Return a preview of the first value of each variable, by its id."""
    firsts = [
        (variable.id, next(iter(inspector.look.values(ws, variable.name, 0, 1)), None))
        for variable in variables
    ]
    texts = await preview_values(inspector, firsts)
    return {id: text for (id, _), text in zip(firsts, texts, strict=True)}
