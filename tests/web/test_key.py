"""An inspector with a key: who does not bring it sees nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws.connection_file import SECRET
from nws.wire.tickets import new_ticket
from nws_server.web.request_checks import RequestChecks
from tests.support.cases import each
from tests.support.server import Client
from tests.support.web import Browser, Inspected, inspected

KEY = "open_sesame-1"
ITS_SECRET = "what-only-its-owner-knows"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    folder: Path = tmp_path_factory.mktemp("locked")
    options = ("--babelfish", "none", "--original", "never")
    with inspected(folder, *options, env={"NWS_WEB_KEY": KEY, SECRET: ITS_SECRET}) as site:
        yield site


@pytest.fixture
def stranger(locked: Inspected) -> Browser:
    return Browser(locked.browser.port)


@pytest.fixture
def owner(locked: Inspected) -> Iterator[Client]:
    with Client.to(locked.server.port) as client:
        client.log_in(ITS_SECRET)
        client.open_ws()
        yield client


@each(
    "page", ["", "workspaces", "api/server", "events", "raw", "confirm", "nowhere", "clientCode/x"]
)
@each("fields", [{}, {"key": "wrong"}, {"key": ""}, {"op": "listWss"}])
def test_without_the_key_there_is_nothing(
    stranger: Browser, page: str, fields: dict[str, str]
) -> None:
    reply = stranger.get(page, **fields)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert b"`nws server open` opens it" in reply.body


def test_without_the_key_nothing_can_be_done(stranger: Browser, owner: Client) -> None:
    reply = stranger.post("/do/delete-workspace", {"ws": "ws", "token": "x"}, Cookie="nws-form-1=x")
    assert reply.status == 401
    assert owner.get("list vars", "ws").status == 0


def test_the_address_with_the_key_lets_a_browser_in_and_loses_it(stranger: Browser) -> None:
    reply = stranger.get("server", key=KEY, x="1")
    assert (reply.status, reply.location) == (303, "/server?x=1")
    name, _, rest = reply.headers["Set-Cookie"].partition("=")
    assert name == f"nws-key-{stranger.port}"
    assert re.fullmatch("[0-9a-f]{64}; Path=/; SameSite=Lax; HttpOnly", rest), "it is not the key"
    assert stranger.get("server").status == 200
    assert KEY not in stranger.get("server").text
    assert KEY not in stranger.get("api/server").text


def test_a_ticket_lets_one_browser_in_once(stranger: Browser, locked: Inspected) -> None:
    ticket = new_ticket(KEY)
    reply = stranger.get("server", x="1", ticket=ticket)
    assert (reply.status, reply.location) == (303, "/server?x=1")
    assert stranger.get("server").status == 200
    late = Browser(locked.browser.port)
    for unusable in (ticket, new_ticket("another key"), "", "..", "é", f"9{ticket}", "9" * 5000):
        assert late.get("server", ticket=unusable).status == 401
    assert late.ask("GET", "/api/server", Authorization=f"Bearer {new_ticket(KEY)}").status == 401


def test_the_cookie_is_of_no_use_to_others(stranger: Browser) -> None:
    """They may see it: browsers send it to all ports of this machine."""
    badge = stranger.get("", key=KEY).headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    checks = RequestChecks([], KEY)
    assert checks.accepts_badge(badge, os.geteuid())
    for user in (os.geteuid() + 1, None):
        assert not checks.accepts_badge(badge, user)
    assert not RequestChecks([], "another key").accepts_badge(badge, os.geteuid())
    stranger.cookie = ""
    assert stranger.get("", key=badge).status == 401
    assert stranger.ask("GET", "/api/server", Authorization=f"Bearer {badge}").status == 401
    for cookie in (KEY, "é", badge[:-1]):
        assert stranger.ask("GET", "/", Cookie=f"nws-key-{stranger.port}={cookie}").status == 401


def test_the_key_leads_to_no_other_host(stranger: Browser) -> None:
    reply = stranger.ask("GET", f"//evil.example/?key={KEY}")
    assert reply.status == 303
    assert reply.location.startswith("/evil")


def test_programs_give_the_key_with_each_request(stranger: Browser) -> None:
    assert stranger.data("server", key=KEY)["version"]
    assert stranger.cookie == ""


def test_how_the_refusal_looks_is_no_secret(stranger: Browser) -> None:
    assert stranger.get("static/style.css").status == 200


def test_who_was_let_in_can_do_what_all_can(stranger: Browser, owner: Client) -> None:
    key = stranger.get("", key=KEY).headers["Set-Cookie"].partition(";")[0]
    page = stranger.ask("GET", "/confirm?action=delete-workspace&ws=ws", Cookie=key)
    form = page.headers["Set-Cookie"].partition(";")[0]
    reply = stranger.post(
        "/do/store",
        {"token": page.page().token, "ws": "ws", "name": "x", "value": "text"},
        Cookie=f"{key}; {form}",
    )
    assert reply.status == 303
    assert owner.get("fetch", "ws", "x").payload == b"text"


def test_a_stale_key_of_another_server_keeps_nobody_out(browser: Browser) -> None:
    assert browser.ask("GET", "/", Cookie=f"nws-key-{browser.port}=old").status == 200
