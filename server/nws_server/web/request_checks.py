"""Who may ask: the rules that keep other web sites out of the inspector.

- Where there is a key, a browser must bring it, once in the address and then in a cookie.
- A page of another site must not reach us under a name of its own (DNS rebinding): the Host header
  must be a number, or a name that this machine is known by.
- It must not make the browser send a form here (request forgery): a form carries a token that goes
  with a cookie which browsers send only from our own pages.
- It must not show our pages in a frame, load what they hold, or run a script in them: the headers
  say so.
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

__all__ = ["HEADERS", "VALUE_HEADERS", "RequestChecks"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Nobody else is told our addresses. With "no-referrer", browsers would send the forms of our
    # own pages with the Origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""

VALUE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""Of a value that is sent as it is: it may be anything."""

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::\d*)?")
_COOKIE: Final = re.compile(r"[0-9a-f]{32}")


class RequestChecks:
    """Checks hosts and tokens for one server."""

    def __init__(self, names: Iterable[str], key: str = "") -> None:
        """Let browsers call this machine by its own name, ``localhost``, and these names. With a
        key, let in only those that have it."""
        own = socket.gethostname().lower()
        self._names = {"localhost", own, own.partition(".")[0], *map(str.lower, names)}
        self._key = key.encode()
        self._secret = secrets.token_bytes(32)

    def accepts_host(self, host: str) -> bool:
        """Tell whether a Host header is one by which we can be meant."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower().rstrip(".")
        return name in self._names or _is_number(name)

    def accepts_key(self, key: bytes) -> bool:
        """Tell whether a browser that brings this key may see anything."""
        return not self._key or hmac.compare_digest(key, self._key)

    def cookie(self, given: str) -> str:
        """Return the cookie that a browser has, or a new one if that is none of ours."""
        return given if _COOKIE.fullmatch(given) else secrets.token_hex(16)

    def token(self, cookie: str) -> str:
        """Return the token of the forms of a browser with this cookie."""
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def accepts_form(self, cookie: str, token: str, origin: str, host: str) -> bool:
        """Tell whether a form comes from a page of ours.

        Args:
            cookie, token: what came with it.
            origin: the Origin header, empty if there is none.
            host: the Host header.
        """
        if origin and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
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
