"""Names and values that would like to be more than text: every page shows them inert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.server import Client
from tests.support.web import Browser, Seen, fields_of, quote, target

NAMES: dict[str, bytes] = {
    "plain": b"plain",
    "quotes": b"\"'`",
    "tags": b"</title></bdi></a><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": b'" onmouseover="alert(1)" x="',
    "template": b"{{ 7*7*1234567 }}{% raw %}{# #}${7*7*1234567}",
    "format": b"{ws}{name}{0}%s%(x)s",
    "entities": b"&lt;b&gt;&#60;&amp;amp;",
    "comment": b"<!-- --><![CDATA[ ]]><?x ?>",
    "bidi": "\u202eevil\u2066\u200f".encode(),
    "invisible": "a\u200b\u00ad\ufeff\u2028\u2029\u0085b\u00a0".encode(),
    "invalid": b"\xff\xfe\xed\xa0\x80\xc0\xaf",
    "surrogate": b"\xed\xb2\x80",
    "long": b"x" * 10_000,
    "long and wide": "🐟".encode() * 10_000,
    "long and quoted": b"<\"'&>" * 2000,
    "path": b"../../../etc/passwd",
    "address": b"https://evil.example/?op=deleteWs#x",
    "script": b"javascript:alert(1)",
    "query": b"a&name=b;ws=c=d+e%20f%00#g?h",
    "field": b"name.quoted=%41&token=x",
    "spaces": b"  a  ",
    "slashes": b"///\\\\\\",
    "page": b"api/do/confirm",
    "action": b"delete-workspace",
    "separators": b"a|b,c:d",
}
"""Those with control characters are refused by the server when something is made of them."""

IN_ONE = (
    *("quotes", "tags", "attribute", "template", "format", "entities", "comment", "bidi"),
    *("invisible", "invalid", "surrogate", "separators"),
)
"""What is as bad anywhere in a name: all in one, and each by itself by night."""

BY_NIGHT = (*IN_ONE, "long", "long and wide")
"""The third of the long ones has what these have, and quotes."""

NAMES["many"] = b" ".join(NAMES[which] for which in IN_ONE)


@pytest.fixture(
    params=[
        pytest.param(which, marks=[pytest.mark.nightly] * (which in BY_NIGHT)) for which in NAMES
    ]
)
def name(request: pytest.FixtureRequest, client: Client) -> Iterator[bytes]:
    """A workspace, a variable and a value that are called so."""
    name = NAMES[request.param]
    assert client.ask("open ws", name, name, "no").status == 0
    client.store(name, name, ws=name)
    client.store(name, b"another", ws=name)
    client.send("fetch", name, b"awaited " + name, "", "", 1)
    client.long()
    yield name
    client.ask("delete ws", name)


def pages(name: bytes) -> dict[str, str]:
    """Return the addresses of all pages about something."""
    return {
        "workspaces": target("workspaces", search=name[:100]),
        "workspace": target("workspace", name=name),
        "search": target("workspace", name=name, search=name[:100], sort="bytes"),
        "variable": target("variable", ws=name, name=name),
        "value": target("value", ws=name, name=name, index=0),
        "clients": "/clients",
        "fetch": target("confirm", action="fetch", ws=name, name=name),
        "delete-variable": target("confirm", action="delete-variable", ws=name, name=name),
        "delete-workspace": target("confirm", action="delete-workspace", ws=name),
        "close-group": target("confirm", action="close-group", ws=name),
        "kill-worker": target("confirm", action="kill-worker", ws=name, name=name, pid=name),
        "missing": target("variable", ws=name, name=name + b"?"),
        "no sleigh": target("sleigh", name=name),
        "no value": target("value", ws=name, name=name, index=99),
        "nothing": "/" + quote(name),
    }


TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "a", "header", "img", "nav", "h1"),
    *("span", "button", "main", "p", "h2", "noscript", "div", "dl", "dt", "dd", "form", "input"),
    *(
        "label",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "bdi",
        "br",
        "section",
        "fieldset",
        "legend",
    ),
    *("select", "option", "textarea", "ol", "li", "pre", "small", "time", "svg", "path", "text"),
    *("code", "ul", "details", "summary"),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "rel", "href", "type", "src", "defer", "class", "alt"),
    *("width", "height", "aria-label", "aria-current", "hidden", "id", "aria-pressed", "role"),
    *("tabindex", "data-events", "data-key", "scope", "aria-sort", "method", "action", "value"),
    *("for", "maxlength", "aria-labelledby", "required", "title", "datetime", "colspan", "rows"),
    *("download", "viewbox", "preserveaspectratio", "d", "x", "y", "open"),
}


def assert_inert(seen: Seen) -> None:
    """Nothing on the page is there but what templates have."""
    for tag, attributes in seen.elements:
        assert tag in TAGS, tag
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        for key in ("href", "src", "action", "data-events"):
            link = attributes.get(key, "")
            assert link.startswith(("/", "data:application/octet")) or link in ("", "#main")
            assert not link.startswith("//")
            assert link.isascii()
    assert [each for each in seen.elements if each.tag == "script"] == [
        ("script", {"src": "/static/inspector.js", "defer": ""})
    ]
    assert len([each for each in seen.elements if each.tag in ("title", "body", "html")]) == 3


def assert_readable(text: str) -> None:
    """Nothing can be read that one cannot see, or that turns the line around."""
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text
    )


def test_names_are_inert_on_every_page(name: bytes, browser: Browser) -> None:
    for page, address in pages(name).items():
        reply = browser.ask("GET", address)
        known = page not in ("missing", "no sleigh", "no value", "nothing")
        assert reply.status == (200 if known else 404), page
        seen = reply.page()
        assert_inert(seen)
        if page != "value":
            before_values = seen.text.partition("In the order in which")[0]
            assert_readable(before_values)
        assert b"60493783" not in reply.body


def test_links_lead_back_to_exactly_that_name(name: bytes, browser: Browser) -> None:
    found: set[str | tuple[str, str]] = set()
    for page, address in pages(name).items():
        for link in browser.ask("GET", address).page().links:
            fields = fields_of(link)
            path = urlsplit(link).path
            if path in ("/variable", "/value", "/raw") and page != "clients":
                assert fields["ws"] == name
                assert fields["name"] in (name, b"awaited " + name)
                found.add(path)
            elif path == "/workspace" and page not in ("workspaces", "clients"):
                assert fields["name"] == name
                found.add(path)
            elif path == "/workspace" and fields["name"] == name:
                found.add((page, path))
            elif path == "/confirm":
                assert fields["ws"] == name
    assert {"/variable", "/value", "/raw", "/workspace"} <= found
    assert ("workspaces", "/workspace") in found
    assert ("clients", "/workspace") in found


def test_the_search_form_keeps_exactly_that_name(name: bytes, browser: Browser) -> None:
    seen = browser.see("workspace", name=name)
    hidden = {
        each.attributes["name"]: each.attributes["value"]
        for each in seen.elements
        if each.attributes.get("type") == "hidden" and each.attributes["name"] != "token"
    }
    again = browser.see("workspace", **hidden, search="")
    names = [[link for link in each.links if "/variable" in link] for each in (seen, again)]
    assert names[0] == names[1] != []


def test_names_are_texts_in_data(name: bytes, browser: Browser) -> None:
    for page in ("workspaces", "workspace", "search", "variable", "value", "clients"):
        reply = browser.ask("GET", "/api" + pages(name)[page])
        assert reply.status == 200
        assert reply.body.isascii()
        reply.json()


def test_actions_reach_exactly_that_name(name: bytes, browser: Browser, client: Client) -> None:
    seen = browser.see("variable", ws=name, name=name)
    (store,) = seen.forms
    reply = browser.post(store, {"token": seen.token, "value": "new"})
    assert reply.status == 303, reply.text
    back = browser.ask("GET", reply.location)
    assert back.status == 200
    assert_inert(back.page())
    seen = browser.ask("GET", pages(name)["fetch"]).page()
    reply = browser.post(seen.forms[0], {"token": seen.token})
    assert reply.status == 200
    assert_inert(reply.page())
    assert client.get("fetch", name, name).payload == b"another"
    assert client.get("fetch", name, name).payload == b"new"
    for page in ("delete-variable", "delete-workspace"):
        seen = browser.ask("GET", pages(name)[page]).page()
        (form,) = seen.forms
        reply = browser.post(form, {"token": seen.token})
        assert reply.status == 303
        assert browser.ask("GET", reply.location).status == 200
    assert name not in [
        line.split(b"\t")[0][1:] for line in client.get("list wss").payload.split(b"\n")
    ]


@pytest.mark.parametrize("name", [b"a\nb", b"\x00", b"\x1b[31m", b"\r\n", b"\t", b"\x7f"])
def test_names_with_control_characters_are_refused_by_actions(
    client: Client, browser: Browser, name: bytes
) -> None:
    for action in ("store", "declare"):
        reply = browser.do(action, ws="ws", name=name, value="x")
        assert reply.status == 409
        assert "control characters" in reply.text
        assert_inert(reply.page())
    assert client.get("list vars", "ws").payload == b""


# Values

VALUES: dict[str, bytes] = {
    "script": b"<script>alert(1)</script>",
    "closing": b"</pre></li></ol></main></body></html><h1>x",
    "template": b"{{ 7*7 }}{% x",
    "events": b"x\r\n\r\ndata: <b>forged</b>\n\nevent: gone\ndata: gone\n\n\rdata: x\r\r",
    "event": b"\n\nevent: gone\ndata:\n\nid: 1\nretry: 1\n",
    "nul": b"a\x00b\x01\x1b[31m\x7f",
    "bidi": "\u202eevil\u2028\u2029\u0085".encode(),
    "html": b"<!doctype html><html><body onload=alert(1)>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "xml": b"<?xml version='1.0'?><x/>",
    "pdf": b"%PDF-1.4\n",
    "gif": b"GIF89a/*<script>alert(1)</script>*/",
    "entities": b"&lt;b&gt;&#0;&#x202e;",
    "quotes": b"\"'><img src=x onerror=alert(1)>",
    "long": b"<b>" * 100_000,
    "invalid": b"ok \xff\xfe\xed\xa0\x80",
    "binary": bytes(range(256)),
}

MARKUP = ("closing", "svg", "xml", "pdf", "entities", "quotes")
"""Texts that are as bad anywhere in a value: all in one, and each by itself by night."""

VALUES["markup"] = b" ".join(VALUES[which] for which in MARKUP)


@pytest.fixture(
    params=[
        pytest.param(which, marks=[pytest.mark.nightly] * (which in MARKUP)) for which in VALUES
    ]
)
def value(request: pytest.FixtureRequest, client: Client) -> bytes:
    """A value, stored in several ways: as a text, as bytes, and in another language."""
    value = VALUES[request.param]
    for descriptor in (1 << 24 | 1, 1 << 24 | 3, 3 << 24 | 1, 3 << 24, 1 << 24):
        assert client.ask("store", "ws", "x", descriptor, value).status == 0
    return value


def test_values_are_inert(value: bytes, browser: Browser) -> None:
    for address in (
        target("variable", ws="ws", name="x"),
        *(target("value", ws="ws", name="x", index=index) for index in range(5)),
        target("value", ws="ws", name="x", index=0, plot="yes"),
    ):
        reply = browser.ask("GET", address)
        assert reply.status == 200
        assert_inert(reply.page())
        assert browser.ask("GET", "/api" + address).status == 200
    if (text := value.decode("utf-8", "replace")).isprintable() and "\ufffd" not in text:
        assert text[:500] in browser.see("value", ws="ws", name="x", index=0).text


def test_values_are_inert_when_they_are_fetched(value: bytes, browser: Browser) -> None:
    del value
    for _ in range(5):
        reply = browser.do("fetch", ws="ws", name="x")
        assert reply.status == 200
        assert_inert(reply.page())


def test_values_are_inert_in_events(value: bytes, browser: Browser) -> None:
    del value
    whole = browser.see("variable", ws="ws", name="x")
    with browser.follow("variable", ws="ws", name="x") as events:
        event = events.next()
    assert event is not None
    assert event.kind == "message"
    assert "\r" not in event.data
    live = Seen(event.data)
    assert {tag for tag, _ in live.elements} <= TAGS
    texts = ("pre", "problem")
    count = len([each for each in live.elements if each.tag == texts[0]])
    assert count == len([each for each in whole.elements if each.tag == "pre"])


def test_values_come_as_they_are_but_never_as_a_page(value: bytes, browser: Browser) -> None:
    for index in range(5):
        for extra in ({}, {"download": "yes"}, {"download": "no"}):
            reply = browser.get("raw", ws="ws", name="x", index=index, **extra)
            assert reply.body == value
            assert reply.headers["Content-Type"] == "application/octet-stream"
            assert reply.headers["Content-Disposition"].startswith("attachment;")
            assert reply.headers["X-Content-Type-Options"] == "nosniff"


PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
    "image/jpeg": b"\xff\xd8\xff<html><script>alert(1)</script>",
}


@pytest.mark.parametrize("media_type", PICTURES)
def test_what_looks_like_a_picture_is_only_ever_a_picture(
    client: Client, browser: Browser, media_type: str
) -> None:
    assert client.ask("store", "ws", "x", 1 << 24 | 3, PICTURES[media_type]).status == 0
    reply = browser.get("raw", ws="ws", name="x", index=0)
    assert reply.headers["Content-Type"] == media_type
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    reply = browser.get("raw", ws="ws", name="x", index=0, download="yes")
    assert reply.headers["Content-Type"] == "application/octet-stream"


# What only looks like a sleigh's

REPORTS = [
    b"",
    b"garbage",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{}",
    b"NaN",
    b'{"rank": NaN, "pid": Infinity, "tasks": -Infinity, "memory": 1e400, "started": 1e308}',
    b'{"started": -1e300, "memory": -1, "pid": 1.5, "tasks": true, "elements": [], "deaths": {}}',
    b'{"pid": ' + b"9" * 5000 + b"}",
    b'{"pid": ' + b"9" * 300 + b"}",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"state": "\\ud800", "name": "\\udfff<b>", "python": "\\u202e\\u0000"}',
    b'{"current": {"call": "x", "since": null}, "recent": [[1], "x", null, [1, 2, 3, 4, 5]]}',
    b'{"current": {"since": 1e17}, "recent": [[1, 1e17, 1e17, 1, 1e17], [NaN, 0, 0, 1, 2]]}',
    b'{"recent": [[1, 2, -1e17, 1, 9e17]], "lines": [[[], {}, null, [], 7], [1, 2, 3, "x", "y"]]}',
    b'{"lines": [[1e400, 1e400, 1e400, {}, "<script>"], [1, 1, 1, "stdout", "\\ud800"]]}',
    b'{"recent": 7, "lines": {}, "current": []}',
    b'{"calls": 7}',
    b'{"calls": [7, null, [], "x", {}, {"number": 1}, {"number": 1}]}',
    b'{"calls": [{"kind": 7, "function": [], "elements": "x", "number": 1e400, "began": "now"}]}',
    b'{"calls": [{"elements": 0, "arrived": 1e17, "submitted": -5, "failed": 1e18, "over": 1}]}',
    b'{"calls": [{"elements": 1e17, "arrived": -1e17, "began": -1e17, "number": -7}]}',
    b'{"calls": [{"began": 1e17, "kind": "submit", "function": "</td><b>", "arrived": 1e17}]}',
    b'{"calls": [{"over": true, "kind": "<b>", "function": "</td><b>", "elements": 1e17}]}',
    b'{"calls": [' + b",".join(b'{"number": %d}' % n for n in range(5000)) + b"]}",
    b'[{"time": 1e400, "text": 7}, 7, null, [], {"time": NaN, "text": "<script>", "element": "x"}]',
    b'[{"time": -1e17, "text": "\\ud800"}, {"time": 1e17, "call": 1e17, "element": -1e17}]',
    b"\xff\xfe",
    b"\x00",
]


def test_reports_of_a_workspace_that_looks_like_a_sleigh_s(
    client: Client, browser: Browser
) -> None:
    for variable in ("task", "result", "rankCount", "workerCount"):
        assert client.ask("declare var", "ws", variable, "fifo").status == 0
    reports = ("worker 0", "calls", "failures 0", "runMe", "deleteMeWhenAllWorkersStarted")
    for report in REPORTS:
        for variable in reports:
            assert client.ask("declare var", "ws", variable, "single").status == 0
            assert client.ask("store", "ws", variable, 1 << 24 | 1, report).status == 0
        seen = browser.see("sleigh", name="ws")
        assert {tag for tag, _ in seen.elements} & {"script"} == {"script"}
        assert not [each for each in seen.elements if each.tag in ("b", "i")]
        browser.data("sleigh", name="ws")
        assert browser.get("workspaces").status == 200
        with browser.follow("sleigh", name="ws") as events:
            event = events.next()
            assert event is not None
            assert event.kind == "message"


def test_workers_whose_reports_are_no_texts(client: Client, browser: Browser) -> None:
    client.open_ws("silent")  # the page of "ws" may still be cached
    for variable in ("task", "result", "rankCount", "workerCount"):
        assert client.ask("declare var", "silent", variable, "fifo").status == 0
    for number, (descriptor, payload) in enumerate(
        [(1 << 24, b"{}"), (3 << 24 | 3, b"{}"), (1 << 24 | 1, b"{}" * 200_000), (0, b"")]
    ):
        assert client.ask("store", "silent", f"worker {number}", descriptor, payload).status == 0
    assert client.ask("declare var", "silent", "worker 4", "multi").status == 0
    assert browser.data("sleigh", name="silent")["workers"]["rows"] == []
    browser.see("sleigh", name="silent")
