"""Who may ask: names of this machine, and tokens."""

from __future__ import annotations

import re
import socket

import pytest

from nws_server.web.request_checks import RequestChecks
from tests.support.cases import each

OWN = socket.gethostname()


@pytest.fixture
def checks() -> RequestChecks:
    return RequestChecks(["Inspector.Example", "[odd"])


@each(
    "host",
    [
        *("localhost", "localhost:8766", "LOCALHOST:1", "localhost.", "localhost.:8766"),
        *("127.0.0.1", "127.0.0.1:8766", "10.0.0.1", "192.168.1.1:80", "127.0.0.1:"),
        *("[::1]", "[::1]:8766", "[::ffff:127.0.0.1]"),
        *("inspector.example", "INSPECTOR.example.:99", OWN, f"{OWN}:8766"),
    ],
)
def test_names_of_this_machine(checks: RequestChecks, host: str) -> None:
    assert checks.accepts_host(host)


@each(
    "host",
    [
        *("", ":", ":80", ".", "..", "evil.example", "evil.example:8766", "localhost.evil.example"),
        *("evil.localhost", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "127.1", "0x7f000001"),
        *("2130706433", "127.0.0.1:8766:1", "localhost:80x", "localhost:-1", "localhost/", "a@b"),
        *("[::1", "::1", "::1]", "[localhost]", "[]", "[::1]x", "[::1]:x"),
        *("localhost\x00", "localhost\n", "localhost evil.example", "localhost,evil.example"),
        *("\ufffd", "\uff4cocalhost", "localhost\u3002", "http://localhost", "[odd"),
    ],
)
def test_other_names(checks: RequestChecks, host: str) -> None:
    assert not checks.accepts_host(host)


def test_only_names_that_were_given_are_known() -> None:
    assert not RequestChecks([]).accepts_host("inspector.example")


def test_a_browser_keeps_its_cookie_and_gets_one_that_nobody_guesses(checks: RequestChecks) -> None:
    cookie = checks.cookie("")
    assert re.fullmatch("[0-9a-f]{32}", cookie)
    assert checks.cookie(cookie) == cookie
    assert checks.cookie("") != cookie
    for strange in ("x", cookie.upper() + "X", cookie + "0", "é" * 32, cookie + "\n"):
        assert checks.cookie(strange) != strange


def test_a_token_goes_with_its_cookie_and_its_server(checks: RequestChecks) -> None:
    cookie, other = checks.cookie(""), checks.cookie("")
    token = checks.token(cookie)
    assert checks.accepts_form(cookie, token, "", "localhost")
    assert not checks.accepts_form(other, token, "", "localhost")
    assert not RequestChecks([]).accepts_form(cookie, token, "", "localhost")
    assert not checks.accepts_form("", checks.token(""), "", "localhost")


@pytest.mark.parametrize("token", ["", "0" * 64, "é" * 64, "\x00"])
def test_wrong_tokens(checks: RequestChecks, token: str) -> None:
    assert not checks.accepts_form(checks.cookie(""), token, "", "localhost")


@each(
    "origin, right",
    [
        ("", True),
        ("http://localhost:8766", True),
        ("https://localhost:8766", True),
        ("HTTP://LOCALHOST:8766", True),
        ("null", False),
        ("http://localhost", False),
        ("http://localhost:8767", False),
        ("http://evil.example", False),
        ("http://localhost:8766.evil.example", False),
        ("http://localhost:8766/", False),
        ("file://", False),
        ("localhost:8766", False),
    ],
)
def test_origins(checks: RequestChecks, origin: str, right: bool) -> None:
    cookie = checks.cookie("")
    assert checks.accepts_form(cookie, checks.token(cookie), origin, "Localhost:8766") is right
