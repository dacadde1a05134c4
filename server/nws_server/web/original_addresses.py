"""The addresses of the original's web interface, and the pages that replace them.

In the original the field ``op`` selected the page. Operations that changed something lead to the
page that asks for confirmation (`actions`).
"""

from __future__ import annotations

from nws_server.web.names import DisplayName
from nws_server.web.query import Query
from nws_server.web.rendering import link

__all__ = ["current_address"]


def current_address(query: Query) -> str:
    """Return the address that shows what the original showed.

    An unknown operation leads to the list of workspaces.
    """
    op = query.text("op")
    ws, var = DisplayName(query.get("wsName")), DisplayName(query.get("varName"))
    if op.startswith("confirm"):
        op = op[len("confirm") :]
        op = op[:1].lower() + op[1:]
    match op:
        case "listVars":
            return link("workspace", name=ws)
        case "showVar":
            return link("variable", ws=ws, name=var)
        case "deleteWs":
            return link("confirm", action="delete-workspace", ws=ws)
        case "deleteVar":
            return link("confirm", action="delete-variable", ws=ws, name=var)
        case "fetchTryVar":
            return link("confirm", action="fetch", ws=ws, name=var)
        case "listMonitors" | "showMonitor":
            return link("sleigh", name=ws)
        case "listClients":
            return link("clients")
        case "showServerInfo":
            return link("server")
        case _:
            return link("workspaces")
