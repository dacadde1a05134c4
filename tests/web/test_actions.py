"""What a person can change, and what follows."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Aside
from tests.support.server import Client
from tests.support.web import Browser, Inspected, inspected

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MEBI = 1024 * 1024


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    """A server with little memory, whose long values are in files."""
    options = (
        "--memory-limit",
        "30000",
        "--long-value-size",
        "10000",
        "--max-value-size",
        "20000000",
    )
    with inspected(tmp_path_factory.mktemp("small"), "--babelfish", "none", *options) as site:
        yield site


def variables(client: Client, ws: str = "ws") -> list[bytes]:
    return client.get("list vars", ws).payload.splitlines()


# Storing


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("hello", b"hello"),
        ("", b""),
        ("grün 🐟", "grün 🐟".encode()),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"\xff\x00\x01", b"\xff\x00\x01"),
        ("a&b=c+d%20;e", b"a&b=c+d%20;e"),
    ],
)
def test_a_text_is_stored_as_it_is(
    client: Client, browser: Browser, given: str | bytes, stored: bytes
) -> None:
    reply = browser.do("store", ws="ws", name="x", kind="text", value=given)
    assert reply.status == 303
    assert reply.location == "/variable?ws=ws&name=x&said=stored"
    assert "The value has been stored." in browser.ask("GET", reply.location).text
    answer = client.get("fetch", "ws", "x")
    assert (answer.payload, answer.descriptor) == (stored, 1 << 24 | 1)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("0", 0),
        ("1", 1),
        ("01", 1),
        ("-5", -5),
        (" 42 ", 42),
        ("1.5", 1.5),
        ("1e300", 1e300),
        ("-1e-5", -1e-5),
        ("9" * 300, int("9" * 300)),
    ],
)
def test_a_number_is_one_for_python(
    client: Client, browser: Browser, given: str, number: float
) -> None:
    assert browser.do("store", ws="ws", name="x", kind="number", value=given).status == 303
    answer = client.get("fetch", "ws", "x")
    assert answer.descriptor == 1 << 24
    found = pickle.loads(answer.payload)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "given", ["", "x", "1e400", "nan", "inf", "9" * 301, "1 2", "0x10", "\xff"]
)
def test_what_is_no_number_is_refused(client: Client, browser: Browser, given: str) -> None:
    reply = browser.do("store", ws="ws", name="x", kind="number", value=given)
    assert reply.status == 400
    assert "is not a number" in reply.page().text
    assert variables(client) == []


def test_storing_wakes_who_waits(client: Client, site: Inspected, browser: Browser) -> None:
    with site.server.client(ws="ws") as waiter:
        waiter.send("fetch", "ws", "x")
        client.until_waiting("ws", 1)
        browser.do("store", ws="ws", name="x", value="at last")
        assert waiter.long().payload == b"at last"
    assert client.get("findTry", "ws", "x").status == client.no_value


@pytest.mark.parametrize("mode", ["fifo", "lifo", "multi", "single"])
def test_declaring(client: Client, browser: Browser, mode: str) -> None:
    assert browser.do("declare", ws="ws", name="x", mode=mode).status == 303
    assert variables(client)[0].split(b"\t")[4] == mode.encode()
    assert browser.do("declare", ws="ws", name="x", mode=mode).status == 303
    other = "lifo" if mode == "fifo" else "fifo"
    reply = browser.do("declare", ws="ws", name="x", mode=other)
    assert reply.status == 409
    assert f"is {mode} already" in reply.page().text
    assert browser.do("declare", ws="ws", name="x", mode="x").status == 400


# Fetching


def test_fetching_shows_the_value_once(client: Client, browser: Browser) -> None:
    client.store("x", "first\r\n<b>")
    client.store("x", "second")
    seen = browser.see("confirm", action="fetch", ws="ws", name="x")
    assert "Fetch one value of x?" in seen.text
    (address,) = seen.forms
    reply = browser.post(address, {"token": seen.token})
    assert reply.status == 200
    assert "first" in reply.page().text
    assert client.get("fetch", "ws", "x").payload == b"second"


@pytest.mark.parametrize("payload", [PNG, b"", b"\x00\xff", b"x" * 8 * MEBI])
def test_a_fetched_value_can_be_had_as_it_was(
    client: Client, browser: Browser, payload: bytes
) -> None:
    assert client.ask("store", "ws", "x", 1 << 24 | 3, payload).status == 0
    seen = browser.do("fetch", ws="ws", name="x").page()
    (link,) = [link for link in seen.links if link.startswith("data:")]
    kind, _, data = link.partition(",")
    assert kind == "data:application/octet-stream;base64"
    assert base64.b64decode(data) == payload
    assert variables(client)[0].split(b"\t")[1] == b"0"


@pytest.mark.parametrize("mode", ["fifo", "multi", "lifo"])
def test_a_value_that_is_too_large_to_be_shown_stays(
    client: Client, browser: Browser, mode: str
) -> None:
    assert client.ask("declare var", "ws", "x", mode).status == 0
    client.store("x", b"x" * (8 * MEBI + 1))
    client.store("x", "small")
    for _ in range(10):
        reply = browser.do("fetch", ws="ws", name="x")
        if "too large" not in reply.text:
            assert "small" in reply.text
            client.store("x", "small")
        else:
            assert reply.status == 400
    values = browser.data("variable", ws="ws", name="x")["values"]
    assert sorted(value["bytes"] for value in values) == [5, 8 * MEBI + 1]


def test_a_value_whose_reader_has_gone_comes_back(tmp_path: Path) -> None:
    options = ("--babelfish", "none")
    with inspected(tmp_path, *options) as (server, browser), server.client("extended") as client:
        client.open_ws()
        assert client.ask("store", "ws", "x", 3 << 24, b"first").status == 0
        with server.client("extended") as fish:
            assert fish.ask("open ws", "R babelfish", "x", "no").status == 0
            from tests.support.web import Wire, form

            token, cookie = browser.token, browser.cookie
            body = f"token={token}&ws=ws&name=x".encode()
            headers = {
                "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            with Wire(browser.port) as wire:
                wire.send(form("POST", "/do/fetch", headers, body))
                fish.get("fetch", "R babelfish", "food")
                assert client.get("findTry", "ws", "x").status == client.no_value
            assert client.get("fetch", "ws", "x").payload == b"first"


def test_fetching_where_nothing_is(client: Client, browser: Browser) -> None:
    reply = browser.do("fetch", ws="ws", name="x")
    assert reply.status == 404
    assert variables(client) == []
    assert client.ask("declare var", "ws", "x", "fifo").status == 0
    reply = browser.do("fetch", ws="ws", name="x")
    assert reply.status == 409
    assert "no value" in reply.page().text
    assert browser.do("fetch", ws="none", name="x").status == 404


# Deleting


def test_deleting_a_variable(client: Client, site: Inspected, browser: Browser) -> None:
    client.store("x", "v")
    with site.server.client("extended", ws="ws") as waiter:
        waiter.send("fetch", "ws", "y")
        client.until_waiting("ws", 1)
        reply = browser.do("delete-variable", ws="ws", name="y")
        assert reply.location == "/workspace?name=ws&said=deleted-variable"
        answer = waiter.long()
        assert answer.status == 1
        assert "was deleted" in answer.reason
    assert len(variables(client)) == 1
    reply = browser.do("delete-variable", ws="ws", name="y")
    assert reply.status == 409
    assert "there is no variable 'y'" in reply.page().text


def test_deleting_a_workspace(client: Client, site: Inspected, browser: Browser) -> None:
    client.store("x", "v")
    with site.server.client(ws="ws") as waiter:
        waiter.send("find", "ws", "y")
        client.until_waiting("ws", 1)
        reply = browser.do("delete-workspace", ws="ws")
        assert reply.location == "/workspaces?said=deleted-workspace"
        assert waiter.long().status == 1
    assert b">ws" not in client.get("list wss").payload
    reply = browser.do("delete-workspace", ws="ws")
    assert reply.status == 404
    assert "there is no workspace 'ws'" in reply.page().text


def test_closing_a_group(client: Client, browser: Browser) -> None:
    for variable in ("task", "result", "rankCount", "workerCount"):
        assert client.ask("declare var", "ws", variable, "fifo").status == 0
    client.store("deleteMeWhenAllWorkersStarted", "")
    seen = browser.see("confirm", action="close-group", ws="ws")
    reply = browser.post(seen.forms[0], {"token": seen.token})
    assert reply.location == "/sleigh?name=ws&said=closed"
    assert "The group has been closed." in browser.ask("GET", reply.location).text
    assert len(variables(client)) == 4
    assert browser.do("close-group", ws="ws").status == 409


# Refusals


@pytest.mark.parametrize("action", ["store", "declare", "fetch", "delete-variable", "close-group"])
def test_what_is_in_no_workspace_is_not_done(browser: Browser, action: str) -> None:
    reply = browser.do(action, ws="none", name="x", value="v")
    assert reply.status == 404
    assert "none" not in [row["name"] for row in browser.data("workspaces")["table"]["rows"]]


@pytest.mark.parametrize("action", ["store", "declare", "fetch", "delete-variable"])
def test_what_is_missing_is_named(client: Client, browser: Browser, action: str) -> None:
    assert "'ws' is missing" in browser.do(action, name="x").page().text
    reply = browser.do(action, ws="ws")
    assert (reply.status, "'name' is missing" in reply.text) == (
        400,
        True,
    ) or "&#39;name" in reply.text
    del client


def test_the_memory_limit_holds_here_too(small: Inspected) -> None:
    with small.server.client("extended") as client:
        client.open_ws()
        reply = small.browser.do("store", ws="ws", name="x", value="v" * 40_000)
        assert reply.status == 409
        assert "memory limit of 30000" in reply.page().text
        assert variables(client) == []


def test_the_limit_of_a_value_holds_here_too(tmp_path: Path) -> None:
    options = ("--babelfish", "none", "--max-value-size", "100")
    with inspected(tmp_path, *options) as (server, browser), server.client() as client:
        client.open_ws()
        assert browser.do("store", ws="ws", name="x", value="v" * 100).status == 303
        reply = browser.do("store", ws="ws", name="x", value="v" * 101)
        assert reply.status == 409
        assert "over the limit of 100" in reply.page().text


def test_a_long_value_from_a_file_is_fetched_whole(small: Inspected) -> None:
    with small.server.client("extended") as client:
        client.open_ws()
        payload = bytes(range(256)) * 4000
        assert client.ask("store", "ws", "x", 1 << 24 | 3, payload).status == 0
        seen = small.browser.do("fetch", ws="ws", name="x").page()
        (link,) = [link for link in seen.links if link.startswith("data:")]
        assert base64.b64decode(link.partition(",")[2]) == payload


def test_many_actions_at_once(client: Client, browser: Browser) -> None:
    token = browser.token

    def store(number: int) -> int:
        fields = {"token": token, "ws": "ws", "name": "x", "value": str(number)}
        return browser.post("/do/store", fields).status

    doing = [Aside(lambda number=number: store(number)) for number in range(20)]  # type: ignore[misc]
    assert {each.result() for each in doing} == {303}
    found = {client.get("fetch", "ws", "x").payload for _ in range(20)}
    assert found == {b"%d" % number for number in range(20)}
