"""Pages that move by themselves, and leave alone what a person is doing on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from nws.client import NetWorkSpace
from nws.depalma import master_server
from tests.depalma.conftest import configuration
from tests.support.browser import Browsing
from tests.support.inspected import Inspected, inspecting, row, tile, until_live
from tests.support.processes import Aside

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

STATE = "#live-state"


@pytest.fixture
def ws(inspected: Inspected, request: pytest.FixtureRequest) -> Iterator[NetWorkSpace]:
    """A workspace that is named like the test."""
    ws = inspected.open(request.node.name)
    yield ws
    ws.server.close()


def watch_for_reload(page: Page) -> None:
    """Fail later, by `assert_not_reloaded`, if the page is loaded again."""
    page.evaluate("window.stayed = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.stayed === true")


def top_of(what: Locator) -> float:
    """Return where something is in the window."""
    return float(what.evaluate("(it) => it.getBoundingClientRect().top"))


# What others do appears


@pytest.mark.slow
def test_a_stored_value_appears(page: Page, inspected: Inspected, ws: NetWorkSpace) -> None:
    ws.store("x", "one")
    inspected.see_variable(page, ws, "x")
    watch_for_reload(page)
    ws.store("x", "two")
    expect(page.locator(".values pre")).to_have_text(["one", "two"])
    expect(tile(page, "Values")).to_have_text("2")
    assert ws.fetch("x") == "one"
    expect(page.locator(".values pre")).to_have_text(["two"])
    expect(tile(page, "Stored so far")).to_have_text("2")
    assert_not_reloaded(page)


def test_who_waits_appears_and_goes(page: Page, inspected: Inspected, ws: NetWorkSpace) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    watch_for_reload(page)
    other = inspected.open(ws.currentWs())
    waiting = Aside(lambda: other.fetch("x"))
    waits = page.get_by_role("region", name="Waiting clients").locator("tbody tr")
    expect(waits).to_have_count(1)
    expect(waits).to_contain_text("fetch")
    ws.store("x", "here")
    assert waiting.result() == "here"
    expect(waits).to_have_count(0)
    assert_not_reloaded(page)


@pytest.mark.nightly  # appears as a value does
def test_a_lease_appears_and_goes(page: Page, inspected: Inspected, ws: NetWorkSpace) -> None:
    ws.store("x", "y")
    inspected.see_variable(page, ws, "x")
    lease = ws.lease("x", duration=3600)
    leases = page.get_by_role("region", name="Leases").locator("tbody tr")
    expect(leases).to_have_count(1)
    expect(leases.locator("time").last).to_have_text(re.compile("in (1 h|59 min)"))
    lease.release()
    expect(leases).to_have_count(0)
    expect(page.locator(".about")).to_contain_text("returned once")


@pytest.mark.nightly  # appears as a value does
def test_a_new_workspace_appears_in_its_place(page: Page, inspected: Inspected) -> None:
    one, three = inspected.open("place 1"), inspected.open("place 3")
    inspected.see(page, search="place")
    names = page.locator("tbody th")
    expect(names).to_have_text(["place 1", "place 3"])
    two = inspected.open("place 2")
    expect(names).to_have_text(["place 1", "place 2", "place 3"])
    one.server.close()
    expect(names).to_have_text(["place 2", "place 3"])
    assert two.currentWs()
    assert three.currentWs()


@pytest.mark.nightly  # that it is told is in tests/web/test_live.py
def test_what_is_deleted_leads_to_a_page_that_says_so(
    page: Page, inspected: Inspected, ws: NetWorkSpace, browsing: Browsing
) -> None:
    ws.store("x", 1)
    inspected.see_variable(page, ws, "x")
    with browsing.expecting("bad answer: 404"):
        ws.deleteVar("x")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")


@pytest.mark.nightly  # as workspaces do
def test_clients_and_the_server_move(page: Page, inspected: Inspected, ws: NetWorkSpace) -> None:
    inspected.see(page, "clients")
    expect(page.get_by_role("cell", name=ws.currentWs())).to_be_visible()
    guest = page.get_by_role("cell", name="of a guest")
    expect(guest).to_have_count(0)
    other = NetWorkSpace("of a guest", "localhost", inspected.server.port)
    expect(guest).to_be_visible()
    other.server.close()
    expect(guest).to_have_count(0)
    inspected.see(page, "server")
    leases = tile(page, "Leases").inner_text()
    ws.store("x", 1)
    ws.lease("x", duration=3600)
    expect(tile(page, "Leases")).to_have_text(str(int(leases) + 1))


def test_times_move_and_the_exact_one_is_in_the_title(
    browsing: Browsing, inspected: Inspected
) -> None:
    page = browsing.open()
    page.clock.install()
    inspected.see(page, "server")
    time = tile(page, "Started").locator("time")
    shown = time.inner_text()
    page.clock.fast_forward(70_000)
    expect(time).to_have_text(re.compile(r"^1 min"))
    assert shown != time.inner_text()
    exact = time.get_attribute("title")
    assert exact
    assert datetime.fromisoformat(exact).utcoffset() is not None


# What a person does stays


@pytest.mark.slow
def test_what_has_the_focus_keeps_it_while_rows_come_go_and_move(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    for name in ("b", "c", "d"):
        ws.store(name, 1)
    inspected.see_workspace(page, ws)
    names = page.locator("tbody th")
    link = page.get_by_role("link", name="c", exact=True)
    link.focus()
    ws.store("a", 1)
    expect(names).to_have_text(["a", "b", "c", "d"])
    expect(link).to_be_focused()
    ws.deleteVar("b")
    expect(names).to_have_text(["a", "c", "d"])
    expect(link).to_be_focused()
    inspected.see_workspace(page, ws, sort="values")
    link.focus()
    ws.store("c", 2)
    expect(names.first).to_have_text("c")
    expect(link).to_be_focused()
    for name in ("a", "a", "d", "d"):
        ws.store(name, 2)
    expect(names.last).to_have_text("c")
    expect(link).to_be_focused()


def test_selected_text_stays_selected_when_what_is_above_it_goes(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    for text in ("first", "second", "third"):
        ws.store("x", text)
    inspected.see_variable(page, ws, "x")
    page.get_by_text("second", exact=True).dblclick(position={"x": 20, "y": 15})
    assert page.evaluate("String(getSelection()).trim()") == "second"
    assert ws.fetch("x") == "first"
    ws.store("x", "fourth")
    expect(page.locator(".values pre")).to_have_text(["second", "third", "fourth"])
    assert page.evaluate("String(getSelection()).trim()") == "second"


def test_the_page_and_its_boxes_stay_where_they_were_scrolled_to(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    for number in range(6):
        ws.store("x", "\n".join(f"line {n} of value {number}" for n in range(60)))
    inspected.see_variable(page, ws, "x")
    box = page.locator(".values pre").last
    box.evaluate("(it) => { it.scrollTop = 200 }")
    page.evaluate("scrollTo(0, 700)")
    place = top_of(box)
    ws.store("x", "more")
    expect(page.locator(".values pre")).to_have_count(7)
    box = page.locator(".values pre").nth(5)
    assert abs(top_of(box) - place) <= 1
    assert box.evaluate("(it) => it.scrollTop") == 200


def test_what_is_typed_stays_while_the_page_moves(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.store("x", "one")
    inspected.see_variable(page, ws, "x")
    field = page.get_by_label("Value", exact=True)
    field.fill("half a sent")
    ws.store("x", "two")
    expect(page.locator(".values pre")).to_have_count(2)
    expect(field).to_have_value("half a sent")
    expect(field).to_be_focused()


# Pause


@pytest.mark.slow
def test_pause_stops_the_page_and_is_remembered_on_the_next_one(
    browsing: Browsing, inspected: Inspected, ws: NetWorkSpace
) -> None:
    page = browsing.open()
    ws.store("x", "one")
    inspected.see_variable(page, ws, "x")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(STATE)).to_have_text("paused")
    ws.store("x", "two")
    # Another page shows what this one would, had it not been stopped.
    other = page.context.new_page()
    inspected.see_variable(other, ws, "x")
    ws.store("x", "three")
    expect(other.locator(".values pre")).to_have_count(3)
    expect(page.locator(".values pre")).to_have_count(1)
    other.close()
    page.goto(inspected.address("server"))
    expect(page.locator(STATE)).to_have_text("paused")
    page.go_back()
    expect(page.locator(STATE)).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    until_live(page)
    expect(page.locator(".values pre")).to_have_count(3)
    ws.store("x", "four")
    expect(page.locator(".values pre")).to_have_count(4)


def test_a_page_that_nobody_sees_holds_no_connection(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.store("x", "one")
    inspected.see_variable(page, ws, "x")
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        page.evaluate(hide, True)
    ws.store("x", "two")
    with page.expect_request(re.compile("/events")):
        page.evaluate(hide, False)
    expect(page.locator(".values pre")).to_have_count(2)


# Back and forward, and without JavaScript


def test_back_and_forward_show_what_is_new(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.store("x", "one")
    inspected.see_workspace(page, ws)
    page.get_by_role("link", name="x", exact=True).click()
    expect(page.locator(".values pre")).to_have_text(["one"])
    page.go_back()
    ws.store("x", "two")
    expect(row(page, "x").locator("td").nth(1)).to_have_text("2")
    page.go_forward()
    expect(page.locator(".values pre")).to_have_text(["one", "two"])
    until_live(page)


def test_without_javascript_a_page_says_that_it_stands_still(
    browsing: Browsing, inspected: Inspected, ws: NetWorkSpace
) -> None:
    page = browsing.open(javascript=False)
    ws.store("x", "one")
    page.goto(inspected.address("variable", ws=ws.currentWs(), name="x"))
    expect(page.locator(".values pre")).to_have_text(["one"])
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.locator("time")).to_have_count(0)
    ws.store("x", "two")
    page.get_by_role("link", name="reload it").click()
    expect(page.locator(".values pre")).to_have_text(["one", "two"])
    page.goto(inspected.address("server"))
    expect(page.locator("time").first).to_have_text(re.compile("now|ago"))


# What is over, and a server that goes and comes back


def test_a_cluster_that_is_over_stays_as_it_was_seen(
    page: Page, inspected: Inspected, tmp_path: Path
) -> None:
    server = f"127.0.0.1:{inspected.server.port}"
    config = configuration(tmp_path, "", name="short", server=server)
    with master_server(config) as master:
        master.init_server()
        inspected.see(page, "depalma", name="depalma short")
        expect(page.get_by_text("No host has joined.")).to_be_visible()
    expect(page.get_by_text("The cluster has ended.")).to_be_visible()


@pytest.mark.slow
def test_a_page_says_that_the_server_is_away_and_goes_on_with_the_next_one(
    browsing: Browsing, tmp_path: Path
) -> None:
    browsing.ignore("failed request: GET .*(events|workspace)")
    page = browsing.open()
    with inspecting(tmp_path) as first:
        first.open("here").store("x", "one")
        first.see(page, "workspace", name="here")
        page.locator("form").filter(has_text="Store").get_by_label("Variable").fill("y")
        page.get_by_label("Value", exact=True).fill("typed before")
        watch_for_reload(page)
        ports = [address.rstrip("/").rpartition(":")[2] for address in first.server.addresses]
    expect(page.locator(STATE)).to_have_text("disconnected")
    expect(page.get_by_role("link", name="x", exact=True)).to_be_visible()
    endpoints = [f"tcp:{port}:interface=127.0.0.1" for port in ports]
    # A test cannot be fast enough to make the workspace before the page asks for it.
    with (
        browsing.expecting(),
        inspecting(tmp_path, listen=endpoints[0], web=endpoints[1]) as second,
    ):
        browsing.ignore("bad answer: 404")
        ws = second.open("here")
        ws.store("z", "two")
        until_live(page)
        expect(page.locator("tbody th")).to_have_text(["z"])
        assert_not_reloaded(page)
        page.get_by_role("button", name="Store").click()
        expect(page.get_by_role("status").last).to_have_text("The value has been stored.")
        assert ws.fetch("y") == "typed before"
        page.goto("about:blank")
