"""Each page and its data: what the server holds, as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import Client
from tests.support.web import Browser, Inspected, fields_of, inspected

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def store(client: Client, var: str, payload: str | bytes, descriptor: int = 16777217) -> None:
    assert client.ask("store", "ws", var, descriptor, payload).status == 0


@pytest.fixture
def lively(site: Inspected, client: Client) -> Iterator[dict[str, Client]]:
    """A space with something of everything."""
    for mode in ("fifo", "lifo", "multi", "single"):
        assert client.ask("declare var", "ws", mode, mode).status == 0
        for number in range(45):
            client.store(mode, f"{mode} {number}")
    client.get_many("lease", "ws", "fifo", 2, 0, 60_000)
    server = site.server
    with (
        server.client("extended", ws="ws") as fetcher,
        server.client("extended", ws="ws") as finder,
    ):
        fetcher.send("fetch", "ws", "nothing", "", "", 50_000)
        finder.send("find", "ws", "nothing")
        client.until_waiting("ws", 2)
        yield {"owner": client, "fetcher": fetcher, "finder": finder}


def row(table: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in table["rows"] if each["name"] == name]
    assert isinstance(found, dict)
    return found


# What is there


def test_workspaces(lively: dict[str, Client], site: Inspected, browser: Browser) -> None:
    with site.server.client("extended") as other:
        other.open_ws("kept", persistent=True)
        table = browser.data("workspaces")["table"]
        ws = row(table, "ws")
        assert ws["variables"] == 5
        assert ws["values"] == 45 + 45 + 45 + 1 - 2
        assert (ws["leased"], ws["waiting"], ws["persistent"]) == (2, 2, False)
        assert ws["owner"].endswith("(4711)")
        assert ws["bytes"] > 0
        assert ws["created"] >= browser.data("server")["started"]
        assert row(table, "kept")["persistent"] is True
        assert row(table, "__default")["owner"] == "[system]"
        seen = browser.see()
        assert "/workspace?name=ws" in seen.links
        assert "[system]" in seen.text
        other.ask("delete ws", "kept")
    del lively


def test_a_workspace(lively: dict[str, Client], browser: Browser) -> None:
    data = browser.data("workspace", name="ws")
    assert data["workspace"]["name"] == "ws"
    assert data["table"]["total"] == 5
    fifo = row(data["table"], "fifo")
    assert (fifo["mode"], fifo["values"], fifo["leased"], fifo["stored"]) == ("fifo", 43, 2, 45)
    nothing = row(data["table"], "nothing")
    assert (nothing["mode"], nothing["fetchers"], nothing["finders"]) == ("unknown", 1, 1)
    assert row(data["table"], "single")["values"] == 1
    seen = browser.see("workspace", name="ws")
    assert "/variable?ws=ws&name=fifo" in seen.links
    del lively


def test_a_variable_page_by_page(lively: dict[str, Client], browser: Browser) -> None:
    texts = []
    for page, count in ((1, 20), (2, 20), (3, 3)):
        data = browser.data("variable", ws="ws", name="fifo", page=page)
        assert (data["page_of_values"], data["pages"]) == (page, 3)
        assert len(data["values"]) == count
        texts += [value["text"] for value in data["values"]]
    assert texts == [f"fifo {number}" for number in range(2, 45)]
    data = browser.data("variable", ws="ws", name="lifo")
    assert data["values"][0]["text"] == "lifo 44"
    assert [lease["attempt"] for lease in data["leases"]] == []
    assert browser.data("variable", ws="ws", name="fifo", page=99)["page_of_values"] == 3
    del lively


def test_who_waits_and_who_holds_a_lease(lively: dict[str, Client], browser: Browser) -> None:
    data = browser.data("variable", ws="ws", name="nothing")
    fetch, find = data["waiters"]
    assert (fetch["operation"], find["operation"]) == ("fetch", "find")
    assert round(fetch["until"] - fetch["since"]) == 50
    assert find["until"] is None
    assert fetch["session"] != find["session"]
    assert fetch["peer"] == find["peer"] == "127.0.0.1"
    assert fetch["since"] >= browser.data("server")["started"]
    leases = browser.data("variable", ws="ws", name="fifo")["leases"]
    assert [lease["bytes"] for lease in leases] == [6, 6]
    assert [lease["attempt"] for lease in leases] == [1, 1]
    assert [round(lease["until"] - lease["since"]) for lease in leases] == [60, 60]
    assert "None." in browser.see("variable", ws="ws", name="lifo").text


def test_clients(lively: dict[str, Client], browser: Browser) -> None:
    table = browser.data("clients")["table"]
    assert table["total"] == 3
    (owner,) = [each for each in table["rows"] if each["owns"]]
    assert (owner["owns"], owner["leases"], owner["waits"]) == (["ws"], 2, None)
    fetcher, finder = sorted(
        (each for each in table["rows"] if each["waits"]),
        key=lambda each: str(each["waits"]["operation"]),
    )
    assert (fetcher["waits"]["operation"], finder["waits"]["operation"]) == ("fetch", "find")
    assert (fetcher["waits"]["workspace"], fetcher["waits"]["variable"]) == ("ws", "nothing")
    assert fetcher["total"]["operations"] == 2
    assert fetcher["total"]["received"] > 0
    assert {each["peer"] for each in table["rows"]} == {"127.0.0.1"}
    assert browser.data("clients", search="127.0")["table"]["found"] == 3
    assert browser.data("clients", search="nobody")["table"]["found"] == 0
    for sort in ("session", "peer", "operations", "bytes", "total", "since", "waiting", "leases"):
        assert len(browser.data("clients", sort=sort, order="down")["table"]["rows"]) == 3
    assert "fetch of nothing in ws" in re.sub(r"\s+", " ", browser.see("clients").text)
    del lively


def test_the_server(lively: dict[str, Client], site: Inspected, browser: Browser) -> None:
    data = browser.data("server")
    assert data["pid"] == site.server.pid
    assert data["addresses"] == site.server.addresses[:-1]
    assert (data["connections"], data["sessions"]) == (3, 3)
    assert data["totals"]["leases"] == 2
    assert data["resident"] > 1_000_000
    settings = {each["name"]: each for each in data["settings"]}
    assert settings["babelfish"] == {"name": "babelfish", "value": "none", "origin": "--babelfish"}
    assert settings["memory limit"]["origin"] == "default"
    assert settings["tmp dir"]["origin"] == "NWS_TMP_DIR"
    browser.see("server")
    del lively


# Values


def test_kinds_of_values(client: Client, browser: Browser) -> None:
    store(client, "x", "grün")
    store(client, "x", b"\x00\x01\xff", 16777219)
    store(client, "x", PNG, 16777219)
    store(client, "x", b"X\n", 3 << 24)
    store(client, "x", b"", 16777217)
    text, raw, picture, foreign, empty = browser.data("variable", ws="ws", name="x")["values"]
    assert (text["kind"], text["text"], text["language"], text["bytes"]) == (
        *("text", "grün", "Python", 5),
    )
    assert raw["kind"] == "bytes"
    assert raw["text"].startswith("00000000  00 01 ff")
    assert (picture["kind"], picture["media_type"]) == ("picture", "image/png")
    assert (foreign["kind"], foreign["language"], foreign["readable"]) == ("object", "R", False)
    assert "no R babelfish" in foreign["text"]
    assert (empty["text"], empty["bytes"]) == ("", 0)
    seen = browser.see("variable", ws="ws", name="x")
    (image,) = [each.attributes["src"] for each in seen.elements if each.tag == "img"][1:]
    reply = browser.ask("GET", image)
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.body == PNG


def test_the_first_value_is_previewed(client: Client, browser: Browser) -> None:
    store(client, "text", "two\n\tlines and " + 60 * "x")
    store(client, "bytes", bytes(range(20)), 16777219)
    store(client, "picture", PNG, 16777219)
    store(client, "foreign", b"X\n", 3 << 24)
    store(client, "python", b"X\n", 1 << 24)
    store(client, "strange", b"X\n", 99 << 24)
    store(client, "queue", "first")
    store(client, "queue", "second")
    client.ask("declare var", "ws", "empty", "fifo")
    rows = browser.data("workspace", name="ws")["table"]["rows"]
    assert {each["name"]: each["preview"] for each in rows} == {
        "text": "two lines and " + 45 * "x" + "…",
        "bytes": "00 01 02 03 04 05 06 07 …",
        "picture": "a picture, 108 Bytes",
        "foreign": "a value of R, 2 Bytes",
        "python": "a value of Python, 2 Bytes",
        "strange": "a value of ?, 2 Bytes",
        "queue": "first",
        "empty": "",
    }
    assert "00 01 02 03" in browser.see("workspace", name="ws").text


def test_names_with_slashes_are_a_tree(client: Client, browser: Browser) -> None:
    for name in ("a/x", "a/y", "b"):
        store(client, name, "v")
    seen = browser.see("workspace", name="ws")
    assert [each.tag for each in seen.elements].count("details") == 1
    assert "/variable?ws=ws&name=a%2Fx" in seen.links
    assert "/workspace?view=table&name=ws" in seen.links
    seen = browser.see("workspace", name="ws", view="table")
    assert "details" not in [each.tag for each in seen.elements]
    assert "/workspace?view=tree&name=ws" in seen.links


def test_a_value(client: Client, browser: Browser) -> None:
    store(client, "x", "a" * 30_000)
    data = browser.data("value", ws="ws", name="x", index=0)
    assert (len(data["value"]["text"]), data["value"]["cut"]) == (20_000, True)
    assert data["value"]["text"].endswith("a…")
    (listed,) = browser.data("variable", ws="ws", name="x")["values"]
    assert (len(listed["text"]), listed["cut"]) == (1000, True)
    assert browser.get("raw", ws="ws", name="x", index=0).body == b"a" * 30_000


def test_the_numbers_of_a_value_are_drawn_when_asked(client: Client, browser: Browser) -> None:
    store(client, "x", "[1, 2, 1e400, nan, -1.7e308, 1.7e308]")
    address: dict[str, str | int] = {"ws": "ws", "name": "x", "index": 0}
    assert browser.data("value", **address)["numbers"] == 6
    seen = browser.see("value", **address)
    assert "/value?ws=ws&name=x&index=0&plot=yes" in seen.links
    seen = browser.see("value", **address, plot="yes")
    (path,) = [each.attributes["d"] for each in seen.elements if each.tag == "path"]
    assert path.startswith("M0.0,")
    assert "nan" not in path


def test_a_value_that_was_taken_meanwhile_is_not_there(client: Client, browser: Browser) -> None:
    store(client, "x", "gone soon")
    store(client, "x", "stays")
    (address, *_) = [
        link for link in browser.see("variable", ws="ws", name="x").links if "/value" in link
    ]
    client.get("fetch", "ws", "x")
    for page in (address, address.replace("/value", "/raw"), "/api" + address):
        reply = browser.ask("GET", page)
        assert reply.status == 404
        assert "is no longer in the variable" in reply.text
    assert browser.data("value", ws="ws", name="x", index=1)["value"]["text"] == "stays"


def test_a_value_that_came_back_says_so(client: Client, browser: Browser) -> None:
    store(client, "x", "v")
    (item,) = client.get_many("lease", "ws", "x", 1, 0, 60_000).items
    assert browser.data("variable", ws="ws", name="x")["values"] == []
    assert client.ask("release", item.lease, "yes").status == 0
    (value,) = browser.data("variable", ws="ws", name="x")["values"]
    assert (value["attempts"], value["index"]) == (1, 0)
    assert "returned once" in browser.see("variable", ws="ws", name="x").text


def test_values_in_files(tmp_path: Path) -> None:
    options = ("--long-value-size", "100", "--babelfish", "none")
    with inspected(tmp_path, *options) as (server, browser), server.client(ws="ws") as client:
        store(client, "x", "long " * 100)
        store(client, "x", PNG + bytes(1000), 16777219)
        assert browser.data("server")["spooled"] == 500 + len(PNG) + 1000
        text, picture = browser.data("variable", ws="ws", name="x")["values"]
        assert text["text"] == "long " * 100
        assert picture["kind"] == "picture"
        assert browser.get("raw", ws="ws", name="x", index=1).body == PNG + bytes(1000)
        assert browser.get("raw", ws="ws", name="x", index=0).body == b"long " * 100
        for file in tmp_path.glob("*/*"):
            file.unlink()  # somebody cleans up where he should not
        assert "its file cannot be read" in browser.see("variable", ws="ws", name="x").text
        assert browser.get("value", ws="ws", name="x", index=1).status == 200
        assert browser.get("workspaces").status == 200
        reply = browser.get("raw", ws="ws", name="x", index=0)
        assert reply.status == 404
        assert "cannot be read" in reply.text
        reply = browser.do("fetch", ws="ws", name="x")
        assert reply.status < 500, reply.text


# Long tables


@pytest.fixture
def crowded(client: Client) -> Client:
    """A client whose workspace has many variables."""
    for number in range(120):
        client.store(f"variable {number:03}", "v" * number)
    return client


def test_pages_of_a_table(crowded: Client, browser: Browser) -> None:
    names = []
    address = "/workspace?name=ws"
    while True:
        seen = browser.ask("GET", address).page()
        names += [
            fields_of(link)["name"].decode() for link in seen.links if link.startswith("/variable")
        ]
        following = [
            each.attributes["href"]
            for each in seen.elements
            if each.attributes.get("rel") == "next"
        ]
        if not following:
            break
        (address,) = following
    assert names == [f"variable {number:03}" for number in range(120)]
    del crowded


def test_sorting_and_searching_go_together_with_paging(crowded: Client, browser: Browser) -> None:
    fields = {"name": "ws", "sort": "bytes", "search": "VARIABLE", "page": "2"}
    table = browser.data("workspace", **fields)["table"]
    assert [row["bytes"] for row in table["rows"]] == list(range(69, 19, -1))
    seen = browser.see("workspace", **fields)
    onward = [link for link in seen.links if "page=3" in link]
    assert onward
    for link in onward:
        assert fields_of(link) == {
            "name": b"ws",
            "sort": b"bytes",
            "order": b"down",
            "search": b"VARIABLE",
            "page": b"3",
        }
    found = browser.data("workspace", name="ws", search="e 11")["table"]
    assert (found["found"], found["total"]) == (10, 120)
    for sort in ("name", "mode", "values", "leased", "fetchers", "finders", "bytes"):
        assert len(browser.data("workspace", name="ws", sort=sort)["table"]["rows"]) == 50
    for sort in ("owner", "persistent", "age", "variables", "values", "bytes", "leased", "waiting"):
        assert browser.data("workspaces", sort=sort, order="up")["table"]["rows"]
    del crowded


# What cannot be shown


@pytest.mark.parametrize("prefix", ["", "api/"])
@pytest.mark.parametrize(
    ("page", "fields", "status", "reason"),
    [
        ("workspace", {}, 400, "the field 'name' is missing"),
        ("workspace", {"name": "none"}, 404, "there is no workspace 'none'"),
        ("variable", {}, 400, "'ws' is missing"),
        ("variable", {"ws": "ws"}, 400, "'name' is missing"),
        ("variable", {"ws": "none", "name": "x"}, 404, "there is no variable 'x' in 'none'"),
        ("variable", {"ws": "ws", "name": "none"}, 404, "there is no variable 'none' in 'ws'"),
        ("variable", {"ws": "ws", "name": "x", "page": "0"}, 400, "'page' is not a whole number"),
        ("value", {"ws": "ws", "name": "x", "index": "7"}, 404, "value 7 is no longer in"),
        ("value", {"ws": "ws", "name": "x", "index": "-1"}, 400, "'index' is not"),
        ("value", {"ws": "ws", "name": "x", "index": "1e9"}, 400, "'index' is not"),
        ("sleigh", {"name": "no sleigh"}, 404, "there is no sleigh"),
        ("sleigh", {}, 400, "'name' is missing"),
        ("workspaces", {"sort": "x"}, 400, "'sort' is not one of"),
        ("clients", {"order": "x"}, 400, "'order' is not one of"),
        ("workspaces", {"page": "x"}, 400, "'page' is not"),
        ("nothing", {}, 404, "there is no page"),
        ("workspace/x", {"name": "ws"}, 404, "there is no page"),
    ],
)
def test_what_cannot_be_shown_is_explained(
    client: Client,
    browser: Browser,
    prefix: str,
    page: str,
    fields: dict[str, str],
    status: int,
    reason: str,
) -> None:
    client.store("x", "v")
    reply = browser.get(prefix + page, **fields)
    assert reply.status == status
    said = reply.json()["error"] if prefix else reply.page().text
    assert reason in said


def test_raw_needs_a_value(client: Client, browser: Browser) -> None:
    client.store("x", "v")
    assert browser.get("raw").status == 400
    assert browser.get("raw", ws="ws", name="x", index=1).status == 404


@pytest.mark.slow
def test_the_depth_of_the_last_minutes_is_drawn(client: Client, browser: Browser) -> None:
    client.store("x", "v")

    def drawn() -> bool:
        seen = browser.see("variable", ws="ws", name="x")
        return any(each.tag == "svg" for each in seen.elements)

    until(drawn, "a picture of the depth")
    assert any(each.tag == "svg" for each in browser.see("workspace", name="ws").elements)
    assert any(each.tag == "svg" for each in browser.see("server").elements)


# Live parts are asked for at the right place


@pytest.mark.parametrize("extra", ["", "&of=server", "&of=bogus", "&of=value&of=sleigh"])
def test_a_page_follows_itself(client: Client, browser: Browser, extra: str) -> None:
    reply = browser.ask("GET", "/workspace?name=ws" + extra)
    (events,) = [link for link in reply.page().links if link.startswith("/events")]
    assert fields_of(events)["of"] == b"workspace"
    assert fields_of(events)["name"] == b"ws"
    del client
