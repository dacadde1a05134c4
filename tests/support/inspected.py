"""A server with its inspector, as the tests of pages see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_from_bytes

from tests.support.server import LOOPBACK, Server, running
from tests.support.spaces import HOST, Opener, opening

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from nws.client import NetWorkSpace

__all__ = ["Inspected", "follow", "inspecting", "row", "tile", "until_live"]


class Inspected:
    """A server whose inspector is looked at.

    Attributes:
        server: it.
        open: opens workspaces on it, each in a session of its own.
    """

    def __init__(self, server: Server, opened: Opener) -> None:
        self.server = server
        self.open = opened

    @property
    def web(self) -> str:
        """Where the inspector is, without a slash at the end."""
        return self.server.addresses[-1].rstrip("/")

    @property
    def sleigh(self) -> dict[str, Any]:
        """What a sleigh on this server is to be made with."""
        return {"nwsHost": HOST, "nwsPort": self.server.port}

    def address(self, name: str = "", /, **fields: str | bytes | int) -> str:
        """Return the address of a page."""
        pairs = (
            f"{key}={quote_from_bytes(value) if isinstance(value, bytes) else quote(str(value))}"
            for key, value in fields.items()
        )
        return f"{self.web}/{name}" + ("?" + "&".join(pairs) if fields else "")

    def see(self, page: Page, name: str = "", /, **fields: str | bytes | int) -> None:
        """Open a page of it, and wait until that is kept up to date."""
        page.goto(self.address(name, **fields))
        until_live(page)

    def see_variable(self, page: Page, ws: NetWorkSpace, name: str, **fields: str | int) -> None:
        """Open the page of a variable."""
        self.see(page, "variable", ws=ws.currentWs(), name=name, **fields)

    def see_workspace(self, page: Page, ws: NetWorkSpace, **fields: str | int) -> None:
        """Open the page of a workspace."""
        self.see(page, "workspace", name=ws.currentWs(), **fields)


@contextmanager
def inspecting(
    folder: Path, *options: str, listen: str = LOOPBACK, web: str = LOOPBACK
) -> Iterator[Inspected]:
    """Run a server with an inspector until the end of the block."""
    with (
        running(folder, "--web", web, *options, listen=listen) as server,
        opening(server.port, "lively") as opened,
    ):
        yield Inspected(server, opened)


def follow(page: Page, what: Locator) -> None:
    """Press what leads to another page, and wait until that one is there: a look at once could be
    one at the page before."""
    with page.expect_navigation():
        what.click()


def until_live(page: Page) -> None:
    """Wait until a page is kept up to date."""
    page.locator("#live-state[data-state=live]").wait_for()


def tile(page: Page, name: str) -> Locator:
    """Find what a tile shows."""
    return page.locator(".tile").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def row(page: Page, text: str) -> Locator:
    """Find the row of a table that is headed by a text."""
    heading = page.get_by_role("rowheader", name=text, exact=True)
    return page.locator("tr").filter(has=heading)
