"""The page of the server itself."""

from __future__ import annotations

import os
import platform
from dataclasses import fields
from typing import Any

import twisted

from nws.version import __version__
from nws_server.incidents import INCIDENTS
from nws_server.web import charts
from nws_server.web.history import Point
from nws_server.web.inspector import Inspector
from nws_server.web.query import Query

__all__ = ["show_server"]


def show_server(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Describe the server. There are no fields."""
    hub = inspector.hub
    history = inspector.history
    return {
        "version": __version__,
        "python": platform.python_version(),
        "twisted": str(twisted.__version__),
        "pid": os.getpid(),
        "started": inspector.epoch(hub.started),
        "addresses": list(inspector.addresses),
        "resident": _resident(),
        "connections": hub.sessions.connection_count(),
        "max_connections": hub.max_connections,
        "sessions": hub.sessions.session_count(),
        "totals": inspector.cost_cache.get("totals", inspector.look.totals),
        "spooled": hub.spooled(),
        "incidents": [
            {"kind": kind, "about": about, "count": hub.incidents.counts[kind]}
            for kind, about in INCIDENTS.items()
        ],
        "operations": _chart(inspector, history.operations),
        "bytes": _chart(inspector, history.bytes),
        "settings": _settings(inspector),
    }


def _chart(inspector: Inspector, points: list[Point]) -> charts.Chart | None:
    history = inspector.history
    axis = charts.time_axis(history.sampled - history.begin)
    return charts.steps(points, history.begin, history.sampled, axis=axis, width=480, height=80)


def _resident() -> int:
    """Return the resident memory of this process in bytes."""
    import psutil  # takes 10 ms, which the start of a server should not wait for

    resident: int = psutil.Process().memory_info().rss
    return resident


def _settings(inspector: Inspector) -> list[dict[str, Any]]:
    config = inspector.config
    return [
        {
            "name": field.name.replace("_", " "),
            "value": _shown(getattr(config, field.name)) if field.repr else "(secret)",
            "origin": config.origins.get(field.name, "default"),
        }
        for field in fields(config)
        if field.compare and field.name != "web_must"
    ]


def _shown(setting: object) -> str:
    if isinstance(setting, tuple):
        return ", ".join(map(str, setting)) or "none"
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    return "none" if setting is None else str(setting)
