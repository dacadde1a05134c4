"""Names and values that try to do something on the page: nothing runs, and nothing breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.accessibility import assert_accessible
from tests.support.browser import PHONE
from tests.support.inspected import Inspected, follow, until_live
from tests.support.layout import assert_well_laid_out

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

    from nws.client import NetWorkSpace

MARKUP = (
    '<img src=x onerror="hacked = 1; alert(1)">',
    "</script></pre><script src=//evil.example/x>hacked = 1</script>",
    "\" autofocus onfocus=hacked=1 x=\"' style='position:fixed;inset:0",
    "{{ 7 * 7 }}{% raw %}${hacked=1}<!--",
)
CONTROL = "\r\ndata: x\n\nevent: gone\n\x1b[2J\ufeff\u2028\ud7ff"
TEXTS = {
    # Any of them that is not escaped is seen: the page is different by it.
    "markup": " ".join((*MARKUP, "שלום עולם \u202e\u2066 txt.exe")),
    "address": "javascript:hacked=1//\n?said=stored&name=x#y",
    "long": "x" * 10_000,
    "words": "many words " * 900,
    "characters": CONTROL + "a" + "\u0301" * 300,
}
THOROUGHLY = ("markup", "long")
"""What the page of a sleigh has to bear by day, too; in its data all are in tests/web."""


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A narrow page on which nothing may pop up or run."""
    page.set_viewport_size(PHONE)
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    yield page
    page.remove_listener("dialog", dismiss)
    assert not dialogs


def named(text: str) -> str:
    """Return what of a text can be a name: the server takes no control characters."""
    return re.sub(r"[\x00-\x1f\x7f]", "", text)


def assert_harmless(page: Page) -> None:
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("script").count() == 1
    assert page.locator("main img[src=x], [onerror], [onfocus], main [style]").count() == 0
    for address in page.locator("a").evaluate_all("all => all.map(it => it.protocol)"):
        assert address in ("http:", "data:")
    assert_well_laid_out(page)


@pytest.fixture
def ws(inspected: Inspected, request: pytest.FixtureRequest) -> Iterator[NetWorkSpace]:
    """A workspace whose name is one of the texts."""
    ws = inspected.open(named(TEXTS[request.param]))
    yield ws
    ws.server.close()


@pytest.mark.slow
@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(
    ("ws", "text"),
    [
        ("address", TEXTS["address"]),
        ("long", TEXTS["long"]),
        ("characters", TEXTS["characters"]),
        pytest.param("words", TEXTS["words"], marks=pytest.mark.nightly),
    ],
    indirect=["ws"],
)
def test_names_and_values_are_only_shown(
    page: Page, inspected: Inspected, ws: NetWorkSpace, text: str
) -> None:
    name = named(text)
    ws.store(name, text)
    ws.store(name, {text: [text]})
    inspected.see_workspace(page, ws)
    assert_harmless(page)
    inspected.see_variable(page, ws, name)
    expect(page.locator(".values li")).to_have_count(2)
    assert_harmless(page)


@pytest.mark.slow
@pytest.mark.nightly  # every page without a browser in tests/web/test_hostile.py
@pytest.mark.parametrize(
    ("ws", "text"),
    [
        ("markup", TEXTS["markup"]),
        pytest.param("long", TEXTS["long"], marks=pytest.mark.nightly),
    ],
    indirect=["ws"],
)
def test_they_are_only_shown_wherever_one_goes(
    page: Page, inspected: Inspected, ws: NetWorkSpace, text: str
) -> None:
    name = named(text)
    ws.store(name, text)
    ws.store(name, {text: [text]})
    inspected.see(page)
    assert_harmless(page)
    inspected.see_workspace(page, ws)
    assert_harmless(page)
    assert_accessible(page)
    inspected.see_variable(page, ws, name)
    expect(page.locator(".values li")).to_have_count(2)
    assert_harmless(page)
    assert_accessible(page)
    ws.store(name, f"{text} moves")
    expect(page.locator(".values li")).to_have_count(3)
    assert_harmless(page)
    follow(page, page.get_by_role("link", name="Value 0"))
    until_live(page)
    assert_harmless(page)
    follow(page, page.locator(".path a").last)
    follow(page, page.get_by_role("link", name="Fetch one value"))
    assert_harmless(page)
    follow(page, page.get_by_role("button", name="Fetch it"))
    expect(page.get_by_role("heading")).to_have_text("Fetched value")
    assert_harmless(page)
    assert ws.find(name) == {text: [text]}
    follow(page, page.locator(".path a").last)
    follow(page, page.get_by_role("link", name="Delete this variable"))
    assert_harmless(page)
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("The variable has been deleted.")).to_be_visible()
    assert not ws.listVars(format="dict")


@pytest.mark.nightly  # it is escaped as a name is
def test_a_search_is_only_shown(page: Page, inspected: Inspected) -> None:
    inspected.see(page)
    for which in ("markup", "long", "words"):
        page.get_by_role("searchbox").fill(TEXTS[which][:1000])
        follow(page, page.get_by_role("button", name="Search"))
        until_live(page)
        assert_harmless(page)
    assert_accessible(page)


def report(text: str) -> dict[str, Any]:
    """Return what a strange worker says of itself."""
    return {
        **dict.fromkeys(("host", "name", "os", "python", "logfile", "id", "state"), text),
        "pid": 1e300,
        "started": 1e17,
        "current": {"call": text, "element": -1, "since": -1e17},
        "recent": [[1, 2, 3, 4, 5], [text] * 5, [1] * 2, text],
        "lines": [[1, 1, 1, text, text], [1, 1, 1, "stderr", text], [text]],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "which",
    [
        pytest.param(which, marks=[pytest.mark.nightly] * (which not in THOROUGHLY))
        for which in TEXTS
    ],
)
def test_what_a_sleigh_says_of_itself_is_only_shown(
    page: Page, inspected: Inspected, which: str
) -> None:
    text = TEXTS[which]
    ws = inspected.open("strange sleigh")
    for name in ("task", "result", "rankCount", "workerCount", "deleteMeWhenAllWorkersStarted"):
        ws.declare(name, "fifo")
    for name in ("calls", "worker 0", "failures 0", "runMe"):
        ws.declare(name, "single")
    call = {"number": 1, "kind": text, "function": text, "elements": 1e18, "began": 1e17}
    ended = {**call, "number": 2, "over": True}
    ws.store("calls", json.dumps({"calls": [call, ended]}))
    ws.store("worker 0", json.dumps(report(text)))
    failure = {"time": 1, "call": 1, "element": 1, "text": f"{text}\n{text}", "attempt": text}
    ws.store("failures 0", json.dumps(failure))
    ws.store("runMe", text)
    inspected.see(page, "sleigh", name=ws.currentWs())
    page.locator("summary").first.click()
    assert_harmless(page)
    if which in THOROUGHLY:
        assert_accessible(page)
