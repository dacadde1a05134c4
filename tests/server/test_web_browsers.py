"""A browser that a web page leads to the server's own port, by DNS rebinding or by its address.

Its process belongs to the owner, so login does not keep it out: these are tried with each setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from nws_server.authenticator import ORIGINAL_KINDS
from tests.support.cases import each
from tests.support.frames import request
from tests.support.server import Client, Server, running

SECRET: Final = "what-only-its-owner-knows"
STORE: Final = request("store", "__default", "x", "0", b"evil")[4:]
"""What would be stored: the headers are part of it, and the body follows them."""

WHOLE_STORE: Final = request("store", "__default", "x", "0", b"evil")


@pytest.fixture(scope="module", params=ORIGINAL_KINDS)
def process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with each setting for original clients."""
    folder, env = tmp_path_factory.mktemp("server"), {"NWS_SECRET": SECRET}
    with running(folder, "--original", request.param, env=env) as server:
        yield server


def http_request(method: bytes) -> bytes:
    """Form what a browser sends: the page chooses the method, the address and the body."""
    head = b"%b / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9\r\n\r\n" % method
    return head + b"the body\n"


METHODS: Final = (
    *(b"GET", b"POST", b"patch", b"PROPFIND"),
    *(b"0000" + STORE, b"1111" + STORE, b"1112" + STORE, b"!!!!" + STORE),
    *(b"X000", b"X000R0000000" + STORE, b"1112"),
)

OTHERS: Final = {
    "an upload that begins like us": b"PUT / HTTP/1.1\r\nContent-Length: 99\r\n\r\n1112" + STORE,
    "a web socket": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "HTTP/0.9": b"GET /1112\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "TLS": b"\x16\x03\x01\x02\x00" + bytes(512),
    "TURN, of WebRTC": b"\0\x03\0\x08!\x12\xa4B" + bytes(20),
    "FTP": b"USER anonymous\r\n",
    "gopher": b"1112" + WHOLE_STORE + b"\r\n",
    "gopher, of four bytes with its end": b"11\r\n" + WHOLE_STORE,
    "a proxy's head": b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n1112" + WHOLE_STORE,
    "a proxy's head in bytes": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
}
"""What pages can make browsers say beside HTTP, or tools of the owner that are given an address."""


def assert_nothing_is_stored(process: Server) -> None:
    with Client.to(process.port) as witness:
        witness.log_in(SECRET)
        assert witness.ask("use ws", "__default", "", "no").status == 0
        assert witness.get("list vars", "__default").payload == b""


@each("method", METHODS)
def test_a_browser_stores_nothing(process: Server, method: bytes) -> None:
    with process.client(None) as browser:
        browser.write(http_request(method))
        assert browser.at_end()
    assert "refused 127.0.0.1: it " in process.log()[-1]
    assert_nothing_is_stored(process)


@each("text", OTHERS.values())
def test_nor_does_another_protocol(process: Server, text: bytes) -> None:
    with process.client(None) as browser:
        browser.write(text)
        assert browser.at_end()
    assert_nothing_is_stored(process)
