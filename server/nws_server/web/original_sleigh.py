"""The state that a sleigh of the original, in Python or R, publishes in its workspace.

The variables hold direct texts: ``nodeList`` the names of the nodes, separated by spaces,
``totalTasks`` a number, and a variable named after each node the number of its finished tasks;
``logError`` has what went wrong. Tasks and results are not looked at, but counted.
"""

from __future__ import annotations

from typing import Any, Final

from nws_server.core.views import VariableView
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import beginning, kind_of
from nws_server.web.names import shorten
from nws_server.web.reports import read_text
from nws_server.web.sleigh_reports import RESULTS, TASKS, WORKER_COUNT

__all__ = ["describe_original_sleigh", "is_original_sleigh"]

_NODES: Final = b"nodeList"
_TOTAL: Final = b"totalTasks"
_ERRORS: Final = b"logError"
_SLEIGH_VARIABLES: Final = (_NODES, _TOTAL, b"rankCount", WORKER_COUNT)
_MAX_NODES: Final = 1000
"""Nodes that are shown."""
_MAX_ERRORS: Final = 20
_MAX_ERROR_BYTES: Final = 4000


def is_original_sleigh(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether a workspace looks like that of an original sleigh."""
    return all(inspector.look.variable(ws, mark) is not None for mark in _SLEIGH_VARIABLES)


def describe_original_sleigh(inspector: Inspector, ws: bytes) -> dict[str, Any]:
    """Describe an original sleigh."""
    nodes = (read_text(inspector, ws, _NODES) or "").split()[:_MAX_NODES]
    workers: list[dict[str, Any]] = [
        {
            "rank": rank,
            "host": shorten(node, 100),
            "tasks": _number(inspector, ws, node.encode("utf-8", "replace")),
        }
        for rank, node in enumerate(nodes)
    ]
    look = inspector.look
    queued, unread = look.variable(ws, TASKS), look.variable(ws, RESULTS)
    count = look.variable(ws, WORKER_COUNT)
    done = sum(worker["tasks"] for worker in workers)
    total = _number(inspector, ws, _TOTAL)
    waiting = queued.values if queued else 0
    return {
        "workers": workers,
        "done": done,
        "tasks": total,
        "queued": waiting,
        "taken": max(0, total - done - waiting),
        "idle": queued.fetchers if queued else 0,
        "results": unread.values if unread else 0,
        "errors": _errors(inspector, ws, look.variable(ws, _ERRORS)),
        "closed": bool(count and count.values),
    }


def _errors(inspector: Inspector, ws: bytes, variable: VariableView | None) -> list[str]:
    """Return the last texts that say what went wrong, oldest first."""
    first = max(0, (variable.values if variable else 0) - _MAX_ERRORS)
    return [
        beginning(value, _MAX_ERROR_BYTES).decode("utf-8", "replace")
        for value in inspector.look.values(ws, _ERRORS, first, _MAX_ERRORS)
        if kind_of(value).form == "text"
    ]


def _number(inspector: Inspector, ws: bytes, var: bytes) -> int:
    text = (read_text(inspector, ws, var) or "").strip()
    return int(text) if text.isdecimal() and len(text) < 16 else 0
