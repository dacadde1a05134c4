"""The state that a sleigh of the original, in Python or R, publishes in its workspace.

The variables hold direct texts: ``nodeList`` the names of the nodes, separated by spaces,
``totalTasks`` a number, and a variable named after each node the number of its finished tasks.
"""

from __future__ import annotations

from typing import Any, Final

from nws_server.web.inspector import Inspector
from nws_server.web.names import shorten
from nws_server.web.sleigh_reports import read_text

__all__ = ["describe_original_sleigh", "is_original_sleigh"]

_NODES: Final = b"nodeList"
_TOTAL: Final = b"totalTasks"
_SLEIGH_VARIABLES: Final = (_NODES, _TOTAL, b"rankCount", b"workerCount")
_MAX_NODES: Final = 1000
"""Nodes that are shown."""


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
    count = inspector.look.variable(ws, b"workerCount")
    return {
        "workers": workers,
        "done": sum(worker["tasks"] for worker in workers),
        "tasks": _number(inspector, ws, _TOTAL),
        "closed": bool(count and count.values),
    }


def _number(inspector: Inspector, ws: bytes, var: bytes) -> int:
    text = (read_text(inspector, ws, var) or "").strip()
    return int(text) if text.isdecimal() and len(text) < 16 else 0
