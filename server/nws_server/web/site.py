"""HTTP: requests in, pages out. Who may ask is checked here, and how much.

GET never changes anything. Every answer has a status that fits and the headers of the `guard`.
"""

from __future__ import annotations

import io
import mimetypes
import os
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import NoRangeStaticProducer

from nws.errors import Status
from nws_server.web import original_addresses
from nws_server.web.actions import ACTIONS, NOTICES, ask
from nws_server.web.history import HISTORY_MINUTES
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import kind_of
from nws_server.web.live import LivePages
from nws_server.web.local_client import OperationFailed
from nws_server.web.not_found import NotFound
from nws_server.web.query import BadQuery, Query
from nws_server.web.rendering import Renderer, link
from nws_server.web.request_checks import HEADERS, VALUE_HEADERS, RequestChecks
from nws_server.web.routes import PAGES, Page, look_at
from nws_server.web.to_json import to_json
from nws_server.web.value_descriptions import find_value

__all__ = ["InspectorSite"]

_MAX_HEAD_BYTES: Final = 512 * 1024
"""Bytes of a request's first line and headers: names may be long, and there may be two of them."""

_MAX_FORM_BYTES: Final = 1024 * 1024
"""Bytes of a form."""

_MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a body that is too long. Up to here it is read, for a browser hears nothing before it
has sent all; beyond, the connection is cut."""

_MAX_LENGTH_HEADER_BYTES: Final = 100
"""Bytes of a header that tells a length."""

_IDLE_TIMEOUT_SECONDS: Final = 60.0
"""Seconds after which a connection without a request is closed, and that a request may take to
arrive."""

_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"
_STATIC: Final = {
    "style.css": "text/css; charset=utf-8",
    "inspector.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_CLIENT_CODE: Final = "clientCode"
_PLAIN_TEXT: Final = (".m", ".py", ".r")

_log = Logger()


class _Refusal(Exception):
    """A request that gets no page."""

    def __init__(self, status: int, headline: str, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headline = headline
        self.headers = headers


class _Answer(NamedTuple):
    """What is sent. A body that is a file is sent piece by piece, and closed."""

    body: bytes | BinaryIO = b""
    media_type: str = _HTML
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class _Channel(HTTPChannel):
    MAX_LENGTH = _MAX_HEAD_BYTES
    totalHeadersSize = _MAX_HEAD_BYTES  # noqa: N815 - Twisted's name
    maxHeaders = 100  # noqa: N815 - Twisted's name
    _begun = False

    def setTimeout(self, period: float | None) -> float | None:  # noqa: N802 - Twisted's names, as those below
        self._begun = False
        return super().setTimeout(period)  # type: ignore[no-untyped-call,no-any-return]

    def resetTimeout(self) -> None:  # noqa: N802
        """Count from the first byte of a request on: one that trickles in has no more time."""
        if not self._begun:
            self._begun = True
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Refuse a length that has more digits than Python reads; Twisted does not expect that."""
        if len(line) > _MAX_LENGTH_HEADER_BYTES and line[:15].lower() == b"content-length:":
            self._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]
            return False
        return super().headerReceived(line)  # type: ignore[no-untyped-call,no-any-return]


