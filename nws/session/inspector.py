"""Where a server's inspector is, and how a browser gets there."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

from nws.session.endpoint import UNIX, Endpoint, server_address
from nws.wire.tickets import new_ticket

__all__ = ["inspector_address", "open_in_browser"]


def inspector_address(endpoint: Endpoint, port: int) -> str:
    """Return the address, with the key to it if the inspector asks our own browser for one.

    Args:
        endpoint: of the server.
        port: of the inspector, if the server has left no address for us.
    """
    is_ours = endpoint.is_here and not endpoint.host.startswith(UNIX)
    found = server_address(endpoint) if is_ours else None
    return (found and found.inspector) or endpoint.web(port)


def open_in_browser(address: str) -> bool:
    """Open a page in a web browser; return False if there is none.

    Others can see a browser's arguments, and it remembers where it was. So if there is a key at the
    end of the address, the browser is given a page that only we can read, which leads there by a
    ticket.
    """
    import webbrowser  # takes 7 ms, which a program that only imports us should not wait for

    begin, _, key = address.partition("key=")
    if not key:
        return webbrowser.open(address)
    address = f"{begin}ticket={new_ticket(key)}"
    page = Path(tempfile.mkdtemp(prefix="nws-open-"), "page.html")  # only we can enter the folder
    page.write_text(f'<meta http-equiv="refresh" content="0; url={escape(address)}">\n')
    return webbrowser.open(page.as_uri())
