"""Limits on what a browser may send: the size of a request, and the time that it may take."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final, cast

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from nws.wire.handshake import HELLO_NEGOTIATE, refusal
from nws_server.web.request_checks import HEADERS
from nws_server.web.responses import HttpRefusal

__all__ = ["IDLE_TIMEOUT_SECONDS", "MAX_FORM_BYTES", "BoundedChannel", "BoundedRequest"]

_MAX_HEAD_BYTES: Final = 512 * 1024
"""Of the request line and the headers: an address may hold two long names."""

MAX_FORM_BYTES: Final = 1024 * 1024
"""Of the body of a request."""

_MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024
"""Of a body that is too long. It is read up to here, because a browser reads no response before it
has sent the whole request; beyond that the connection is closed."""

_MAX_HEADER_BYTES: Final = 16 * 1024
"""Of one header: those that Twisted parses take it some milliseconds then."""

_MAX_LENGTH_HEADER_BYTES: Final = 100
"""Of the header Content-Length."""

IDLE_TIMEOUT_SECONDS: Final = 60.0
"""Longest time between two requests, and for a request to arrive."""


class BoundedChannel(HTTPChannel):
    """A connection whose requests have bounded headers, and must arrive in a bounded time."""

    MAX_LENGTH = _MAX_HEAD_BYTES
    totalHeadersSize = _MAX_HEAD_BYTES  # noqa: N815 - Twisted's name
    maxHeaders = 100  # noqa: N815 - Twisted's name
    _begun = False
    _heard = False

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        cast(Any, self).site.admit(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        cast(Any, self).site.dismiss(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def setTimeout(self, period: float | None) -> float | None:  # noqa: N802 - Twisted's names, as those below
        self._begun = False
        return super().setTimeout(period)  # type: ignore[no-untyped-call,no-any-return]

    def dataReceived(self, data: bytes) -> None:
        if not self._heard and data == HELLO_NEGOTIATE:
            self._refuse_client()
            return
        self._heard = True
        self.resetTimeout()  # in Twisted 24.3 only a whole line does that
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def _refuse_client(self) -> None:
        """Tell a client of the server that it has the wrong port: it would wait for an answer."""
        transport, site = cast(Any, self).transport, cast(Any, self).site
        transport.write(refusal(f"this is the inspector of the server at {site.server}"))
        transport.loseConnection()

    def resetTimeout(self) -> None:  # noqa: N802
        """Start the timeout at the first byte of a request, and do not restart it later."""
        if not self._begun:
            self._begun = True
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Refuse a header in several lines, which HTTP has given up; Twisted would put it together
        in quadratic time."""
        if line[:1] in (b" ", b"\t"):
            self._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]
        else:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Refuse a header that is too long. Of a length with more digits than Python parses,
        Twisted would raise an exception."""
        is_length = line[:15].lower() == b"content-length:"
        if len(line) > (_MAX_LENGTH_HEADER_BYTES if is_length else _MAX_HEADER_BYTES):
            self._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]
            return False
        return super().headerReceived(line)  # type: ignore[no-untyped-call,no-any-return]


class BoundedRequest(Request):
    """A request whose body is bounded, and whose response has the security headers.

    Twisted's own parsing of bodies is not used: its time for some of them is quadratic, and it
    comes before any check of who sent them.

    Attributes:
        query: the part of the address behind the question mark.
        refusal: why the body is dropped, and the request is to be refused; None if it is not.
    """

    query = b""
    refusal: HttpRefusal | None = None
    _length = 0

    @property
    def form(self) -> bytes:
        """The body, as it came."""
        return cast(BytesIO, self.content).getvalue()

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's names
        """Check the head of a request that has a body."""
        self.content = BytesIO()
        if length != 0:
            self.refusal = cast(Any, self.channel).site.refuse_body(self)

    def handleContentChunk(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > _MAX_DISCARDED_BYTES:
            cast(Any, self.channel).transport.abortConnection()
        elif self._length > MAX_FORM_BYTES:
            self.content = BytesIO()
            reason = f"a form may have at most {MAX_FORM_BYTES:,} bytes"
            self.refusal = self.refusal or HttpRefusal(413, reason)
        elif self.refusal is None:
            cast(BytesIO, self.content).write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, self.query = path.partition(b"?")
        self.process()

    def process(self) -> None:
        for name, value in HEADERS.items():
            self.setHeader(name, value)  # type: ignore[no-untyped-call]
        super().process()  # type: ignore[no-untyped-call]
