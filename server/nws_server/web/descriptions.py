"""Workspaces and variables as plain data: the rows of tables, and the heads of their pages."""

from __future__ import annotations

from typing import Any

from nws_server.core.views import VariableView, WorkspaceView
from nws_server.web import charts
from nws_server.web.depalma_reports import is_depalma
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName, printable
from nws_server.web.original_sleigh import is_original_sleigh
from nws_server.web.sleigh_reports import is_sleigh

__all__ = ["depth_chart", "describe_variable", "describe_workspace"]


def describe_workspace(inspector: Inspector, view: WorkspaceView) -> dict[str, Any]:
    """Describe a workspace."""
    return {
        "name": DisplayName(view.name),
        "owner": printable(view.owner),
        "persistent": view.persistent,
        "created": inspector.epoch(max(view.created, inspector.hub.started)),
        "variables": view.variables,
        "values": view.values,
        "bytes": view.bytes,
        "leased": view.leased,
        "waiting": view.waiting,
        "sleigh": is_sleigh(inspector, view.name) or is_original_sleigh(inspector, view.name),
        "depalma": is_depalma(inspector, view.name),
    }


def describe_variable(inspector: Inspector, ws: bytes, view: VariableView) -> dict[str, Any]:
    """Describe a variable."""
    return {
        "workspace": DisplayName(ws),
        "name": DisplayName(view.name),
        "mode": view.mode.decode(),
        "values": view.values,
        "leased": view.leased,
        "fetchers": view.fetchers,
        "finders": view.finders,
        "bytes": view.bytes,
        "stored": view.stored,
        "depth": depth_chart(inspector, view.id),
    }


def depth_chart(
    inspector: Inspector, variable_id: bytes, *, large: bool = False
) -> charts.Chart | None:
    """Draw the number of values in a variable during the last minutes; with an axis if large."""
    history = inspector.history
    points, begin, end = history.depth(variable_id), history.begin, history.sampled
    if not large:
        return charts.steps(points, begin, end)
    return charts.steps(
        points, begin, end, axis=charts.time_axis(end - begin), width=480, height=80
    )
