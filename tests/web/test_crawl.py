"""Every address with every method: looking changes nothing, and no answer is an error of ours."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import pytest

from tests.support.server import Client
from tests.support.web import Browser, Inspected, Seen, inspected, target

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH")

OPERATIONS = (
    *("listWss", "listVars", "showVar", "confirmDeleteWs", "deleteWs", "confirmDeleteVar"),
    *("deleteVar", "confirmFetchTryVar", "fetchTryVar", "listClients", "listMonitors"),
    *("showMonitor", "showServerInfo", "confirm", "", "nonsense"),
)
PARAMETERS: tuple[dict[str, str | bytes], ...] = (
    {},
    {"wsName": "ws"},
    {"wsName": "ws", "varName": "fifo"},
    {"wsName": "none", "varName": "none"},
    {"wsName": "ws", "varName": "none"},
    {"wsName": b"\xff", "varName": b"\x00"},
    {"varName": "fifo"},
    {"wsName": "ws", "monName": "Sleigh Monitor", "imagefile": "x"},
    {"wsName": "sleigh"},
)


def snapshot(client: Client) -> dict[str, object]:
    """Return all that clients can see of a space, without changing it."""
    workspaces = client.get("list wss").payload
    names = [line.split(b"\t")[0][1:] for line in workspaces.splitlines()]
    held: dict[str, object] = {"workspaces": workspaces}
    for name in names:
        client.ask("use ws", name, "", "no")
        held[f"variables of {name!r}"] = client.get("list vars", name, "leased").payload
        leases = client.get("list leases", name).payload.splitlines()
        held[f"leases of {name!r}"] = [line.rsplit(b"\t", 1)[0] for line in leases]
    totals = json.loads(client.get("server status").payload)
    held["totals"] = {
        key: totals[key] for key in ("values", "bytes", "leases", "waiting", "memory", "sessions")
    }
    return held


def fill(client: Client) -> None:
    """Make something of everything."""
    client.open_ws()
    for mode in ("fifo", "lifo", "multi", "single"):
        assert client.ask("declare var", "ws", mode, mode).status == 0
        for number in range(25):
            client.store(mode, f"{number} <b>{mode}</b>")
    for payload, flags in (
        (b"\x89PNG\r\n\x1a\n", 3),
        (b"\x00\xff", 3),
        (b"I1\n.", 0),
        (b"1 2 3", 1),
    ):
        assert client.ask("store", "ws", "kinds", 1 << 24 | flags, payload).status == 0
    client.get_many("lease", "ws", "fifo", 3, 0, 600_000)
    assert client.ask("open ws", "sleigh", "x", "no").status == 0
    for variable in ("task", "result", "rankCount", "workerCount"):
        assert client.ask("declare var", "sleigh", variable, "fifo").status == 0
    for variable in ("worker 0", "runMe", "deleteMeWhenAllWorkersStarted"):
        client.store(variable, '{"rank": 0}', ws="sleigh")
    client.store("calls", '{"calls": [{"number": 1, "over": true}, {"number": 2}]}', ws="sleigh")
    assert client.ask("open ws", "depalma", "x", "no").status == 0
    for variable in ("cluster", "last pid", "master gone", "jobs 0 []"):
        client.store(variable, '{"pid": 1}', ws="depalma")


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inspected, Client]]:
    folder = tmp_path_factory.mktemp("lively")
    with (
        inspected(folder, "--babelfish", "none") as site,
        site.server.client("extended") as client,
        site.server.client("extended") as waiter,
    ):
        fill(client)
        assert waiter.ask("use ws", "ws", "", "no").status == 0
        waiter.send("fetch", "ws", "never", "", "", 600_000)
        client.until_waiting("ws", 1)
        yield site, client


def crawl(browser: Browser) -> dict[str, Seen]:
    """Follow all links from the first page; return the pages."""
    pages: dict[str, Seen] = {}
    waiting = ["/"]
    while waiting:
        address = waiting.pop()
        if address in pages or address.startswith(("/events", "/static", "/raw", "/output.txt")):
            continue
        reply = browser.ask("GET", address)
        assert reply.status == 200, (address, reply.text)
        pages[address] = seen = reply.page()
        assert "500" not in seen.text.partition("NetWorkSpaces")[0]
        waiting += [urldefrag(link).url for link in seen.links if link.startswith("/")]
        assert not [link for link in seen.links if urlsplit(link).netloc]
    return pages


@pytest.fixture(scope="module")
def pages(lively: tuple[Inspected, Client]) -> dict[str, Seen]:
    """All pages, which were looked at once."""
    site, client = lively
    before = snapshot(client)
    pages = crawl(site.browser)
    assert snapshot(client) == before
    return pages


def test_looking_at_all_pages_changes_nothing(pages: dict[str, Seen]) -> None:
    kinds = {urlsplit(address).path for address in pages}
    assert kinds == {
        *("/", "/workspaces", "/workspace", "/variable", "/value", "/clients", "/server"),
        *("/sleighs", "/sleigh", "/depalma", "/confirm"),
    }
    assert len(pages) > 100


def test_every_address_of_every_page_with_every_method(
    lively: tuple[Inspected, Client], pages: dict[str, Seen]
) -> None:
    site, client = lively
    links = [link for seen in pages.values() for link in seen.links if link.startswith("/")]
    addresses = {urldefrag(link).url for link in links}
    addresses |= {action for seen in pages.values() for action in seen.forms}
    addresses |= {f"/api{link}" for link in list(addresses)}
    kinds: dict[tuple[str, frozenset[str]], str] = {}
    for address in sorted(addresses):  # one of each kind, for there are many values
        fields = frozenset(part.partition("=")[0] for part in urlsplit(address).query.split("&"))
        kinds.setdefault((urlsplit(address).path, fields), address)
    assert len(kinds) > 30
    before = snapshot(client)
    for address, method in itertools.product(kinds.values(), METHODS):
        if method == "GET" and address.startswith("/events"):
            with site.browser.follow("server") as events:
                assert events.status == 200
            continue
        reply = site.browser.ask(method, address)
        assert reply.status < 500, (method, address, reply.text)
        if method not in ("GET", "HEAD"):
            assert reply.status in (303, 403, 405), (method, address)
    assert snapshot(client) == before


@pytest.fixture(scope="module")
def statuses(lively: tuple[Inspected, Client]) -> Callable[[str], int]:
    """Returns the status of the page at an address, which is got once: many lead to the same."""
    return functools.cache(lambda address: lively[0].browser.ask("GET", address).status)


@pytest.mark.nightly(but_each=4)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["doit", "", "a/b", "nws"])
def test_the_original_s_addresses_lead_on_and_change_nothing(
    lively: tuple[Inspected, Client], statuses: Callable[[str], int], method: str, path: str
) -> None:
    site, client = lively
    before = snapshot(client)
    for operation, fields in itertools.product(OPERATIONS, PARAMETERS):
        address = target(path, op=operation, **fields)
        reply = site.browser.ask(method, address)
        if not operation:
            assert reply.status < 500
            continue
        assert reply.status == 303, address
        assert statuses(reply.location) in (200, 400, 404), reply.location
    assert snapshot(client) == before


@pytest.mark.parametrize(
    ("operation", "leads_to"),
    [
        ("listWss", "/workspaces"),
        ("listVars", "/workspace?name=ws"),
        ("showVar", "/variable?ws=ws&name=fifo"),
        ("confirmDeleteWs", "/confirm?action=delete-workspace&ws=ws"),
        ("deleteWs", "/confirm?action=delete-workspace&ws=ws"),
        ("confirmDeleteVar", "/confirm?action=delete-variable&ws=ws&name=fifo"),
        ("deleteVar", "/confirm?action=delete-variable&ws=ws&name=fifo"),
        ("confirmFetchTryVar", "/confirm?action=fetch&ws=ws&name=fifo"),
        ("fetchTryVar", "/confirm?action=fetch&ws=ws&name=fifo"),
        ("listClients", "/clients"),
        ("showServerInfo", "/server"),
        ("listMonitors", "/sleigh?name=ws"),
        ("showMonitor", "/sleigh?name=ws"),
        ("nonsense", "/workspaces"),
    ],
)
def test_where_the_original_s_addresses_lead(
    lively: tuple[Inspected, Client], operation: str, leads_to: str
) -> None:
    browser = lively[0].browser
    fields = {"op": operation, "wsName": "ws", "varName": "fifo"}
    assert browser.get("doit", **fields).location == leads_to
    assert browser.post("/doit", fields).location == leads_to
    if "sleigh" not in leads_to:
        assert browser.ask("GET", leads_to).status == 200


def test_the_first_page_of_the_original(lively: tuple[Inspected, Client]) -> None:
    assert "Workspaces" in lively[0].browser.see().text


@pytest.mark.nightly  # without one all pages are looked at above
def test_with_a_babelfish_looking_makes_nothing_but_its_workspace(tmp_path: Path) -> None:
    with inspected(tmp_path) as site, site.server.client("extended") as client:
        fill(client)
        before = snapshot(client)
        crawl(site.browser)
        after = snapshot(client)
        lines = after["workspaces"].splitlines()  # type: ignore[attr-defined]
        others = [line for line in lines if b"Python babelfish of the server" not in line]
        assert others == before["workspaces"].splitlines()  # type: ignore[attr-defined]
        for key, value in before.items():
            if key not in ("workspaces", "totals"):
                assert after[key] == value
