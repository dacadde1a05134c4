"""Checks of each request, which keep other people and other web sites out of the inspector.

- If a key is set, a browser must send it or a ticket once, in the address, and then a cookie that
  is made from the key. Browsers send the cookies of a machine to all its ports, where other users
  may listen: so the cookie is not the key, and lets in only the user whose browser was let in.
- A page of another site must not reach the inspector under a name of its own (DNS rebinding): the
  Host header must be an IP address, or a name by which this machine is known.
- It must not make the browser send a form (cross-site request forgery): a form has a token that
  matches a cookie which browsers send only from the inspector's own pages.
- It must not show the pages in a frame, load them, or run a script in them: the security headers
  forbid it, and what a browser says that it loads for another site is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Final

from nws.wire.tickets import UsedTickets

__all__ = ["HEADERS", "VALUE_HEADERS", "RequestChecks"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Other sites are not told the addresses of pages. With "no-referrer", browsers would send forms
    # of these pages with the Origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Security headers of every response."""

VALUE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""Headers of a value that is sent as it is, because it may be anything."""

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::\d*)?")
_COOKIE: Final = re.compile(r"[0-9a-f]{32}")


class RequestChecks:
    """The checks of one server."""

    def __init__(self, names: Iterable[str], key: str = "") -> None:
        """Set the names and the key.

        Args:
            names: of this machine, besides its host name and ``localhost``.
            key: that browsers must send; empty if none is needed.
        """
        own = socket.gethostname().lower()
        self._names = {"localhost", own, own.partition(".")[0], *map(str.lower, names)}
        self._key = key.encode()
        self._tickets = UsedTickets(key)
        self._secret = secrets.token_bytes(32)

    def accepts_host(self, host: str) -> bool:
        """Tell whether a Host header names this machine."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower().rstrip(".")
        return name in self._names or _is_number(name)

    def accepts_origin(self, origin: str, host: str) -> bool:
        """Tell whether an Origin header, empty if there is none, names the site of this Host."""
        return origin.lower() in ("", f"http://{host.lower()}", f"https://{host.lower()}")

    def accepts_key(self, key: bytes) -> bool:
        """Tell whether a key is right, or none is needed."""
        return not self._key or hmac.compare_digest(key, self._key)

    def accepts_ticket(self, ticket: str) -> bool:
        """Tell whether a ticket is right; it is used then."""
        return self._tickets.accept(ticket)

    def accepts_use(self, site: str, mode: str, destination: str) -> bool:
        """Tell whether a page may use a response so; another site may only lead here.

        Args:
            site, mode, destination: the headers Sec-Fetch-Site, -Mode and -Dest, empty where a
                browser sends none.
        """
        leads_here = (mode, destination) == ("navigate", "document")
        return site in ("", "none", "same-origin") or leads_here

    def badge(self, user: int | None) -> str:
        """Return the cookie of this user's browser once it has brought the key or a ticket."""
        return hmac.new(self._key, f"browser of {user}".encode(), hashlib.sha256).hexdigest()

    def accepts_badge(self, given: str, user: int | None) -> bool:
        """Tell whether a browser of this user has brought the key or a ticket before."""
        return given.isascii() and hmac.compare_digest(given, self.badge(user))

    def cookie(self, given: str) -> str:
        """Return the cookie of a browser, or a new one if it is invalid."""
        return given if _COOKIE.fullmatch(given) else secrets.token_hex(16)

    def token(self, cookie: str) -> str:
        """Return the token for forms that goes with a cookie."""
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def accepts_form(self, cookie: str, token: str, origin: str, host: str) -> bool:
        """Tell whether a form comes from a page of this inspector.

        Args:
            cookie, token: sent with it.
            origin: the Origin header, empty if there is none.
            host: the Host header.
        """
        if not self.accepts_origin(origin, host):
            return False
        if not _COOKIE.fullmatch(cookie) or not token.isascii():
            return False
        return hmac.compare_digest(token, self.token(cookie))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
