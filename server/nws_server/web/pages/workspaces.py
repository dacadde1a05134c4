"""The page of all workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nws_server.core.views import WorkspaceView
from nws_server.web.descriptions import describe_workspace
from nws_server.web.inspector import Inspector
from nws_server.web.original_sleigh import is_original_sleigh
from nws_server.web.query import Query
from nws_server.web.sleigh_reports import is_sleigh
from nws_server.web.tables import Column
from nws_server.web.trees import describe_listing, make_listing

__all__ = ["show_workspaces"]

_COLUMNS: Final[dict[str, Column[WorkspaceView]]] = {
    "name": Column(lambda view: view.name),
    "owner": Column(lambda view: view.owner),
    "persistent": Column(lambda view: view.persistent, largest_first=True),
    "age": Column(lambda view: view.created, largest_first=True),
    "variables": Column(lambda view: view.variables, largest_first=True),
    "values": Column(lambda view: view.values, largest_first=True),
    "bytes": Column(lambda view: view.bytes, largest_first=True),
    "leased": Column(lambda view: view.leased, largest_first=True),
    "waiting": Column(lambda view: view.waiting, largest_first=True),
}


def show_workspaces(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List the workspaces, without those of sleighs unless ``sleighs`` is ``yes``. Other fields:
    ``search``, ``sort``, ``order``, ``page``, ``view``."""
    views = inspector.cost_cache.get("workspaces", inspector.look.workspaces)
    hidden: frozenset[bytes] = frozenset()
    shows_all = query.choice("sleighs", ("no", "yes"), "no") == "yes"
    if not shows_all:
        hidden = inspector.cost_cache.get("sleigh names", lambda: _sleighs(inspector, views))
        views = [view for view in views if view.name not in hidden]
    table, is_tree = make_listing(views, query, _COLUMNS, _name_of)
    return {
        **describe_listing(
            *(table, is_tree, _name_of), lambda view: describe_workspace(inspector, view)
        ),
        "hidden": len(hidden),
        "fields": {"sleighs": "yes"} if shows_all else {},
    }


def _name_of(view: WorkspaceView) -> bytes:
    return view.name


def _sleighs(inspector: Inspector, views: Sequence[WorkspaceView]) -> frozenset[bytes]:
    names = (view.name for view in views)
    return frozenset(
        name for name in names if is_sleigh(inspector, name) or is_original_sleigh(inspector, name)
    )
