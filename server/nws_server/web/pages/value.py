"""The page of one value."""

from __future__ import annotations

from typing import Any, Final

from nws_server.web import charts
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import PREVIEW_BYTES, numbers_in
from nws_server.web.names import DisplayName
from nws_server.web.query import Query
from nws_server.web.value_descriptions import describe_values, find_value

__all__ = ["show_value"]

_HEXDUMP_BYTES: Final = 4096
"""How much of a value is shown as a hexdump."""


async def show_value(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show one value. Fields: ``ws``, ``name``, ``index``; ``plot=yes`` draws its numbers.

    Raises:
        NotFound: it does not exist.
    """
    value, variable_id = find_value(inspector, query)
    (described,) = await describe_values(
        inspector, variable_id, [value], PREVIEW_BYTES, _HEXDUMP_BYTES
    )
    has_text = described["kind"] in ("text", "object") and described["readable"]
    numbers = numbers_in(described["text"]) if has_text else ()
    plots = query.get("plot") == b"yes"
    return {
        "workspace": DisplayName(query.need("ws")),
        "variable": DisplayName(query.need("name")),
        "value": described,
        "numbers": len(numbers),
        "plot": charts.line(numbers) if plots else None,
    }
