"""What a person can change: with the mouse, with the keyboard alone, and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh
from nws.sleigh.launch.by_hand import RUN_ME
from tests.support.browser import Browsing
from tests.support.deadly import times_ten
from tests.support.inspected import Inspected, inspecting, tile, until_live
from tests.support.layout import focus_before
from tests.support.processes import Aside, python, until
from tests.support.spaces import until_waiting, variable

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


class Person:
    """Somebody who uses a page in one way.

    Attributes:
        page: it.
    """

    def __init__(self, browsing: Browsing, way: str) -> None:
        self.page: Page = browsing.open(javascript=way != "mouse without JavaScript")
        self._has_mouse = way != "keyboard"

    def press(self, what: Locator) -> None:
        """Press a button, or follow a link."""
        if self._has_mouse:
            what.click()
        else:
            self._go_to(what)
            self.page.keyboard.press("Enter")

    def type(self, where: Locator, text: str) -> None:
        """Type a text into a field."""
        if self._has_mouse:
            where.click()
        else:
            self._go_to(where)
        self.page.keyboard.type(text)

    def choose(self, where: Locator, option: str) -> None:
        """Choose one of a list."""
        if self._has_mouse:
            where.select_option(option)
        else:
            self._go_to(where)
            self.page.keyboard.type(option)

    def _go_to(self, what: Locator) -> None:
        """Go on to it from what is before it. The script of the page may change that meanwhile."""
        expect(what).to_be_visible()

        def has_focus() -> bool:
            focus_before(what)
            self.page.keyboard.press("Tab")
            return bool(what.evaluate("element => element === document.activeElement"))

        until(has_focus, f"the focus on {what}")


@pytest.fixture
def person(browsing: Browsing, way: str) -> Person:
    """Somebody who uses the pages in one of the ways; other tests have a mouse and JavaScript."""
    return Person(browsing, way)


def in_each_way(ordinary: str) -> pytest.MarkDecorator:
    """Let a person do it in one way, and by night in the other one too."""
    marks = {ordinary: ()}
    ways = ("keyboard", "mouse without JavaScript")
    return pytest.mark.parametrize(
        "way", [pytest.param(way, marks=marks.get(way, pytest.mark.nightly)) for way in ways]
    )


@pytest.fixture
def ws(inspected: Inspected, request: pytest.FixtureRequest) -> Iterator[NetWorkSpace]:
    """A workspace that is named like the test."""
    ws = inspected.open(request.node.name)
    yield ws
    ws.server.close()


def form(page: Page, legend: str) -> Locator:
    """Find a form by its heading."""
    return page.locator("form").filter(has=page.get_by_role("group", name=legend))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


# Storing and declaring


@pytest.mark.slow
@in_each_way("keyboard")
def test_values_are_stored_as_they_were_typed_and_a_variable_is_declared(
    person: Person, inspected: Inspected, ws: NetWorkSpace
) -> None:
    page = person.page
    page.goto(inspected.address("workspace", name=ws.currentWs()))
    store = form(page, "Store a value")
    person.type(store.get_by_label("Variable"), "a new one")
    person.type(store.get_by_label("Value"), " two\nlines, <b>€</b> ")
    person.press(button(page, "Store"))
    expect(page.get_by_text("The value has been stored.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("a new one")
    assert ws.fetch("a new one") == " two\nlines, <b>€</b> "

    person.choose(page.get_by_label("Kind"), "number")
    person.type(page.get_by_label("Value", exact=True), " 2.5e3 ")
    other = inspected.open(ws.currentWs())
    waiting = Aside(lambda: other.fetch("a new one"))
    until_waiting(ws, "a new one", fetchers=1)
    person.press(button(page, "Store"))
    found = waiting.result()
    assert (type(found), found) == (float, 2500.0)

    person.press(page.locator(".path a").last)
    declare = form(page, "Declare a variable")
    person.type(declare.get_by_label("Variable"), "stack")
    person.choose(declare.get_by_label("Mode"), "lifo")
    person.press(button(page, "Declare"))
    expect(page.get_by_text("The variable has been declared.")).to_be_visible()
    expect(tile(page, "Mode")).to_have_text("lifo")
    assert variable(ws, "stack").mode == "lifo"


@pytest.mark.nightly  # that it is refused is in tests/web/test_actions.py
def test_what_is_no_number_is_said_and_can_be_mended(
    page: Page, browsing: Browsing, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    page.get_by_label("Kind").select_option("number")
    page.get_by_label("Value", exact=True).fill("twelve")
    with browsing.expecting("bad answer: 400"):
        button(page, "Store").click()
        expect(page.locator(".problem")).to_have_text("'twelve' is not a number")
    page.go_back()
    expect(page.get_by_label("Value", exact=True)).to_have_value("twelve")
    page.get_by_label("Value", exact=True).fill("12")
    button(page, "Store").click()
    expect(page.get_by_text("The value has been stored.")).to_be_visible()
    assert ws.fetch("x") == 12


def test_what_was_done_is_said_once(page: Page, inspected: Inspected, ws: NetWorkSpace) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    button(page, "Store").click()
    expect(page.get_by_text("The value has been stored.")).to_be_visible()
    page.wait_for_url(lambda address: "said=" not in address)  # the page's script has seen to that
    page.reload()
    until_live(page)
    expect(page.get_by_text("The value has been stored.")).to_have_count(0)
    expect(tile(page, "Values")).to_have_text("1")


# What destroys asks first


@pytest.mark.slow
@pytest.mark.nightly  # what is asked and done is in tests/web/test_actions.py
@in_each_way("keyboard")
def test_a_value_is_fetched_and_all_is_deleted_after_a_question(
    person: Person, inspected: Inspected, ws: NetWorkSpace
) -> None:
    page = person.page
    ws.store("x", "the first")
    ws.store("x", "the second")
    page.goto(inspected.address("variable", ws=ws.currentWs(), name="x"))
    person.press(page.get_by_role("link", name="Fetch one value"))
    person.press(page.get_by_role("link", name="Go back"))
    expect(tile(page, "Values")).to_have_text("2")
    person.press(page.get_by_role("link", name="Fetch one value"))
    expect(page.get_by_role("heading")).to_have_text("Fetch one value of x?")
    person.press(button(page, "Fetch it"))
    expect(page.locator("pre")).to_have_text("the first")
    with page.expect_download() as download:
        person.press(page.get_by_role("link", name="Download its 9 bytes"))
    assert Path(download.value.path()).read_bytes() == b"the first"
    person.press(page.get_by_role("link", name="Back to the variable"))
    expect(page.locator(".values pre")).to_have_text(["the second"])

    person.press(page.get_by_role("link", name="Delete this variable"))
    expect(page.get_by_role("heading")).to_have_text("Delete the variable x?")
    person.press(page.get_by_role("link", name="Go back"))
    expect(page.locator(".values pre")).to_have_text(["the second"])
    assert ws.find("x") == "the second"
    person.press(page.get_by_role("link", name="Delete this variable"))
    person.press(button(page, "Delete it"))
    expect(page.get_by_text("The variable has been deleted.")).to_be_visible()
    expect(page.get_by_text("No variables found.")).to_be_visible()
    assert "x" not in ws.listVars(format="dict")

    person.press(page.get_by_role("link", name="Delete this workspace"))
    person.press(page.get_by_role("link", name="Go back"))
    assert ws.currentWs() in ws.server.listWss("dict")
    person.press(page.get_by_role("link", name="Delete this workspace"))
    person.press(button(page, "Delete it"))
    expect(page.get_by_text("The workspace has been deleted.")).to_be_visible()
    assert ws.currentWs() not in ws.server.listWss("dict")


@pytest.mark.nightly  # the same page is in tests/web/test_actions.py
def test_where_nothing_can_be_fetched_the_page_says_so(
    page: Page, browsing: Browsing, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    page.get_by_role("link", name="Fetch one value").click()
    with browsing.expecting("bad answer: 4"):
        button(page, "Fetch it").click()
        expect(page.locator(".problem")).to_be_visible()


# What goes wrong with forms


def test_a_double_click_stores_and_fetches_once(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    page.get_by_label("Value", exact=True).fill("one")
    button(page, "Store").dblclick()
    expect(page.get_by_text("The value has been stored.")).to_be_visible()
    assert variable(ws, "x").values == 1
    ws.store("x", "two")
    page.get_by_role("link", name="Fetch one value").click()
    button(page, "Fetch it").dblclick()
    expect(page.locator("pre")).to_have_text("one")
    assert variable(ws, "x").values == 1


def test_a_form_can_be_sent_again_after_going_back(
    page: Page, inspected: Inspected, ws: NetWorkSpace
) -> None:
    ws.declare("x", "fifo")
    inspected.see_variable(page, ws, "x")
    for count in (1, 2):
        button(page, "Store").click()
        expect(page.get_by_text("The value has been stored.")).to_be_visible()
        assert variable(ws, "x").values == count
        page.go_back()
        until_live(page)


@pytest.mark.slow
@pytest.mark.nightly  # the token is in tests/web/test_request_checks.py
def test_a_form_of_a_former_server_says_that_it_is_too_old(
    browsing: Browsing, tmp_path: Path
) -> None:
    page = browsing.open()
    with inspecting(tmp_path) as first:
        first.see(page, "workspace", name="__default")
        button(page, "Pause").click()
        ports = [address.rstrip("/").rpartition(":")[2] for address in first.server.addresses]
    endpoints = [f"tcp:{port}:interface=127.0.0.1" for port in ports]
    with inspecting(tmp_path, listen=endpoints[0], web=endpoints[1]) as second:
        store = form(page, "Store a value")
        store.get_by_label("Variable").fill("x")
        with browsing.expecting("bad answer: 403"):
            button(page, "Store").click()
            expect(page.locator(".problem")).to_contain_text("reload its page")
        assert not second.open("__default").listVars(format="dict")
        page.go_back()
        page.wait_for_url("**/workspace?*")
        page.reload()
        store.get_by_label("Variable").fill("x")
        button(page, "Store").click()
        expect(page.get_by_text("The value has been stored.")).to_be_visible()
        page.goto("about:blank")


def test_the_first_link_skips_to_the_content(page: Page, inspected: Inspected) -> None:
    inspected.see(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(skip).not_to_be_in_viewport()


# A sleigh whose workers a person starts


@pytest.mark.slow
@pytest.mark.nightly  # in tests/sleigh/test_web_launch.py without a browser
def test_workers_are_started_by_the_line_of_the_page_and_the_group_is_closed(
    browsing: Browsing, inspected: Inspected, tmp_path: Path
) -> None:
    person = Person(browsing, "keyboard")
    page = person.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    options: dict[str, Any] = {"launch": "web", **inspected.sleigh}
    inspected.see(page, "sleighs")
    idle = page.locator("tr").filter(has_text="idle")
    expect(idle).to_have_count(0)
    making = Aside(lambda: Sleigh(**options))
    with ExitStack() as later:
        person.press(idle.get_by_role("link"))
        line = page.locator("#runme")
        expect(line).to_be_visible()
        name = page.locator(".path a").last.inner_text()
        expect(line).to_have_text(inspected.open(name).find(RUN_ME))
        person.press(button(page, "Copy"))
        expect(button(page, "Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == line.inner_text()
        expect(page.locator(".launch")).to_contain_text("0 workers have joined")
        process = later.enter_context(python("-i", "-q", cwd=tmp_path))
        assert process.stdin is not None
        process.stdin.write(f"{copied}\n")
        process.stdin.flush()
        expect(page.locator(".launch")).to_contain_text("1 worker has joined")
        expect(page.get_by_text("more can join")).to_be_visible()
        person.press(page.get_by_role("link", name="All have joined: close the group"))
        person.press(page.get_by_role("link", name="Go back"))
        person.press(page.get_by_role("link", name="All have joined: close the group"))
        expect(page.get_by_role("heading")).to_have_text(f"Close the group of {name}?")
        person.press(button(page, "Close it"))
        expect(page.get_by_text("The group has been closed.")).to_be_visible()
        sleigh = later.enter_context(making.result())
        expect(page.locator(".launch")).to_have_count(0)
        expect(page.get_by_text("the group is closed")).to_be_visible()
        assert sleigh.eachElem(times_ten, [1, 2]) == [10, 20]
        page.goto("about:blank")
