"""HTTP at the edges: what is too long, too slow, half, or no request at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.client import NwsServer
from nws.errors import NwsConnectException
from tests.support.cases import each
from tests.support.memory_site import MemorySite
from tests.support.server import Client, running
from tests.support.web import Browser, Inspected, Wire, assert_guarded, form, inspected

MEBI = 1024 * 1024
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def wire(site: Inspected) -> Iterator[Wire]:
    with Wire(site.browser.port) as wire:
        yield wire


@pytest.fixture
def memory_site(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as site:
        yield site


def assert_alive(browser: Browser) -> None:
    assert browser.get("workspaces").status == 200


# Clients of the server


def test_a_client_of_the_server_is_told_where_that_is(site: Inspected) -> None:
    port = site.browser.port
    with pytest.raises(NwsConnectException, match="inspector of the server at") as raised:
        NwsServer("localhost", port)
    assert f"127.0.0.1:{site.server.port}" in str(raised.value)


@pytest.mark.parametrize("head", [b"X000 / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n"])
def test_who_only_begins_or_goes_on_like_a_client_is_a_browser(wire: Wire, head: bytes) -> None:
    wire.send(head)
    if head.startswith(b"POST"):
        wire.send(b"X000")
        wire.send(b": y\r\nContent-Length: 0\r\n\r\n")
    assert wire.reply().status == 421, "a page for browsers: it names no host"


# Methods


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X"])
@pytest.mark.parametrize("target", ["/", "/do/delete-workspace?ws=ws", "/events?of=server", "/raw"])
def test_other_methods_are_refused(
    browser: Browser, client: Client, method: str, target: str
) -> None:
    reply = browser.ask(method, target)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD, POST"
    assert_guarded(reply)
    assert b"ws" in client.get("list wss").payload


def test_a_trace_does_not_tell_a_cookie(browser: Browser) -> None:
    assert b"secret" not in browser.ask("TRACE", "/", Cookie="x=secret").body


def test_connect_leads_nowhere(browser: Browser) -> None:
    assert browser.ask("CONNECT", "evil.example:443").status == 405


def test_options_of_the_server(browser: Browser) -> None:
    reply = browser.ask("OPTIONS", "*")
    assert reply.status in (200, 405)
    assert_guarded(reply)


@pytest.mark.parametrize(
    "target",
    ["/", "/api/server", "/static/style.css", "/nothing", "/?op=listVars", "/raw?ws=ws&name=x"],
)
def test_head_is_get_without_the_body(browser: Browser, client: Client, target: str) -> None:
    client.store("x", "value")
    head, get = browser.ask("HEAD", target), browser.ask("GET", target)
    assert head.body == b""
    assert head.status == get.status
    for name in ("Content-Type", "Location"):
        assert head.headers[name] == get.headers[name]
    if "api" not in target:
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert_guarded(head)


def test_head_of_events_ends(browser: Browser) -> None:
    reply = browser.ask("HEAD", "/events?of=server")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/event-stream")


# Addresses


@each(
    "target",
    [
        *("//evil.example/path", "//evil.example/%2e%2e", "///", "/.", "/..", "/../../etc/passwd"),
        *("http://evil.example/", "http://localhost/server", "https://localhost", "*", "x", "?"),
        *("/%2fworkspaces", "/%77orkspaces", "/workspaces/", "/workspaces%00", "/api", "/api/"),
        *("/api/raw", "/api/../server", "/api/api/server", "/do", "/do/", "/do/store", "/do/none"),
        *(
            "/static",
            "/static/",
            "/static/../site.py",
            "/static/..%2fsite.py",
            "/static//etc/passwd",
        ),
        *("/static/%2e%2e/site.py", "/static/style.css/", "/static/style.css%00", "/static/."),
        *("/clientCode", "/clientCode/", "/clientCode/../x", "/" + "a" * 100_000, "/é", "/\u2028"),
        *("/events", "/events?of=", "/events?of=x", "/events/x", "/confirm", "/confirm?action=x"),
        *("/confirm?action=store&ws=x", "/confirm?action=fetch&ws=x", "/raw?index=0", "/;x", "/#"),
    ],
)
def test_addresses_of_nothing(browser: Browser, target: str) -> None:
    reply = browser.ask("GET", target.encode().decode("latin-1"))
    assert reply.status in (200, 400, 403, 404, 405), reply
    if reply.status == 200:
        assert target in ("///", "?", "/;x", "*")
    elif "a" * 100 not in target:
        assert b"root:" not in reply.body
        assert b"import" not in reply.body


def test_a_redirect_never_leads_to_another_machine(browser: Browser) -> None:
    for target in ("//evil.example/?op=listVars&wsName=//evil.example", "/%0d%0aX:y?op=listVars"):
        for method in ("GET", "POST"):
            reply = browser.ask(method, target)
            assert reply.status == 303
            assert reply.location.startswith("/workspace?name=")
            assert reply.headers["X"] is None
            assert_guarded(reply)


# Too much


def post(token: str, value: bytes) -> bytes:
    return b"token=" + token.encode() + b"&ws=ws&name=x&value=" + value


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [MEBI + 1, 3 * MEBI, 20 * MEBI])
def test_a_form_that_is_too_long_is_refused_and_does_nothing(
    browser: Browser, client: Client, chunked: bool, size: int
) -> None:
    """Also when its last bytes come in one piece with those that are too many."""
    token = browser.token
    body = post(token, b"v" * size)
    headers = dict(FORM)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        parts = [body[start : start + 9973] for start in range(0, len(body), 9973)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    reply = browser.ask(
        "POST", "/do/store", body, **{k.replace("-", "_"): v for k, v in headers.items()}
    )
    assert reply.status == 413
    assert_guarded(reply)
    assert "1,048,576 bytes" in reply.page().text
    assert client.get("findTry", "ws", "x").status == client.no_value


def test_the_longest_form_is_taken(browser: Browser, client: Client) -> None:
    token = browser.token
    room = MEBI - len(post(token, b""))
    reply = browser.ask(
        "POST", "/do/store", post(token, b"v" * room), Content_Type=FORM["Content-Type"]
    )
    assert reply.status == 303
    assert len(client.get("fetch", "ws", "x").payload) == room


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory from /proc")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_flood_is_cut_and_costs_no_memory(site: Inspected, chunked: bool) -> None:
    before = site.server.memory()
    piece = MEBI * b"v"
    sent = 0
    with Wire(site.browser.port) as wire:
        length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(2**40)}
        wire.send(form("POST", "/do/store", {**FORM, **length}))
        try:
            while sent < 500 * MEBI:
                wire.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                sent += len(piece)
        except OSError:
            pass
    assert sent < 100 * MEBI
    assert site.server.memory() - before < 32 * MEBI


@pytest.mark.parametrize("what", ["line", "header", "headers", "many headers", "no end"])
def test_a_head_that_is_too_long_is_refused(site: Inspected, wire: Wire, what: str) -> None:
    before = site.server.memory() if sys.platform.startswith("linux") else 0
    heads = {
        "line": b"GET /" + b"a" * 600_000 + b" HTTP/1.1\r\n",
        "header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 600_000 + b"\r\n\r\n",
        "headers": b"GET / HTTP/1.1\r\n"
        + b"".join(b"X%d: %s\r\n" % (n, 10_000 * b"a") for n in range(90)),
        "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        "no end": b"a" * 2_000_000,
    }
    wire.send(heads[what])
    rest = wire.rest()
    assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    assert_alive(site.browser)
    if sys.platform.startswith("linux"):
        assert site.server.memory() - before < 32 * MEBI


@pytest.mark.parametrize("fields", [b"a=&", b"&", b";", b"a=b;", b"%", b"=", b"+=+&"])
def test_a_form_of_many_fields(browser: Browser, fields: bytes) -> None:
    body = (fields * MEBI)[:MEBI]
    status = 400 if b"&" in fields or b";" in fields else 403
    assert (
        browser.ask("POST", "/do/store", body, Content_Type=FORM["Content-Type"]).status == status
    )
    assert browser.ask("POST", "/do/store", body, Content_Type="multipart/form-data").status == 415


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n--b--"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--',
        ),
        ("multipart/form-data; boundary=\xff", b"x"),
        ("multipart/form-data; boundary=b; charset=nonsense", b"--b\r\n\r\n--b--"),
        ("text/plain", b"token=x"),
        ("application/json", b"{}"),
        ("nonsense", b"x"),
        ("", b"x"),
    ],
)
def test_forms_of_other_kinds_do_nothing(
    site: Inspected, browser: Browser, kind: str, body: bytes
) -> None:
    headers: dict[str, str | bytes] = {"Content-Type": kind.encode("latin-1")}
    with Wire(site.browser.port) as wire:
        wire.send(form("POST", "/do/delete-workspace?ws=ws", headers, body))
        assert wire.file.readline() == b"HTTP/1.1 415 Unsupported Media Type\r\n"
    assert_alive(browser)


# Odd bytes


@each("name", ["Host", "Origin", "Cookie", "Content-Type", "X", "Connection"])
@each("value", [b"\xff\xfe", b"\xe2\x82", b"", b"\x01", "ä".encode("latin-1")])
def test_headers_hold_any_bytes(browser: Browser, name: str, value: bytes) -> None:
    for method in ("GET", "POST"):
        reply = browser.ask(
            method, "/do/store" if method == "POST" else "/", **{name.replace("-", "_"): value}
        )
        assert reply.status in (200, 403, 421)
        assert_guarded(reply)


ODD_BYTES = [
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a browser that speaks TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /clientCode/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / page HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
]


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("data", ODD_BYTES)
def test_what_is_no_proper_request_gets_no_page(memory_site: MemorySite, data: bytes) -> None:
    link = memory_site.connect()
    link.send(data)
    answer = link.transport.value()
    assert not answer or 400 <= int(answer.split()[1]) < 500, answer
    memory_site.clock.pump([61, 16])
    assert link.transport.disconnecting or link.transport.disconnected


def test_the_odd_bytes_are_survived_by_a_real_server(site: Inspected) -> None:
    for data in ODD_BYTES:
        with Wire(site.browser.port) as wire:
            wire.send(data)
            assert_alive(site.browser)


# Several, half and slow ones


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    wire.send(b"".join(form("GET", target) for target in ("/server", "/nothing", "/api/clients")))
    assert [wire.reply().status for _ in range(3)] == [200, 404, 200]


def test_what_is_pipelined_behind_a_followed_page_waits(wire: Wire, browser: Browser) -> None:
    wire.send(form("GET", "/events?of=server") + form("GET", "/server") * 1000)
    assert wire.file.readline() == b"HTTP/1.1 200 OK\r\n"
    assert_alive(browser)


def test_half_a_request_is_nobody_s_trouble(site: Inspected) -> None:
    data = form("POST", "/do/store", FORM, b"a=b")
    for end in range(0, len(data), 7):
        with Wire(site.browser.port) as wire:
            wire.send(data[:end])
    assert_alive(site.browser)


def test_a_connection_without_a_request_is_closed_after_a_minute(memory_site: MemorySite) -> None:
    link = memory_site.connect()
    memory_site.clock.advance(59)
    assert not link.transport.disconnecting
    memory_site.clock.advance(2)
    assert link.transport.disconnecting


@pytest.mark.parametrize(
    "data", [form("GET", "/server"), form("POST", "/do/store", FORM, b"a=b" * 100)]
)
def test_a_request_that_trickles_in_is_cut_after_a_minute(
    memory_site: MemorySite, data: bytes
) -> None:
    link = memory_site.connect()
    memory_site.clock.advance(30)  # the minute begins with its first byte
    for place in range(6):
        assert not link.transport.disconnecting
        link.protocol.dataReceived(data[place : place + 1])
        memory_site.clock.advance(10 + place / 10)
    assert link.transport.disconnecting


def test_each_request_has_a_minute_of_its_own(memory_site: MemorySite) -> None:
    link = memory_site.connect()
    for _ in range(5):
        memory_site.clock.advance(50)
        request = form("GET", "/nothing")
        link.protocol.dataReceived(request[:10])
        memory_site.clock.advance(50)
        link.protocol.dataReceived(request[10:])
        assert link.reply().status == 404
    memory_site.clock.advance(61)
    assert link.transport.disconnecting


def test_who_follows_a_page_is_not_cut(memory_site: MemorySite) -> None:
    link = memory_site.connect()
    link.protocol.dataReceived(form("GET", "/events?of=workspaces"))
    memory_site.clock.pump([1.0] * 300)
    assert not link.transport.disconnecting


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from([*ODD_BYTES, form("GET", "/server"), b"\r\n", b"a"])
        | st.binary(max_size=50)
    )
)
def test_any_bytes_in_any_pieces_are_survived(pieces: list[bytes]) -> None:
    with MemorySite(Path("/")) as site:
        link = site.connect()
        for piece in pieces:
            if link.transport.disconnecting:
                break  # from then on nothing is read
            link.send(piece)
        site.clock.pump([61, 16])
        assert link.transport.disconnecting or link.transport.disconnected


# Switches


def test_without_an_inspector_nobody_listens_and_clients_are_told_so(tmp_path: Path) -> None:
    with running(tmp_path, "--web", "none") as server:
        assert len(server.addresses) == 1
        with server.client("extended") as client:
            assert b'"web": null' in client.get("server status").payload


def test_read_only_shows_all_and_changes_nothing(tmp_path: Path) -> None:
    options = ("--web-read-only", "--babelfish", "none")
    with inspected(tmp_path, *options) as (server, browser), server.client() as client:
        client.open_ws()
        client.store("x", "v")
        for page in ("workspaces", "clients", "server"):
            assert browser.see(page).forms == []
        seen = browser.see("variable", ws="ws", name="x")
        assert seen.forms == []
        assert not [link for link in seen.links if "confirm" in link]
        assert browser.cookie == ""
        assert browser.see("workspace", name="ws").forms == []
        assert browser.get("confirm", action="fetch", ws="ws", name="x").status == 403
        for action in ("store", "declare", "fetch", "delete-variable", "delete-workspace"):
            reply = browser.post(f"/do/{action}", {"ws": "ws", "name": "x", "value": "1"})
            assert reply.status == 403
            assert "--web-read-only" in reply.text
        assert client.get("fetch", "ws", "x").payload == b"v"


def test_names_that_the_operator_gives(tmp_path: Path) -> None:
    with inspected(tmp_path, "--web-name", "Space.Example", "--babelfish", "none") as (_, browser):
        assert browser.ask("GET", "/", Host="space.example:1").status == 200
        assert browser.ask("GET", "/", Host="other.example").status == 421


# Too many connections


def test_browsers_that_ask_for_nothing_make_room(tmp_path: Path) -> None:
    with MemorySite(tmp_path, max_connections=4) as site:
        links = [site.connect() for _ in range(4)]
        assert [link.transport.disconnected for link in links] == [True, True, False, False]
        assert site.site.buildProtocol(None) is None
        links[0].hang_up()
        assert site.ask(b"GET /api/server HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200


def test_browsers_that_follow_a_page_stay(tmp_path: Path) -> None:
    with MemorySite(tmp_path, max_connections=4) as site:
        followers = []
        for _ in range(4):
            followers.append(site.connect())
            followers[-1].follow("server")
        assert not any(follower.transport.disconnected for follower in followers)
        assert site.site.buildProtocol(None) is None
