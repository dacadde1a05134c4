"""The page of one variable: its values page by page, who waits for them, and who holds some."""

from __future__ import annotations

from typing import Any, Final

from nws_server.web.descriptions import depth_chart, describe_variable
from nws_server.web.inspector import Inspector
from nws_server.web.names import Name, printable
from nws_server.web.query import Query
from nws_server.web.unknown import Unknown
from nws_server.web.value_descriptions import describe_values

__all__ = ["show_variable"]

VALUES: Final = 20
"""Values of a page."""

_PEOPLE: Final = 50
"""Of those who wait, and of leases, so many are shown."""

_TEXT: Final = 1000
"""Characters of a value in the list."""

_HEX: Final = 64
"""Bytes of a value in the list."""


async def show_variable(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show a variable. Fields: ``ws``, ``name``, ``page``.

    Raises:
        Unknown: there is no such variable.
    """
    ws, var = query.need("ws"), query.need("name")
    look = inspector.look
    view = look.variable(ws, var)
    if view is None:
        raise Unknown(f"there is no variable {Name(var).short!r} in {Name(ws).short!r}")
    pages = max(1, -(-view.values // VALUES))
    page = min(query.number("page", 1, least=1), pages)
    values = look.values(ws, var, VALUES * (page - 1), VALUES)
    return {
        "variable": describe_variable(inspector, ws, view),
        "depth": depth_chart(inspector, view.id, 480, 80),
        "page_of_values": page,
        "pages": pages,
        "values": await describe_values(inspector, view.id, values, _TEXT, _HEX),
        "waiters": [
            {
                "peer": printable(waiter.peer),
                "session": waiter.session,
                "operation": "fetch" if waiter.removes else "find",
                "since": inspector.epoch(waiter.since),
                "until": None if waiter.deadline is None else inspector.epoch(waiter.deadline),
            }
            for waiter in look.waiters(ws, var, _PEOPLE)
        ],
        "leases": [
            {
                "id": lease.id,
                "peer": printable(lease.peer),
                "session": lease.session,
                "attempt": lease.attempt,
                "bytes": lease.size,
                "since": inspector.epoch(lease.since),
                "until": None if lease.deadline is None else inspector.epoch(lease.deadline),
            }
            for lease in look.leases(ws, var, _PEOPLE)
        ],
    }
