"""The web site: dispatches each request, after the checks of who sent it, to what answers it.

GET never changes anything. Every response has a fitting status and the security headers of
`request_checks`.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ISystemHandle
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import NoRangeStaticProducer

from nws_server.authenticator import Authenticator
from nws_server.incidents import REFUSED_LOGINS
from nws_server.web import original_addresses
from nws_server.web.actions import ACTIONS, NOTICES, ask
from nws_server.web.bounded_http import (
    IDLE_TIMEOUT_SECONDS,
    BoundedChannel,
    BoundedRequest,
)
from nws_server.web.downloads import client_file, output_text, raw_value
from nws_server.web.history import HISTORY_MINUTES
from nws_server.web.inspector import Inspector
from nws_server.web.live import LivePages
from nws_server.web.probes import PROBES
from nws_server.web.query import Query
from nws_server.web.rendering import link, render_page
from nws_server.web.request_checks import RequestChecks
from nws_server.web.request_queue import RequestQueue
from nws_server.web.responses import JSON, HttpRefusal, Response, redirect, refusal_for
from nws_server.web.routes import PAGES, Page, look_at
from nws_server.web.sleigh_reports import keep_sleigh
from nws_server.web.to_json import to_json

if TYPE_CHECKING:
    from nws_server.web.metrics import Metrics

__all__ = ["InspectorSite"]

_STATIC: Final = {
    "style.css": "text/css; charset=utf-8",
    "inspector.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_FORM_TYPE: Final = "application/x-www-form-urlencoded"

_NOT_KNOWN: Final = "the inspector does not know whose browser this is"
_REMEDY: Final = (
    "`nws server open` opens it for the user of the server; for others it has a key (?key=, or "
    "Authorization: Bearer), see NWS_WEB_KEY"
)

_log = Logger()


class InspectorSite(Site):
    """The inspector as a web site: a factory of its connections.

    Attributes:
        server: where the server itself listens, for people.
    """

    protocol = BoundedChannel  # type: ignore[assignment]

    def __init__(
        self,
        inspector: Inspector,
        reactor: Any,
        *,
        max_connections: int,
        authenticator: Authenticator | None = None,
    ) -> None:
        """Serve the pages of an inspector.

        Args:
            inspector: what is shown.
            reactor: what it runs on.
            max_connections: of browsers. When there are half as many, the oldest that asks for
                nothing is dropped for each that comes.
            authenticator: knows who needs no key; None if nobody is known.
        """
        self.server = " and ".join(inspector.addresses)
        self._max_connections = max_connections
        self._count = 0
        self._channels: dict[BoundedChannel, None] = {}  # not dropped; in the order of their coming
        self._root = _Root(inspector, reactor, authenticator)
        self._space = inspector.hub.space
        self._space.on_deletion = partial(keep_sleigh, inspector)
        super().__init__(
            self._root,
            requestFactory=BoundedRequest,
            timeout=IDLE_TIMEOUT_SECONDS,
            reactor=reactor,
        )  # type: ignore[no-untyped-call]
        self.displayTracebacks = False
        self.noisy = False

    def buildProtocol(self, addr: Any) -> Any:
        if self._count >= self._max_connections:
            return None  # and Twisted hangs up at once
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: Any) -> None:
        """Log no requests."""

    def refuse_body(self, request: Request) -> HttpRefusal | None:
        """Check the head of a request that has a body; return why it is refused, or None."""
        return self._root.refuse_body(request)

    def admit(self, channel: BoundedChannel) -> None:
        """Register a new connection."""
        self._count += 1
        idle = next((each for each in self._channels if not each.requests), None)
        if len(self._channels) >= self._max_connections // 2 and idle is not None:
            del self._channels[idle]
            cast(Any, idle).transport.abortConnection()
        self._channels[channel] = None

    def dismiss(self, channel: BoundedChannel) -> None:
        """Forget a connection that has ended."""
        self._count -= 1
        self._channels.pop(channel, None)

    def stop(self) -> None:
        """End the responses to browsers that follow a page, and begin no others."""
        self._space.on_deletion = None
        self._root.live.stop()
        self._root.requests.stop()


class _Root(Resource):
    """The resource for all addresses."""

    isLeaf = True

    def __init__(
        self, inspector: Inspector, reactor: Any, authenticator: Authenticator | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inspector = inspector
        self._authenticator = authenticator
        self._checks = RequestChecks(inspector.config.web_names, inspector.config.web_key)
        self._metrics: Metrics | None = None
        self.live = LivePages(inspector, reactor)
        space = inspector.hub.space
        self.requests = RequestQueue(reactor, self._begin_response, lambda: space.now)
        folder = Path(__file__).parent / "static"
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def render(self, request: Request) -> int:
        self.requests.add(request)
        return NOT_DONE_YET

    def _begin_response(self, request: Request) -> None:
        if request._disconnected:
            return
        responding = Deferred.fromCoroutine(self._respond(request))
        request.notifyFinish().addErrback(lambda _: responding.cancel())
        responding.addErrback(self._error_page, request).addCallback(self._send, request)

    def _send(self, response: Response | None, request: Request) -> None:
        if response is None or request._disconnected or request.finished:
            return
        request.setResponseCode(response.status, HTTPStatus(response.status).phrase.encode())
        request.setHeader("Content-Type", response.media_type)
        for name, value in response.headers.items():
            request.setHeader(name, value)
        if isinstance(response.body, bytes):
            request.setHeader("Content-Length", str(len(response.body)))
            request.write(response.body)
            request.finish()
        elif request.method == b"HEAD":
            response.body.close()
            request.finish()
        else:
            NoRangeStaticProducer(request, response.body).start()

    def _error_page(self, failure: Any, request: Request) -> Response | None:
        """Return the response for a request that failed; None if the browser has disconnected."""
        if failure.check(CancelledError) is not None:
            return None
        refusal = refusal_for(failure.value)
        if refusal.status == 500:
            # Not the fields behind the path: a key may be among them.
            _log.failure("a request for {path} failed", failure, path=request.path[:200])
        if request.path.startswith(b"/api/"):
            body = to_json({"error": str(refusal)})
            return Response(body, JSON, refusal.status, refusal.headers)
        html = render_page(
            "error",
            page="",
            notice="",
            status=refusal.status,
            phrase=refusal.phrase,
            reason=str(refusal),
        )
        return Response(
            html.encode("utf-8", "replace"), status=refusal.status, headers=refusal.headers
        )

    # Checks of a request's head

    def refuse_body(self, request: Request) -> HttpRefusal | None:
        """See `InspectorSite.refuse_body`."""
        refusal = self._refuse_site(request)
        if refusal is not None:
            return refusal
        if _header(request, b"content-type").partition(";")[0].strip().lower() != _FORM_TYPE:
            return HttpRefusal(415, f"a form must be {_FORM_TYPE}")
        return None

    def _refuse_site(self, request: Request) -> HttpRefusal | None:
        host = _host(request)
        if not self._checks.accepts_host(host):
            return HttpRefusal(
                421,
                f"this server is not known as {host[:100]!r}; "
                "add names by which browsers may reach it with --web-name",
            )
        is_own = self._checks.accepts_origin(_header(request, b"origin"), host)
        use = (_header(request, b"sec-fetch-" + name) for name in (b"site", b"mode", b"dest"))
        if is_own and self._checks.accepts_use(*use):
            return None
        return HttpRefusal(403, "a page of another web site may not use this one")

    # Routes

    async def _respond(self, request: Request) -> Response | None:
        bounded = cast(BoundedRequest, request)
        refusal = self._refuse_site(request) or bounded.refusal
        if refusal is not None:
            raise refusal
        query = Query.parse(bounded.query, bounded.form)
        path = request.path.decode("ascii", "replace").lstrip("/")
        if path in PROBES and request.method in (b"GET", b"HEAD"):
            return PROBES[path](self._inspector.hub)
        key = b""
        if path == "metrics" or path.startswith("api/"):  # programs send no cookies
            key = query.get("key") or _bearer(request)
        if not path.startswith("static/") and not self._is_let_in(request, key):
            return self._check_key(request, query)
        if request.method == b"POST":
            return await self._post(request, path, query)
        if request.method not in (b"GET", b"HEAD"):
            raise HttpRefusal(405, "only GET, HEAD and POST are supported", Allow="GET, HEAD, POST")
        return await self._get(request, path, query)

    async def _get(self, request: Request, path: str, query: Query) -> Response | None:
        first, _, rest = path.partition("/")
        if first == "static" and rest in _STATIC:
            return Response(self._static[rest], _STATIC[rest])
        if first == "clientCode":
            return client_file(self._inspector.config.web_folder, rest)
        if path == "raw":
            return raw_value(self._inspector, query)
        if path == "output.txt":
            return output_text(self._inspector, query)
        if path == "confirm":
            return self._confirm(request, query)
        if path == "metrics":
            return self._measure(request)
        if path == "events":
            return self._follow(request, query)
        if first == "api" and rest in PAGES:
            data = await look_at(PAGES[rest], self._inspector, query)
            return Response(to_json(data), JSON)
        if path in PAGES:
            return await self._page(request, PAGES[path], query)
        if query.get("op"):
            return redirect(original_addresses.current_address(query))
        if not path:
            return await self._page(request, PAGES["workspaces"], query)
        raise HttpRefusal(404, f"there is no page {path[:100]!r}")

    async def _post(self, request: Request, path: str, query: Query) -> Response:
        first, _, name = path.partition("/")
        if first != "do" and query.get("op"):
            return redirect(original_addresses.current_address(query))
        if first != "do" or name not in ACTIONS:
            raise HttpRefusal(405, "this address does not accept POST", Allow="GET, HEAD")
        if not self._inspector.config.web_actions:
            raise HttpRefusal(403, "this inspector is read-only (--web-read-only)")
        if not self._checks.accepts_form(
            self._cookie(request),
            query.text("token"),
            _header(request, b"origin"),
            _host(request),
        ):
            raise _foreign_form()
        outcome = await ACTIONS[name].perform(self._inspector, query)
        self._inspector.cost_cache.clear()
        if outcome.address:
            return redirect(outcome.address)
        return self._render(request, outcome.template, outcome.data)

    # Keys

    def _is_let_in(self, request: Request, key: bytes) -> bool:
        """Tell whether who asks has the key, or needs none."""
        if self._checks.accepts_key(key):
            return True
        badge = request.getCookie(_cookie_name(request, "key").encode()) or b""
        if badge and self._checks.accepts_badge(badge.decode("latin-1"), self._user_at(request)):
            return True
        return self._authenticator is not None and self._authenticator.knows(_socket(request))

    def _user_at(self, request: Request) -> int | None:
        if self._authenticator is None:
            return None
        return self._authenticator.user_at(_socket(request))

    def _check_key(self, request: Request, query: Query) -> Response:
        """Trade the key or the ticket in the address for a cookie, or refuse a request without."""
        key, ticket = query.get("key"), query.get("ticket").decode("latin-1")
        is_right = key and self._checks.accepts_key(key)
        if not is_right and not self._checks.accepts_ticket(ticket):
            peer = str(getattr(request.getClientAddress(), "host", None) or "local").encode()
            self._inspector.hub.refuse(REFUSED_LOGINS, peer, f"{_NOT_KNOWN}; {_REMEDY}")
            raise HttpRefusal(401, f"{_NOT_KNOWN}: {_REMEDY}", **{"WWW-Authenticate": "Bearer"})
        pairs = request.uri.partition(b"?")[2].decode("ascii", "replace").split("&")
        rest = "&".join(pair for pair in pairs if not pair.startswith(("key=", "ticket=")))
        path = "/" + request.path.decode("ascii", "replace").lstrip("/")
        name, value = _cookie_name(request, "key"), self._checks.badge(self._user_at(request))
        return Response(
            status=303,
            headers={
                "Location": path + (f"?{rest}" if rest else ""),
                # Lax, because the link may be on another site, such as a notebook.
                "Set-Cookie": f"{name}={value}; Path=/; SameSite=Lax; HttpOnly",
            },
        )

    # Pages

    async def _page(self, request: Request, page: Page, query: Query) -> Response:
        data = await look_at(page, self._inspector, query)
        address = request.uri.partition(b"?")[2].decode("ascii", "replace")
        own = link("events", of=page.name)  # at the end: the last of several equal fields counts
        data["events"] = own.replace("?", f"?{address}&") if address else own
        notice = NOTICES.get(query.text("said"), "")
        return self._render(request, page.name, {**self._common(page), **data, "notice": notice})

    def _common(self, page: Page) -> dict[str, Any]:
        """Return what every template needs in addition to the data of its page."""
        return {
            "minutes": HISTORY_MINUTES,
            "has_actions": self._inspector.config.web_actions,
            "page": page.name,
        }

    def _render(self, request: Request, template: str, data: dict[str, Any]) -> Response:
        headers = {}
        token = ""
        if self._inspector.config.web_actions:
            given = self._cookie(request)
            cookie = self._checks.cookie(given)
            token = self._checks.token(cookie)
            if cookie != given:
                name = _cookie_name(request)
                headers["Set-Cookie"] = f"{name}={cookie}; Path=/; SameSite=Strict; HttpOnly"
        html = render_page(template, **{"page": "", "notice": "", "token": token, **data})
        return Response(html.encode("utf-8", "replace"), headers=headers)

    def _cookie(self, request: Request) -> str:
        given = request.getCookie(_cookie_name(request).encode()) or b""
        return given.decode("ascii", "replace")

    def _confirm(self, request: Request, query: Query) -> Response:
        if not self._inspector.config.web_actions:
            raise HttpRefusal(403, "this inspector is read-only (--web-read-only)")
        return self._render(request, "confirm", ask(query))

    def _measure(self, request: Request) -> Response:
        if self._metrics is None:
            # Imported late: it takes time that only those who measure should spend.
            from nws_server.web.metrics import Metrics

            self._metrics = Metrics(self._inspector)
        body, media_type = self._metrics.exposition(_header(request, b"accept"))
        return Response(body, media_type)

    def _follow(self, request: Request, query: Query) -> Response | None:
        page = PAGES[query.choice("of", PAGES, "")]
        if self.live.full:
            raise HttpRefusal(503, "too many browsers follow pages")
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("X-Accel-Buffering", "no")  # else a proxy may buffer it
        if request.method == b"HEAD":
            return Response(media_type="text/event-stream")
        address = request.uri.decode("ascii", "replace")
        self.live.follow(request, address, page, query, self._common(page))
        return None


def _header(request: Request, name: bytes) -> str:
    """Return a header, decoded byte by byte; empty if there is none."""
    return (request.getHeader(name) or b"").decode("latin-1")


def _host(request: Request) -> str:
    """Return the Host header; of several, which no browser sends, a name that nobody has."""
    hosts = request.requestHeaders.getRawHeaders(b"host", [])
    return b", ".join(hosts).decode("latin-1").strip()


def _socket(request: Request) -> Any:
    transport: Any = request.transport
    return transport.getHandle() if ISystemHandle.providedBy(transport) else None


def _bearer(request: Request) -> bytes:
    """Return the key in an Authorization header; empty if there is none."""
    scheme, _, key = (request.getHeader(b"authorization") or b"").partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else b""


def _foreign_form() -> HttpRefusal:
    return HttpRefusal(403, "the form has expired, or is not from this server: reload its page")


def _cookie_name(request: Request, kind: str = "form") -> str:
    """Return a name that differs from those of servers on other ports of the same machine."""
    return f"nws-{kind}-{getattr(request.getHost(), 'port', 0)}"
