"""Routes: the page for each address."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple, TypeAlias

from nws_server.web.inspector import Inspector
from nws_server.web.pages.clients import show_clients
from nws_server.web.pages.depalma import show_depalma
from nws_server.web.pages.failures import show_failures
from nws_server.web.pages.output import show_output
from nws_server.web.pages.server import show_server
from nws_server.web.pages.sleigh import show_sleigh
from nws_server.web.pages.sleighs import show_sleighs
from nws_server.web.pages.value import show_value
from nws_server.web.pages.variable import show_variable
from nws_server.web.pages.workspace import show_workspace
from nws_server.web.pages.workspaces import show_workspaces
from nws_server.web.query import Query

__all__ = ["PAGES", "Page", "look_at"]

Data: TypeAlias = dict[str, Any]


class Page(NamedTuple):
    """A page. Its template, its address and its data at ``/api/`` have the same name."""

    name: str
    look: Callable[[Inspector, Query], Data | Coroutine[Any, Any, Data]]


PAGES: Final = {
    page.name: page
    for page in (
        Page("workspaces", show_workspaces),
        Page("workspace", show_workspace),
        Page("variable", show_variable),
        Page("value", show_value),
        Page("sleighs", show_sleighs),
        Page("sleigh", show_sleigh),
        Page("failures", show_failures),
        Page("output", show_output),
        Page("depalma", show_depalma),
        Page("clients", show_clients),
        Page("server", show_server),
    )
}


async def look_at(page: Page, inspector: Inspector, query: Query) -> Data:
    """Return the data of a page.

    Raises:
        NotFound: the subject of the page does not exist.
        BadQuery: a field is missing or invalid.
    """
    data = page.look(inspector, query)
    return data if isinstance(data, dict) else await data
