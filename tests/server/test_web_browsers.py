"""A browser that a web page leads to the server's own port, by DNS rebinding or by its address."""

from __future__ import annotations

import pytest

from tests.support.frames import request
from tests.support.server import Server

STORE = request("store", "__default", "x", "0", b"evil")[4:]
"""What would be stored: the headers are part of it, and the body follows them."""


def http_request(method: bytes) -> bytes:
    """Form what a browser sends: the page chooses the method, the address and the body."""
    head = b"%b / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9\r\n\r\n" % method
    return head + b"the body\n"


METHODS = (
    *(b"GET", b"POST", b"patch", b"PROPFIND"),
    *(b"0000" + STORE, b"1111" + STORE, b"1112" + STORE, b"!!!!" + STORE),
    *(b"X000", b"X000R0000000" + STORE, b"1112"),
)


@pytest.mark.parametrize("method", METHODS)
def test_a_browser_stores_nothing(process: Server, method: bytes) -> None:
    with process.client(None) as browser:
        browser.write(http_request(method))
        assert browser.at_end()
    with process.client(ws="__default") as witness:
        assert witness.get("list vars", "__default").payload == b""
    assert "refused 127.0.0.1: it " in process.log()[-1]


def test_nor_does_its_encrypted_greeting(process: Server) -> None:
    with process.client(None) as browser:
        browser.write(b"\x16\x03\x01\x02\x00" + bytes(512))
        assert browser.at_end()
