"""Pages that move: browsers follow a page, and are sent its live part whenever that has changed.

Server-sent events over one long answer per browser. Browsers that follow the same page share the
work. Pages are rendered one after the other, each twice a second at most; and however many there
are, it takes no more than one part in twenty of the server's time: then each is sent less often.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.web.http import Request
from zope.interface import implementer

from nws_server.web.inspector import Inspector
from nws_server.web.not_found import NotFound
from nws_server.web.query import BadQuery, Query
from nws_server.web.rendering import Renderer
from nws_server.web.routes import Page, look_at

__all__ = ["LivePages"]

RENDER_SECONDS: Final = 0.5
"""Seconds between two renderings of a page."""

_REST: Final = 20.0
"""After a rendering that took a millisecond there are so many milliseconds without one."""

_KEEPALIVE_SECONDS: Final = 15.0
"""Seconds after which something is sent in any case, so that a dead connection is noticed."""

_MAX_FOLLOWERS: Final = 500
"""Browsers that can follow at a time."""

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
        """Send what is new. One that does not read is left out."""
        if not self._reads:
            return
        if html != self._seen:
            self._seen = html
            self._send("".join(f"data: {line}\n" for line in html.split("\n")), now)
        elif now - self._sent_at > _KEEPALIVE_SECONDS:
            self._send(": nothing new\n", now)

    def dismiss(self) -> None:
        """Say that what the page is about is gone."""
        self._send("event: gone\ndata: gone\n", 0.0)
        self.end()

    def end(self) -> None:
        """Send nothing any more."""
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
    """A page that is followed.

    Attributes:
        followers: who follows it.
    """

    def __init__(self, page: Page, query: Query, data: dict[str, Any]) -> None:
        self.page = page
        self.query = query
        self.data = data
        self.followers: set[_Follower] = set()


class LivePages:
    """The pages that are followed."""

    def __init__(self, inspector: Inspector, renderer: Renderer, reactor: Any) -> None:
        """Follow pages of an inspector, as a renderer shows them."""
        self._inspector = inspector
        self._renderer = renderer
        self._reactor = reactor
        self._pages: OrderedDict[str, _LivePage] = OrderedDict()  # the next one first
        self._timer: IDelayedCall | None = None
        self._at_work: Deferred[Any] | None = None

    @property
    def full(self) -> bool:
        """Whether nobody else can follow."""
        return sum(len(live_page.followers) for live_page in self._pages.values()) >= _MAX_FOLLOWERS

    def follow(
        self, request: Request, address: str, page: Page, query: Query, data: dict[str, Any]
    ) -> None:
        """Let a browser follow a page, until it hangs up or the page is gone.

        Args:
            request: answered in pieces.
            address: names the page and its query.
            page: what is followed.
            query: of the page.
            data: for the template, beside the page's own.
        """
        live_page = self._pages.get(address)
        if live_page is None:
            live_page = self._pages[address] = _LivePage(page, query, data)
        follower = _Follower(request)
        live_page.followers.add(follower)
        follower.gone.addBoth(self._leave, address, live_page, follower)
        self._pages.move_to_end(address, last=False)  # it is shown at once
        self._schedule(0.0)

    def stop(self) -> None:
        """Let all browsers go."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for live_page in list(self._pages.values()):
            for follower in list(live_page.followers):
                follower.end()
        if self._at_work is not None:
            self._at_work.cancel()

    def _leave(self, _: Any, address: str, live_page: _LivePage, follower: _Follower) -> None:
        live_page.followers.discard(follower)
        if not live_page.followers and self._pages.get(address) is live_page:
            del self._pages[address]

    def _schedule(self, delay: float) -> None:
        if self._at_work is not None:
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= self._reactor.seconds() + delay:
                return
            self._timer.cancel()
        self._timer = self._reactor.callLater(delay, self._turn)

    def _turn(self) -> None:
        """Show the next page, and plan the one after it."""
        if not self._pages:
            return
        address, live_page = next(iter(self._pages.items()))
        self._pages.move_to_end(address)
        self._at_work = showing = Deferred.fromCoroutine(
            _show(live_page, self._inspector, self._renderer)
        )
        showing.addErrback(self._failed, live_page).addCallback(self._rest)

    def _rest(self, took: float) -> None:
        self._at_work = None
        self._schedule(max(RENDER_SECONDS / max(1, len(self._pages)), _REST * took))

    def _failed(self, failure: Any, live_page: _LivePage) -> float:
        if failure.check(NotFound, BadQuery, CancelledError) is None:
            _log.failure("a page cannot be shown", failure)
        for follower in list(live_page.followers):
            follower.dismiss()
        return 0.0


async def _show(live_page: _LivePage, inspector: Inspector, renderer: Renderer) -> float:
    """Send a page to its followers; return the seconds that it took to make it."""
    clock = inspector.hub.clock
    begun = clock()
    looking = Deferred.fromCoroutine(look_at(live_page.page, inspector, live_page.query))
    looked = clock() if looking.called else begun
    data = await looking
    rendered = clock()
    html = renderer.live(live_page.page.name, **live_page.data, **data).replace("\r", "&#13;")
    now = clock()
    for follower in list(live_page.followers):
        follower.show(html, now)
    return (looked - begun) + (now - rendered)
