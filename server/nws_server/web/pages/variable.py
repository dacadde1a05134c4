"""The page of one variable: its values page by page, waiting clients, and leases."""

from __future__ import annotations

from typing import Any, Final

from nws_server.web.descriptions import depth_chart, describe_variable
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName, printable
from nws_server.web.not_found import NotFound
from nws_server.web.query import Query
from nws_server.web.value_descriptions import describe_values
from nws_server.web.value_tables import join_records

__all__ = ["show_variable"]

VALUES_PER_PAGE: Final = 20
"""Length of a page."""

_MAX_ROWS: Final = 50
"""How many waiting clients, and how many leases, are shown."""

_TEXT_CHARS: Final = 1000
"""How much text of a value the list shows."""

_HEXDUMP_BYTES: Final = 64
"""How many bytes of a value the list shows."""


async def show_variable(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show a variable. Fields: ``ws``, ``name``, ``page``.

    Raises:
        NotFound: there is no such variable.
    """
    ws, var = query.need("ws"), query.need("name")
    look = inspector.look
    view = look.variable(ws, var)
    if view is None:
        raise NotFound(
            f"there is no variable {DisplayName(var).short!r} in {DisplayName(ws).short!r}"
        )
    pages = max(1, -(-view.values // VALUES_PER_PAGE))
    page = min(query.number("page", 1, least=1), pages)
    values = look.values(ws, var, VALUES_PER_PAGE * (page - 1), VALUES_PER_PAGE)
    described = await describe_values(inspector, view.id, values, _TEXT_CHARS, _HEXDUMP_BYTES)
    return {
        "variable": describe_variable(inspector, ws, view),
        "depth": depth_chart(inspector, view.id, large=True),
        "page_of_values": page,
        "pages": pages,
        "values": described,
        "joined": join_records([value["table"] for value in described]),
        "waiters": [
            {
                "peer": printable(waiter.peer),
                "session": waiter.session,
                "operation": "fetch" if waiter.removes else "find",
                "since": inspector.epoch(waiter.since),
                "until": None if waiter.deadline is None else inspector.epoch(waiter.deadline),
            }
            for waiter in look.waiters(ws, var, _MAX_ROWS)
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
            for lease in look.leases(ws, var, _MAX_ROWS)
        ],
    }