class _BoundedRequest(Request):
    """A request whose body may not be long."""

    _length = 0

    @property
    def is_too_long(self) -> bool:
        """Whether its body is longer than any that we read."""
        return self._length > _MAX_FORM_BYTES

    def handleContentChunk(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > _MAX_DISCARDED_BYTES:
            cast(Any, self.channel).transport.abortConnection()
        elif self.is_too_long:
            cast(BinaryIO, self.content).truncate(0)
        else:
            cast(BinaryIO, self.content).write(data)

    def process(self) -> None:
        for name, value in HEADERS.items():
            self.setHeader(name, value)  # type: ignore[no-untyped-call]
        super().process()  # type: ignore[no-untyped-call]


class InspectorSite(Site):
    """The inspector behind a port; a factory of connections."""

    protocol = _Channel  # type: ignore[assignment]

    def __init__(self, inspector: Inspector, reactor: Any) -> None:
        """Serve what an inspector sees."""
        self._root = _Root(inspector, reactor)
        super().__init__(
            self._root,
            requestFactory=_BoundedRequest,
            timeout=_IDLE_TIMEOUT_SECONDS,
            reactor=reactor,
        )  # type: ignore[no-untyped-call]
        self.displayTracebacks = False
        self.noisy = False

    def log(self, request: Any) -> None:
        """Write no line about a request."""

    def stop(self) -> None:
        """Let all browsers go that follow a page."""
        self._root.live.stop()


class _Root(Resource):
    """All addresses."""

    isLeaf = True

    def __init__(self, inspector: Inspector, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inspector = inspector
        self._checks = RequestChecks(inspector.config.web_names, inspector.config.web_key)
        self._renderer = Renderer()
        self.live = LivePages(inspector, self._renderer, reactor)
        folder = Path(__file__).parent / "static"
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def render(self, request: Request) -> int:
        answering = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(self._explain, request).addCallback(self._send, request)
        return NOT_DONE_YET

    def _send(self, answer: _Answer | None, request: Request) -> None:
        if answer is None or request._disconnected or request.finished:
            return
        request.setResponseCode(answer.status)
        request.setHeader("Content-Type", answer.media_type)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        if isinstance(answer.body, bytes):
            request.setHeader("Content-Length", str(len(answer.body)))
            request.write(answer.body)
            request.finish()
        elif request.method == b"HEAD":
            answer.body.close()
            request.finish()
        else:
            NoRangeStaticProducer(request, answer.body).start()

    def _explain(self, failure: Any, request: Request) -> _Answer | None:
        """Return the page for something that went wrong."""
        if failure.check(CancelledError) is not None:
            return None  # the browser has gone
        refusal = _refusal_for(failure.value)
        if refusal.status == 500:
            _log.failure("a request for {uri} failed", failure, uri=request.uri[:200])
        if request.path.startswith(b"/api/"):
            body = to_json({"error": str(refusal)})
            return _Answer(body, _JSON, refusal.status, refusal.headers)
        html = self._renderer.page(
            "error",
            page="",
            notice="",
            status=refusal.status,
            headline=refusal.headline,
            reason=str(refusal),
        )
        return _Answer(
            html.encode("utf-8", "replace"), status=refusal.status, headers=refusal.headers
        )

    # Routes

    async def _answer(self, request: Request) -> _Answer | None:
        host = _header(request, b"host").strip()
        if not self._checks.accepts_host(host):
            raise _Refusal(
                421,
                "Not by this name",
                f"this server does not know itself as {host[:100]!r}; "
                "--web-name tells it the names by which browsers may call it",
            )
        if cast(_BoundedRequest, request).is_too_long:
            raise _Refusal(413, "Too long", f"a form may have {_MAX_FORM_BYTES:,} bytes")
        query = Query(request.args)
        path = request.path.decode("ascii", "replace").lstrip("/")
        key = query.get("key") if path.startswith("api/") else b""  # programs keep no cookies
        if not path.startswith("static/") and not self._checks.accepts_key(
            key or self._key(request)
        ):
            return self._let_in(request, query)
        if request.method == b"POST":
            return await self._post(request, path, query)
        if request.method not in (b"GET", b"HEAD"):
            raise _Refusal(405, "Not so", "only GET and POST are answered", Allow="GET, HEAD, POST")
        return await self._get(request, path, query)

    async def _get(self, request: Request, path: str, query: Query) -> _Answer | None:
        first, _, rest = path.partition("/")
        if first == "static" and rest in _STATIC:
            return _Answer(self._static[rest], _STATIC[rest])
        if first == _CLIENT_CODE:
            return self._client_code(rest)
        if path == "raw":
            return self._raw(query)
        if path == "confirm":
            return self._confirm(request, query)
        if path == "events":
            return self._follow(request, query)
        if first == "api" and rest in PAGES:
            data = await look_at(PAGES[rest], self._inspector, query)
            return _Answer(to_json(data), _JSON)
        if path in PAGES:
            return await self._page(request, PAGES[path], query)
        if query.get("op"):
            return _redirect(original_addresses.current_address(query))
        if not path:
            return await self._page(request, PAGES["workspaces"], query)
        raise _Refusal(404, "It is not there", f"there is no page {path[:100]!r}")

    async def _post(self, request: Request, path: str, query: Query) -> _Answer:
        first, _, name = path.partition("/")
        if first != "do" and query.get("op"):
            return _redirect(original_addresses.current_address(query))
        if first != "do" or name not in ACTIONS:
            raise _Refusal(405, "Not so", "nothing can be posted here", Allow="GET, HEAD")
        if not self._inspector.config.web_actions:
            raise _Refusal(403, "Not here", "this inspector only shows (--web-read-only)")
        if not self._checks.accepts_form(
            self._cookie(request),
            query.text("token"),
            _header(request, b"origin"),
            _header(request, b"host").strip(),
        ):
            raise _Refusal(
                403, "Not from here", "the form is too old or not one of ours: load its page again"
            )
        outcome = await ACTIONS[name].perform(self._inspector, query)
        self._inspector.cost_cache.clear()
        if outcome.address:
            return _redirect(outcome.address)
        return self._render(request, outcome.template, outcome.data)

    # Keys

    def _key(self, request: Request) -> bytes:
        return request.getCookie(_cookie_name(request, "key").encode()) or b""

    def _let_in(self, request: Request, query: Query) -> _Answer:
        """Let a browser in that brings the key in its address, which then loses it."""
        key = query.get("key")
        if not key or not self._checks.accepts_key(key):
            raise _Refusal(
                403, "It is private", "open it by the address that was given with its key"
            )
        pairs = request.uri.partition(b"?")[2].decode("ascii", "replace").split("&")
        rest = "&".join(pair for pair in pairs if not pair.startswith("key="))
        path = "/" + request.path.decode("ascii", "replace").lstrip("/")
        name, value = _cookie_name(request, "key"), key.decode("ascii", "replace")
        return _Answer(
            status=303,
            headers={
                "Location": path + (f"?{rest}" if rest else ""),
                # Lax: the address may stand on another site, such as that of a notebook.
                "Set-Cookie": f"{name}={value}; Path=/; SameSite=Lax; HttpOnly",
            },
        )

    # Pages

    async def _page(self, request: Request, page: Page, query: Query) -> _Answer:
        data = await look_at(page, self._inspector, query)
        address = request.uri.partition(b"?")[2].decode("ascii", "replace")
        own = link("events", of=page.name)  # at the end, for the last of several fields counts
        data["events"] = own.replace("?", f"?{address}&") if address else own
        notice = NOTICES.get(query.text("said"), "")
        return self._render(request, page.name, {**self._common(page), **data, "notice": notice})

    def _common(self, page: Page) -> dict[str, Any]:
        """Return what the template of a page needs beside the page's data."""
        return {
            "minutes": HISTORY_MINUTES,
            "has_actions": self._inspector.config.web_actions,
            "page": page.name,
        }

    def _render(self, request: Request, template: str, data: dict[str, Any]) -> _Answer:
        headers = {}
        token = ""
        if self._inspector.config.web_actions:
            given = self._cookie(request)
            cookie = self._checks.cookie(given)
            token = self._checks.token(cookie)
            if cookie != given:
                name = _cookie_name(request)
                headers["Set-Cookie"] = f"{name}={cookie}; Path=/; SameSite=Strict; HttpOnly"
        html = self._renderer.page(template, **{"page": "", "notice": "", "token": token, **data})
        return _Answer(html.encode("utf-8", "replace"), headers=headers)

    def _cookie(self, request: Request) -> str:
        given = request.getCookie(_cookie_name(request).encode()) or b""
        return given.decode("ascii", "replace")

    def _confirm(self, request: Request, query: Query) -> _Answer:
        if not self._inspector.config.web_actions:
            raise _Refusal(403, "Not here", "this inspector only shows (--web-read-only)")
        return self._render(request, "confirm", ask(query))

    def _follow(self, request: Request, query: Query) -> _Answer | None:
        page = PAGES[query.choice("of", PAGES, "")]
        if self.live.full:
            raise _Refusal(503, "Too many", "too many browsers follow pages already")
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("X-Accel-Buffering", "no")  # or a proxy may keep it to itself
        if request.method == b"HEAD":
            return _Answer(media_type="text/event-stream")
        address = request.uri.decode("ascii", "replace")
        self.live.follow(request, address, page, query, self._common(page))
        return None

    # Files

    def _raw(self, query: Query) -> _Answer:
        """Send a value as it is."""
        value, _ = find_value(self._inspector, query)
        payload: Any = value.payload
        try:
            file = io.BytesIO(payload) if isinstance(payload, bytes) else payload.open()
        except OSError as error:
            raise NotFound(f"the value's file cannot be read: {error}") from error
        kind = kind_of(value)
        shown = kind.form == "picture" and query.get("download") != b"yes"
        headers = {**VALUE_HEADERS, "Content-Length": str(value.size)}
        if not shown:
            headers["Content-Disposition"] = f'attachment; filename="value-{value.index}"'
        return _Answer(
            file, kind.media_type if shown else "application/octet-stream", headers=headers
        )

    def _client_code(self, path: str) -> _Answer:
        """Send a file for clients, as the original does."""
        folder = self._inspector.config.web_folder
        if folder is None:
            raise _Refusal(404, "It is not there", "this server has no files for clients")
        absent = _Refusal(404, "It is not there", f"there is no file {path[:100]!r}")
        try:
            file = (folder / os.fsdecode(unquote_to_bytes(path))).resolve()
            if not file.is_relative_to(folder.resolve()) or not file.is_file():
                raise absent
            size, content = file.stat().st_size, file.open("rb")
        except (OSError, RuntimeError, ValueError):  # such as a name that no file can have
            raise absent from None
        guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        media_type = "text/plain" if file.suffix.lower() in _PLAIN_TEXT else guessed
        headers = {**VALUE_HEADERS, "Content-Length": str(size)}
        return _Answer(content, media_type, headers=headers)


def _refusal_for(error: Exception) -> _Refusal:
    """Say in a page's words what went wrong."""
    if isinstance(error, _Refusal):
        return error
    if isinstance(error, NotFound):
        return _Refusal(404, "It is not there", str(error))
    if isinstance(error, BadQuery):
        return _Refusal(400, "That cannot be", str(error))
    if isinstance(error, OperationFailed) and error.status == Status.NO_WORKSPACE:
        return _Refusal(404, "It is not there", str(error))
    if isinstance(error, OperationFailed):
        return _Refusal(409, "That was not done", str(error))
    return _Refusal(500, "The inspector failed", f"{type(error).__name__}: {error}")


def _redirect(address: str) -> _Answer:
    return _Answer(status=303, headers={"Location": address})


def _header(request: Request, name: bytes) -> str:
    """Return a header, whatever bytes are in it; empty if there is none."""
    return (request.getHeader(name) or b"").decode("latin-1")


def _cookie_name(request: Request, kind: str = "form") -> str:
    """Return a name that servers on other ports of the same machine do not use."""
    return f"nws-{kind}-{getattr(request.getHost(), 'port', 0)}"
