"""Strangers: other web sites, other names, forged forms, paths out of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws_server.web.request_checks import VALUE_HEADERS
from tests.support.cases import each
from tests.support.server import Client
from tests.support.web import Browser, Inspected, Wire, assert_guarded, inspected, target

ACTIONS = {
    "store": {"ws": "ws", "name": "x", "kind": "text", "value": "forged"},
    "declare": {"ws": "ws", "name": "new", "mode": "lifo"},
    "fetch": {"ws": "ws", "name": "x"},
    "delete-variable": {"ws": "ws", "name": "x"},
    "delete-workspace": {"ws": "ws"},
    "close-group": {"ws": "ws"},
    "cancel-call": {"ws": "ws", "name": "1"},
    "kill-worker": {"ws": "ws", "name": "0", "pid": "1"},
}


@pytest.fixture
def filled(client: Client) -> Client:
    """A client whose workspace has something to destroy."""
    client.store("x", "v")
    client.store("deleteMeWhenAllWorkersStarted", "1")
    for name in ("task", "result", "rankCount", "workerCount", "cancel", "kill a"):
        assert client.ask("declare var", "ws", name, "fifo").status == 0
    client.store("calls", '{"calls": [{"number": 1}]}')
    client.store("worker 0", '{"id": "a", "pid": 1}')
    return client


def snapshot(client: Client) -> bytes:
    """Return all that a listing shows."""
    return client.get("list wss").payload + client.get("list vars", "ws").payload


# Headers


@each(
    "page",
    [
        *("/", "/workspaces", "/clients", "/server", "/workspace?name=ws", "/api/workspaces"),
        *("/variable?ws=ws&name=x", "/value?ws=ws&name=x&index=0", "/api/nothing", "/nothing"),
        *("/workspace", "/static/style.css", "/static/inspector.js", "/static/icon.svg"),
        *("/raw?ws=ws&name=x&index=0", "/raw", "/raw?ws=ws&name=picture&index=0"),
        *("/doit?op=listWss", "/confirm?action=fetch&ws=ws&name=x", "/do/store", "/clientCode/x"),
    ],
)
def test_every_answer_says_what_browsers_may_do_with_it(
    filled: Client, browser: Browser, page: str
) -> None:
    assert filled.ask("store", "ws", "picture", 16777219, b"\x89PNG\r\n\x1a\n").status == 0
    for method in ("GET", "HEAD", "POST", "PUT"):
        reply = browser.ask(method, page)
        assert_guarded(reply)
        kind = reply.headers["Content-Type"] or ""
        if kind.startswith("text/html"):
            assert "charset=utf-8" in kind
    assert_guarded(browser.ask("GET", page, Host="evil.example"))


def test_pages_run_no_script_but_ours(browser: Browser) -> None:
    policy = browser.get("workspaces").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    seen = browser.see("workspaces")
    scripts = [each.attributes for each in seen.elements if each.tag == "script"]
    assert scripts == [{"src": "/static/inspector.js", "defer": ""}]
    assert not [each for each in seen.elements if each.tag == "style" or "style" in each.attributes]


def test_a_value_as_it_is_can_do_nothing(filled: Client, browser: Browser) -> None:
    reply = browser.get("raw", ws="ws", name="x", index=0)
    assert reply.headers["Content-Security-Policy"] == VALUE_HEADERS["Content-Security-Policy"]
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="value-0"'
    assert reply.headers["Content-Length"] == "1"
    del filled


def test_followed_pages_are_guarded_too(browser: Browser) -> None:
    with browser.follow("workspaces") as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        assert events.headers["X-Content-Type-Options"] == "nosniff"
        assert events.headers["Cache-Control"] == "no-store"


# Names of this machine


@each("host", ["evil.example", "evil.example:80", "", "127.0.0.1.nip.io", "x y"])
@each("page", ["/", "/api/server", "/events?of=server", "/static/style.css"])
def test_a_name_that_is_not_ours_gets_nothing(browser: Browser, host: str, page: str) -> None:
    reply = browser.ask("GET", page, Host=host)
    assert reply.status == 421
    assert reply.headers["Set-Cookie"] is None
    assert b"--web-name" in reply.body


@pytest.mark.parametrize("host", ["LOCALHOST", "localhost.:1", "127.0.0.1", "[::1]:8766"])
def test_our_names_get_pages(browser: Browser, host: str) -> None:
    assert browser.ask("GET", "/", Host=host).status == 200


def test_a_form_under_a_name_that_is_not_ours_does_nothing(
    filled: Client, browser: Browser
) -> None:
    before = snapshot(filled)
    reply = browser.post(
        "/do/delete-workspace", {"token": browser.token, "ws": "ws"}, Host="evil.example"
    )
    assert reply.status == 421
    assert snapshot(filled) == before


# Pages of other sites

LINKED = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
LOADED = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "websocket", "Upgrade": "websocket"},
)


@each("headers", LOADED)
@each("page", ["/", "/api/server", "/events?of=server", "/static/style.css"])
def test_another_site_can_load_nothing(
    browser: Browser, page: str, headers: dict[str, str]
) -> None:
    """It could not read that; but it could learn how long it takes, and keep the server busy."""
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        assert browser.ask(method, page, b"", **headers).status == 403


@pytest.mark.parametrize("origin", ["cross-site", "same-site", "same-origin", "none"])
def test_another_site_can_lead_here(browser: Browser, origin: str) -> None:
    assert browser.ask("GET", "/", b"", Sec_Fetch_Site=origin, **LINKED).status == 200


def test_a_request_with_two_names_of_this_machine_has_none(browser: Browser) -> None:
    request = b"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n"
    with Wire(browser.port) as wire:
        wire.send(request)
        assert wire.reply().status == 421


# Forms


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    reply = browser.get("workspaces")
    name = f"nws-form-{browser.port}"
    assert re.fullmatch(
        rf"{name}=[0-9a-f]{{32}}; Path=/; SameSite=Strict; HttpOnly", reply.headers["Set-Cookie"]
    )
    assert browser.get("workspaces").headers["Set-Cookie"] is None  # it has one now
    for strange in ("", "x", "0" * 33, "é" * 32, "0" * 31 + "G"):
        reply = browser.ask("GET", "/", Cookie=f"{name}={strange}")
        assert reply.headers["Set-Cookie"] is not None
    assert browser.ask("GET", "/static/style.css", Cookie="x").headers["Set-Cookie"] is None


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_refused_to_strangers(
    filled: Client, browser: Browser, site: Inspected, action: str
) -> None:
    before = snapshot(filled)
    fields = ACTIONS[action]
    other = Browser(site.browser.port)
    own, foreign = browser.token, other.token
    port = browser.port
    address = f"/do/{action}"
    forged = [
        browser.post(address, fields),
        browser.post(address, {**fields, "token": ""}),
        browser.post(address, {**fields, "token": own[:-1]}),
        browser.post(address, {**fields, "token": foreign}),
        browser.post(address, {**fields, "token": "é"}),
        browser.post(address, {**fields, "token": own}, Cookie=""),
        browser.post(address, {**fields, "token": own}, Cookie=other.cookie),
        browser.post(address, {**fields, "token": own}, Cookie=browser.cookie + "0"),
        browser.post(address, {**fields, "token": own}, Origin="http://evil.example"),
        browser.post(address, {**fields, "token": own}, Origin="null"),
        browser.post(address, {**fields, "token": own}, Origin=f"http://localhost:{port + 1}"),
        browser.post(address, {**fields, "token": own}, Origin=b"http://\xff"),
        browser.ask("POST", target(f"do/{action}", **fields)),
    ]
    for reply in forged:
        assert reply.status == 403
        assert reply.headers["Set-Cookie"] is None
        assert own.encode() not in reply.body
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        reply = browser.ask(method, target(f"do/{action}", **fields, token=own))
        assert reply.status in (404, 405)
    assert snapshot(filled) == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_action_is_done_for_our_own_forms(
    filled: Client, browser: Browser, action: str, scheme: str
) -> None:
    before = snapshot(filled)
    fields = {**ACTIONS[action], "token": browser.token}
    reply = browser.post(f"/do/{action}", fields, Origin=f"{scheme}://{browser.host}")
    assert reply.status in (200, 303)
    assert filled.get("list wss").payload + filled.get("list vars", "ws").payload != before


def test_no_token_is_on_a_page_that_is_followed(filled: Client, browser: Browser) -> None:
    token = browser.token
    with browser.follow("variable", ws="ws", name="x") as events:
        event = events.next()
    assert event is not None
    assert token not in event.data
    assert "token" not in event.data
    assert token not in browser.get("api/variable", ws="ws", name="x").text
    del filled


# Files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files for clients, beside a secret."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("secret")
    folder = outside / "served"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a file.PY").write_text("print('é')")
    for name in ("page.html", "picture.svg", "code.r", "code.m", "data.bin", "ü", "100%"):
        (folder / name).write_text("<script>alert(1)</script>")
    (folder / "out").symlink_to(outside / "secret")
    (folder / "up").symlink_to(outside)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "nothing")
    (folder / "inside").symlink_to(folder / "code.r")
    os.mkfifo(folder / "pipe")
    (outside / "served too").mkdir()
    (outside / "served too" / "x").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Browser]:
    options = ("--web-folder", str(folder), "--babelfish", "none")
    with inspected(tmp_path_factory.mktemp("serving"), *options) as (_, browser):
        yield browser


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("inner/a%20file.PY", "text/plain"),
        ("inner//a%20file.PY", "text/plain"),
        ("inner%2Fa%20file.PY", "text/plain"),
        ("code.r", "text/plain"),
        ("code.m", "text/plain"),
        ("inside", "text/plain"),
        ("page.html", "text/html"),
        ("data.bin", "application/octet-stream"),
        ("%C3%BC", "application/octet-stream"),
        ("100%25", "application/octet-stream"),
    ],
)
def test_files_for_clients(serving: Browser, path: str, kind: str) -> None:
    reply = serving.ask("GET", f"/clientCode/{path}")
    assert (reply.status, reply.headers["Content-Type"]) == (200, kind)
    assert reply.headers["Content-Length"] == str(len(reply.body))
    assert reply.body.startswith((b"print", b"<script>"))
    assert_guarded(reply)
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert serving.ask("HEAD", f"/clientCode/{path}").body == b""


@each(
    "path",
    [
        *("", ".", "..", "../secret", "inner/../../secret", "%2e%2e/secret", "..%2Fsecret"),
        *("%2e%2e%2fsecret", "/etc/passwd", "%2Fetc%2Fpasswd", "//etc/passwd", "out", "up/secret"),
        *("up", "loop", "loop/x", "dangling", "pipe", "inner", "inner/", "code.r/x"),
        *(
            "../served%20too/x",
            "%00",
            "code.r%00",
            "%00/../code.r",
            "a" * 300,
            "a/" * 5000,
            "nothing",
        ),
        *("%FF", "%ED%A0%80", "..\\secret", "..%5Csecret", "~/x", "inner/a%2520file.PY"),
    ],
)
def test_no_way_leads_out_of_the_folder(serving: Browser, path: str) -> None:
    reply = serving.ask("GET", f"/clientCode/{path}")
    assert reply.status == 404
    assert b"<h1>Not Found</h1>" in reply.body
