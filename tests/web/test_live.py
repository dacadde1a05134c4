"""Pages that move: what is sent to those who follow them, and what that may cost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws_server.web import live, routes
from tests.support.clients import WS
from tests.support.memory_site import MemorySite
from tests.support.server import Client
from tests.support.web import Browser, Inspected, Wire, form, inspected

MEBI = 1024 * 1024


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as site:
        yield site


def let_pass(site: MemorySite, seconds: int) -> None:
    site.clock.pump([1.0] * seconds)


# With a clock that is moved by hand


def test_a_page_is_sent_at_once_and_then_when_it_has_changed(memory: MemorySite) -> None:
    link = memory.connect()
    link.follow("workspace", name=WS)
    let_pass(memory, 0)
    memory.clock.advance(0)
    (first,) = link.events()
    assert first.kind == "message"
    assert "No variables found." in first.data
    let_pass(memory, 10)
    assert link.events() == []
    memory.client.store(b"x", b"v")
    let_pass(memory, 2)
    changed = link.events()
    assert len(changed) in (1, 2)  # the depth of the last minutes has changed as well
    assert "name=x" in changed[0].data


def test_nothing_is_sent_while_nothing_changes_but_signs_of_life(memory: MemorySite) -> None:
    link = memory.connect()
    link.follow("workspaces")
    memory.clock.advance(0)
    assert len(link.events()) == 1
    let_pass(memory, 120)
    silence = link.unread
    assert link.events() == []
    assert silence.count(b": keepalive\n\n") in range(7, 9)
    assert len(silence) < 300


def test_what_is_sent_is_what_a_page_shows(memory: MemorySite) -> None:
    memory.client.store(b"<x>", b"\r\n\r\ndata: v")
    link = memory.connect()
    link.follow("variable", ws=WS, name=b"<x>")
    memory.clock.advance(0)
    (event,) = link.events()
    html = memory.ask(form("GET", "/variable?ws=work&name=%3Cx%3E")).text
    assert "&lt;x&gt;" not in event.data  # the heading is not in the live part
    assert "data: v</pre>" in event.data
    assert "data: v</pre>" in html


@pytest.mark.parametrize("what", ["variable", "workspace", "value"])
def test_when_it_is_gone_that_is_said_and_no_more(memory: MemorySite, what: str) -> None:
    memory.client.store(b"x", b"v")
    fields = {"variable": {"ws": WS, "name": b"x"}, "workspace": {"name": WS}}
    link = memory.connect()
    link.follow(what, **fields.get(what, {"ws": WS, "name": b"x", "index": 0}))
    memory.clock.advance(0)
    assert [event.kind for event in link.events()] == ["message"]
    match what:
        case "variable":
            memory.client.delete_var(b"x")
        case "workspace":
            memory.client.delete_ws()
        case _:
            memory.client.fetch(b"x")
    let_pass(memory, 2)
    assert link.unread.endswith(b"\r\n0\r\n\r\n")  # the end of the answer
    assert b"event: gone\ndata: gone\n\n" in link.unread
    assert memory.site._root.live._pages == {}


def test_what_is_not_there_is_gone_at_once(memory: MemorySite) -> None:
    link = memory.connect()
    link.follow("variable", ws=WS, name=b"never")
    memory.clock.advance(0)
    assert [event.kind for event in link.events()] == ["gone"]


def test_those_who_follow_the_same_page_share_the_work(
    memory: MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look_at = routes.look_at

    def counted(*arguments: object) -> object:
        nonlocal looks
        looks += 1
        return look_at(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(live, "look_at", counted)
    links = [memory.connect() for _ in range(100)]
    for link in links:
        link.follow("workspace", name=WS)
    memory.clock.advance(0)
    memory.client.store(b"x", b"v")
    let_pass(memory, 3)
    assert looks <= 4
    sent = [tuple(link.events()) for link in links]
    assert len(sent[0]) >= 2
    assert set(sent) == {sent[0]}


def test_many_pages_are_each_sent_less_often(memory: MemorySite) -> None:
    links = [memory.connect() for _ in range(20)]
    for number, link in enumerate(links):
        link.follow("workspaces", search=str(number))
    for _ in range(400):
        memory.clock.advance(0.05)
    assert all(len(link.events()) == 1 for link in links)


def test_one_that_does_not_read_is_left_out_and_catches_up(memory: MemorySite) -> None:
    lazy, eager = memory.connect(), memory.connect()
    for link in (lazy, eager):
        link.follow("workspaces")
    memory.clock.advance(0)
    lazy.events(), eager.events()
    lazy.protocol.pauseProducing()  # as the transport does when it is full
    for number in range(100):
        memory.client.use_ws(b"ws %d" % number)
        let_pass(memory, 1)
    assert lazy.events() == []
    assert len(eager.events()) == 100
    lazy.protocol.resumeProducing()
    let_pass(memory, 1)
    (event,) = lazy.events()
    assert "102 workspaces" in event.data


def test_one_that_has_gone_costs_nothing(memory: MemorySite) -> None:
    link = memory.connect()
    link.follow("workspaces")
    memory.clock.advance(0)
    link.hang_up()
    assert memory.site._root.live._pages == {}
    let_pass(memory, 3)
    others = [call for call in memory.clock.getDelayedCalls() if call.active()]
    assert len(others) == 1  # the history's


def test_no_more_than_so_many_can_follow(memory: MemorySite) -> None:
    links = [memory.connect() for _ in range(500)]
    for link in links:
        link.follow("workspaces")
    refused = memory.ask(form("GET", "/events?of=workspaces"))
    assert refused.status == 503
    assert refused.headers["X-Frame-Options"] == "DENY"
    links[7].hang_up()
    late = memory.connect()
    late.follow("clients")
    memory.clock.advance(0)
    let_pass(memory, 2)
    assert [event.kind for event in late.events()] == ["message"]


def test_the_end_of_the_inspector_ends_them_all(memory: MemorySite) -> None:
    links = [memory.connect() for _ in range(3)]
    for link, page in zip(links, ("workspaces", "workspaces", "server"), strict=True):
        link.follow(page)
    memory.clock.advance(0)
    memory.stop()
    for link in links:
        assert link.unread.endswith(b"0\r\n\r\n")
        link.hang_up()
    assert memory.clock.getDelayedCalls() == []
    memory.inspector.start()


# With a real server


def test_a_change_is_seen_without_asking(client: Client, browser: Browser) -> None:
    client.store("x", "first")
    with browser.follow("variable", ws="ws", name="x") as events:
        assert "first" in events.until(lambda data: "first" in data)
        client.store("x", "second")
        client.get("fetch", "ws", "x")
        events.until(lambda data: "first" not in data and "second" in data)
        assert client.ask("delete var", "ws", "x").status == 0
        while (event := events.next()) is not None and event.kind != "gone":
            pass
        assert event is not None
        assert events.next() is None


def test_each_page_can_be_followed(client: Client, browser: Browser) -> None:
    client.store("x", "v")
    for page, fields in (
        ("workspaces", {}),
        ("workspace", {"name": "ws"}),
        ("variable", {"ws": "ws", "name": "x"}),
        ("value", {"ws": "ws", "name": "x", "index": "0"}),
        ("clients", {}),
        ("server", {}),
    ):
        with browser.follow(page, **fields) as events:
            event = events.next()
        assert event is not None
        assert event.kind == "message"
        assert "<html" not in event.data


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory from /proc")
def test_browsers_that_do_not_read_cost_bounded_memory_and_hold_up_nobody(
    site: Inspected, client: Client, browser: Browser
) -> None:
    for number in range(50):
        client.store(f"{number:02}" + "x" * 3000, "v")
    wires = [Wire(browser.port) for _ in range(20)]
    for wire in wires:
        wire.send(form("GET", "/events?name=ws&of=workspace"))
        assert wire.file.readline() == b"HTTP/1.1 200 OK\r\n"
    with browser.follow("workspace", name="ws") as events:
        events.next()
        before = site.server.memory()
        for number in range(3):
            client.store("counter", f"{number}")
            events.next()
        assert site.server.memory() - before < 40 * MEBI
    assert browser.get("server").status == 200
    for wire in wires:
        wire.__exit__()


def test_the_end_of_the_server_ends_them(tmp_path: Path) -> None:
    with inspected(tmp_path, "--babelfish", "none") as (server, browser):
        followed = [browser.follow(page) for page in ("workspaces", "server", "clients")]
        for events in followed:
            assert events.next() is not None
        assert server.stop() == 0
        for events in followed:
            kinds = []
            while (event := events.next()) is not None:
                kinds.append(event.kind)
            assert kinds[-1] == "stopped", "a browser may want to know that it was no accident"
            events.__exit__()
