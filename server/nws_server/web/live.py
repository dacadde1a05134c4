"""Live pages: a browser that follows a page is sent its live part whenever that has changed.

Updates are server-sent events in one long response for each browser. Browsers that follow the same
page share the rendering. Pages are rendered in turn, each at most twice a second. All of them
together take at most a twentieth of the server's time; with more pages each is updated less often.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.web.http import Request
from zope.interface import implementer

from nws_server.web.duty_cycle import DutyCycle
from nws_server.web.inspector import Inspector
from nws_server.web.not_found import NotFound
from nws_server.web.query import BadQuery, Query
from nws_server.web.rendering import render_live
from nws_server.web.routes import Page, look_at

__all__ = ["LivePages"]

RENDER_SECONDS: Final = 0.5
"""Shortest time between two renderings of a page."""

_DUTY_CYCLE: Final = DutyCycle(1 / 20)

_KEEPALIVE_SECONDS: Final = 15.0
"""Longest time without sending anything, so that a dead connection is noticed."""

_MAX_FOLLOWERS: Final = 500
"""Browsers that can follow pages at the same time."""

_log = Logger()


@implementer(IPushProducer)
class _Follower:
    """One browser."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._seen = ""
        self._reads = True
        self._sent_at = 0.0
        self.gone: Deferred[Any] = request.notifyFinish()
        request.registerProducer(self, True)

    def show(self, html: str, now: float) -> None:
        """Send the page if it has changed. A browser that does not read is skipped."""
        if not self._reads:
            return
        if html != self._seen:
            self._seen = html
            self._send("".join(f"data: {line}\n" for line in html.split("\n")), now)
        elif now - self._sent_at > _KEEPALIVE_SECONDS:
            self._send(": keepalive\n", now)

    def end(self, why: str) -> None:
        """End the response.

        Args:
            why: is told to the browser: ``gone`` if the subject of the page no longer exists,
                ``stopped`` if the server ends.
        """
        self._send(f"event: {why}\ndata: {why}\n", 0.0)
        self._request.unregisterProducer()
        self._request.finish()

    def _send(self, event: str, now: float) -> None:
        self._sent_at = now
        self._request.write(f"{event}\n".encode("utf-8", "replace"))

    def pauseProducing(self) -> None:
        self._reads = False

    def resumeProducing(self) -> None:
        self._reads = True

    def stopProducing(self) -> None:
        self._reads = False


class _LivePage:
    """A page that browsers follow.

    Attributes:
        page: the page.
        query: its query.
        data: for the template, in addition to the page's own data.
        followers: the browsers.
    """

    def __init__(self, page: Page, query: Query, data: dict[str, Any]) -> None:
        self.page = page
        self.query = query
        self.data = data
        self.followers: set[_Follower] = set()


class LivePages:
    """The pages that browsers follow."""

    def __init__(self, inspector: Inspector, reactor: Any) -> None:
        """Serve the pages of an inspector."""
        self._inspector = inspector
        self._reactor = reactor
        self._pages: OrderedDict[str, _LivePage] = OrderedDict()  # next to render first
        self._timer: IDelayedCall | None = None
        self._rendering: Deferred[Any] | None = None

    @property
    def full(self) -> bool:
        """Whether no further browser can follow a page."""
        return sum(len(live_page.followers) for live_page in self._pages.values()) >= _MAX_FOLLOWERS

    def follow(
        self, request: Request, address: str, page: Page, query: Query, data: dict[str, Any]
    ) -> None:
        """Send updates of a page to a browser until it disconnects or the page is gone.

        Args:
            request: of the browser; its response stays open.
            address: identifies the page and its query.
            page: the page.
            query: of the page.
            data: for the template, in addition to the page's own data.
        """
        live_page = self._pages.get(address)
        if live_page is None:
            live_page = self._pages[address] = _LivePage(page, query, data)
        follower = _Follower(request)
        live_page.followers.add(follower)
        follower.gone.addBoth(self._leave, address, live_page, follower)
        self._pages.move_to_end(address, last=False)  # render it first
        self._schedule(0.0)

    def stop(self) -> None:
        """End all responses."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for live_page in list(self._pages.values()):
            for follower in list(live_page.followers):
                follower.end("stopped")
        if self._rendering is not None:
            self._rendering.cancel()

    def _leave(self, _: Any, address: str, live_page: _LivePage, follower: _Follower) -> None:
        live_page.followers.discard(follower)
        if not live_page.followers and self._pages.get(address) is live_page:
            del self._pages[address]

    def _schedule(self, delay: float) -> None:
        if self._rendering is not None:
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= self._reactor.seconds() + delay:
                return
            self._timer.cancel()
        self._timer = self._reactor.callLater(delay, self._render_next)

    def _render_next(self) -> None:
        """Render the next page, and schedule the one after it."""
        if not self._pages:
            return
        address, live_page = next(iter(self._pages.items()))
        self._pages.move_to_end(address)
        self._rendering = showing = Deferred.fromCoroutine(_show(live_page, self._inspector))
        showing.addErrback(self._failed, live_page).addCallback(self._pause)

    def _pause(self, busy: float) -> None:
        self._rendering = None
        shortest = RENDER_SECONDS / max(1, len(self._pages))
        self._schedule(max(shortest, _DUTY_CYCLE.pause_after(busy)))

    def _failed(self, failure: Any, live_page: _LivePage) -> float:
        if failure.check(NotFound, BadQuery, CancelledError) is None:
            _log.failure("a live page cannot be rendered", failure)
        for follower in list(live_page.followers):
            follower.end("gone")
        return 0.0


async def _show(live_page: _LivePage, inspector: Inspector) -> float:
    """Send a page to its followers; return for how many seconds the server was busy with it."""
    clock = inspector.hub.clock
    began = clock()
    looking = Deferred.fromCoroutine(look_at(live_page.page, inspector, live_page.query))
    looked = clock() if looking.called else began
    data = await looking
    resumed = clock()
    html = render_live(live_page.page.name, **live_page.data, **data).replace("\r", "&#13;")
    now = clock()
    for follower in list(live_page.followers):
        follower.show(html, now)
    return (looked - began) + (now - resumed)
