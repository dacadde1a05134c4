"""A real browser without a window, and what goes wrong in it while a test looks at pages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from tests.support.processes import until
from tests.support.server import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
        Response,
        ViewportSize,
        WebError,
        WebSocket,
    )

# The first is Chromium without all that only a window needs: the tests take half the time in it.
_PROGRAMS: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_OWN_HOSTS: Final = ("127.0.0.1", "localhost")

# No name or address is reachable but our own. To stop requests on their way instead (`route`) would
# switch the cache off, which a real browser has. Fewer processes take less time: there is no GPU to
# protect the others from, and all pages are ours.
_ARGUMENTS: Final = (
    "--in-process-gpu",
    "--disable-site-isolation-trials",
    "--process-per-site",
    "--host-resolver-rules="
    + ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {h}" for h in _OWN_HOSTS)]),
)

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}

_MILLISECONDS: Final = PATIENCE * 1000
_PICTURE_MILLISECONDS: Final = 5000
"""How long a page may take to be drawn for a picture: one that hangs has failed already."""


def _find() -> str | None:
    """Return the path of the browser: Chromium or Chrome, or what CHROMIUM names; None without."""
    return next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *_PROGRAMS))), None)


def missing() -> str:
    """Return why no browser can run here; empty if one can."""
    return "" if _find() else f"not installed: any of {', '.join(_PROGRAMS)}"


def require_browser() -> None:
    """Skip the test if no browser can run here. In CI it fails: there, nothing may be left out."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    """Run a browser until the end of the block; nothing of it is left then.

    Within the block an asyncio loop runs in this thread, Playwright's own: `asyncio.run` and a
    second browser fail there.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_MILLISECONDS)
    with sync_playwright() as playwright:
        # It runs without a sandbox, as root needs it: it sees no page but ours.
        browser = playwright.chromium.launch(executable_path=_find(), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Browsing:
    """What tests do in the browser, one after the other.

    Attributes:
        complaints: what went wrong so far in this test and was not expected, one text each:
            `console error: ...`, `console warning: ...`, `page error: ...` (an exception that no
            script caught), `failed request: ...`, `bad answer: 404 GET ...`, `foreign request: ...`
            (none leaves the machine), `crash: ...`.

    Requests that a script or a new page gave up are no failures, and neither is a missing icon.
    """

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self._browser = browser
        self._folder = Path()
        self._shared: Page | None = None
        self._contexts: list[BrowserContext] = []
        self._ignored: list[re.Pattern[str]] = []

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Watch the pages of one test until the end of the block; fail if one has complained.

        All pages are closed then, but for the shared one, which is emptied. Pictures go into
        `folder`.
        """
        self._folder = folder
        self.complaints.clear()
        self._ignored.clear()
        try:
            yield
            self.check()
        finally:
            self._ignored.append(re.compile(""))  # what is under way is cut off
            self._leave()

    def share(self) -> Page:
        """Return an empty page, light and wide, that tests have one after the other.

        One of its own costs a test a process of the browser. What the visitor has in the cache or
        stored there stays: a test that pauses a page, or moves its clock, opens its own.
        """
        if self._shared is None:
            self._shared = self.open()
        elif self._shared.context not in self._contexts:
            self._contexts.append(self._shared.context)
        return self._shared

    def open(
        self,
        *,
        dark: bool = False,
        size: ViewportSize = DESKTOP,
        javascript: bool = True,
        motion: bool = False,
    ) -> Page:
        """Open an empty page of a new visitor, who has no cookies and nothing in a cache.

        The time zone is UTC. Without `motion` the page is asked for none, so that nothing is seen
        half faded in. `page.context.new_page()` opens one more page of the same visitor.
        """
        context = self._browser.new_context(
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-US",
            reduced_motion="no-preference" if motion else "reduce",
            timezone_id="UTC",
            viewport=size,
        )
        self._contexts.append(context)
        context.set_default_timeout(_MILLISECONDS)
        context.on("console", self._on_console)
        context.on("page", self._on_page)
        context.on("request", self._on_request)
        context.on("requestfailed", self._on_request_failed)
        context.on("response", self._on_response)
        context.on("weberror", self._on_error)
        return context.new_page()

    @contextmanager
    def expecting(self, *patterns: str) -> Iterator[None]:
        """Wait at the end of the block for complaints of which each pattern is found in one.

        Each pattern takes one complaint, the first that it is found in.
        """
        yield
        for pattern in patterns:
            until(partial(self._take, pattern), f"a complaint with {pattern!r}")

    def ignore(self, pattern: str) -> None:
        """From now on, let complaints in which the pattern is found come or not, any number."""
        self._ignored.append(re.compile(pattern))

    def check(self) -> None:
        """Fail, with pictures, if there were complaints."""
        self._hear()
        if self.complaints:
            lines = ["The browser complained:", *self.complaints, *self.pictures()]
            pytest.fail("\n".join(lines), pytrace=False)

    def pictures(self) -> list[str]:
        """Take a picture of each page; return where they are, or why one could not be taken."""
        return [self._picture(number, page) for number, page in enumerate(self._pages())]

    def _leave(self) -> None:
        shared = self._shared
        for context in self._contexts:
            if shared is None or context is not shared.context:
                context.close()
            else:
                _empty(shared)
        self._contexts.clear()

    def _pages(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages]

    def _hear(self) -> None:
        """Let the events arrive that the browser has sent; they come only during a call of it."""
        from playwright.sync_api import Error

        for page in self._pages():
            with suppress(Error):  # it has crashed, or is just going elsewhere
                page.evaluate("0")

    def _take(self, pattern: str) -> bool:
        self._hear()
        for complaint in self.complaints:
            if re.search(pattern, complaint):
                self.complaints.remove(complaint)
                return True
        return False

    def _picture(self, number: int, page: Page) -> str:
        from playwright.sync_api import Error

        path = self._folder / f"page{number}.png"
        try:
            # Given the path, Playwright would write it in a thread that nothing ends.
            path.write_bytes(page.screenshot(full_page=True, timeout=_PICTURE_MILLISECONDS))
        except Error as error:
            return f"no picture of {page.url}: {error.message}"
        return f"picture of {page.url}: {path}"

    def _complain(self, kind: str, text: str) -> None:
        complaint = f"{kind}: {text}"
        if not any(pattern.search(complaint) for pattern in self._ignored):
            self.complaints.append(complaint)

    def _on_console(self, message: ConsoleMessage) -> None:
        # What could not be loaded is known by its request; except an icon, which the browser asks
        # for at some time or other.
        loading = message.text.startswith("Failed to load resource:")
        if message.type in ("assert", "error", "warning") and not loading:
            kind = "warning" if message.type == "warning" else "error"
            place = f"{message.location['url']}:{message.location['line'] + 1}"
            self._complain(f"console {kind}", f"{message.text} ({place})")

    def _on_error(self, error: WebError) -> None:
        self._complain("page error", error.error.stack or str(error.error))

    def _on_page(self, page: Page) -> None:
        page.on("crash", lambda page: self._complain("crash", page.url))
        page.on("websocket", self._on_web_socket)

    def _on_web_socket(self, socket: WebSocket) -> None:
        if _is_foreign(socket.url):
            self._complain("foreign request", f"WebSocket {socket.url}")

    def _on_request(self, request: Request) -> None:
        if _is_foreign(request.url):
            self._complain("foreign request", f"{request.method} {request.url}")

    def _on_request_failed(self, request: Request) -> None:
        if not _is_foreign(request.url) and request.failure != "net::ERR_ABORTED":
            self._complain("failed request", f"{request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            self._complain("bad answer", f"{response.status} {request.method} {request.url}")


def _empty(page: Page) -> None:
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.goto("about:blank")
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light")


def _is_foreign(url: str) -> bool:
    """Tell whether a request goes over the network to another machine than ours."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in _OWN_HOSTS
