"""Every page in a real browser: light and dark, wide and narrow, and nothing to complain about."""

from __future__ import annotations

import os
import signal
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import expect

from nws.sleigh import Sleigh
from tests.sleigh.functions import fail, speak
from tests.support.accessibility import assert_accessible, assert_readable
from tests.support.browser import DESKTOP, PHONE, Browsing
from tests.support.deadly import is_first
from tests.support.inspected import Inspected, follow, row, tile, until_live
from tests.support.layout import assert_well_laid_out, focus_order
from tests.support.processes import Aside
from tests.support.spaces import until_waiting

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

    from nws.client import NetWorkSpace

WIDE: ViewportSize = {"width": 1600, "height": 900}
TEXT = "Station 4 was moved 20 m to the north.\nIts readings before May are as they were."
NUMBERS = [round(12 + n % 9 - 0.25 * (n % 5), 2) for n in range(200)]
BYTES = b"\x00\x01\x02\x7f" * 40
GRID = np.arange(60.0).reshape(6, 10) / 7
READINGS = [{"station": name, "mean": mean} for name, mean in (("north", 3.5), ("hill", 11.25))]
SETTINGS = {"interval": 60, "stations": ["north", "hill"], "unit": "°C"}


def picture(width: int, height: int) -> bytes:
    """Return a PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + b"\x20\x60\xa0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def work(element: int, folder: Path) -> int:
    """Say something, fail, or die once."""
    if element == 1:
        fail(ValueError, "the pressure is negative")
    if element == 2 and is_first(folder, "death"):
        os.kill(os.getpid(), signal.SIGKILL)
    return speak(element)


@dataclass
class Scene:
    """Much that can be seen."""

    inspected: Inspected
    ws: NetWorkSpace
    sleigh: Sleigh

    @property
    def names(self) -> dict[str, str]:
        """How workspaces are called here, by their names in `PAGES`."""
        return {"WS": self.ws.currentWs(), "SLEIGH": self.sleigh.nws.currentWs()}

    def address(self, name: str, fields: dict[str, Any]) -> str:
        """Return the address of a page of `PAGES`."""
        named = {key: self.names.get(value, value) for key, value in fields.items()}
        return self.inspected.address(name, **named)


@pytest.fixture(scope="module")
def scene(inspected: Inspected, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        sleigh = stack.enter_context(Sleigh(**inspected.sleigh, workerCount=2, output=None))
        folder = tmp_path_factory.mktemp("sleigh")
        sleigh.eachElem(work, range(40), folder, chunkSize=1)
        ws = inspected.open("weather stations")
        ws.store("notes", TEXT)
        ws.store("readings", BYTES)
        ws.store("settings", SETTINGS)
        ws.store("photograph", picture(240, 120))
        ws.store("temperatures", NUMBERS)
        ws.store("table", "day,mean\n" + "\n".join(f"{n},{10 + n % 7}" for n in range(1, 40)))
        ws.store("strange", b"\x93NUMPY no")
        ws.store("grid", GRID)
        for reading in READINGS:
            ws.store("stations", reading)
        archive = inspected.open("archive")
        for month in ("2024/01", "2024/02", "2023/12"):
            archive.store(f"means/{month}", month)
        for number in range(45):
            ws.store("queue", number)
        ws.declare("latest", "single")
        ws.store("collection", "calibrate")
        stack.callback(ws.lease("collection", duration=3600).release)
        for value in (TEXT, BYTES, SETTINGS, picture(240, 120)):
            ws.store("collection", value)
        other = inspected.open("weather stations")
        waiting = Aside(lambda: other.fetch("orders"))
        until_waiting(ws, "orders", fetchers=1)
        yield Scene(inspected, ws, sleigh)
    ws.store("orders", "go home")
    waiting.result()


V: dict[str, Any] = {"ws": "WS"}
PAGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "workspaces": ("", {}, "Workspaces"),
    "found": ("workspaces", {"search": "weather", "sort": "values"}, "Workspaces"),
    "workspace": ("workspace", {"name": "WS"}, "weather stations"),
    "nothing found": ("workspace", {"name": "WS", "search": "zzz"}, "weather stations"),
    "tree": ("workspace", {"name": "archive"}, "archive"),
    "joined values": ("variable", {**V, "name": "stations"}, "stations in weather stations"),
    "grid": ("value", {**V, "name": "grid", "index": 0}, "Value 0 of grid"),
    "values": (
        "variable",
        {**V, "name": "collection"},
        "collection in weather stations",
    ),
    "pages of values": ("variable", {**V, "name": "queue", "page": 2}, "queue in weather stations"),
    "waiters": ("variable", {**V, "name": "orders"}, "orders in weather stations"),
    "value": ("value", {**V, "name": "table", "index": 0}, "Value 0 of table"),
    "plot": (
        "value",
        {**V, "name": "temperatures", "index": 0, "plot": "yes"},
        "Value 0 of temperatures",
    ),
    "picture alone": ("value", {**V, "name": "photograph", "index": 0}, "Value 0 of photograph"),
    "sleigh": ("sleigh", {"name": "SLEIGH"}, "Sleigh sleigh_ride_"),
    "failures": ("failures", {"name": "SLEIGH"}, "Failures of sleigh_ride_"),
    "output": ("output", {"name": "SLEIGH"}, "Output of sleigh_ride_"),
    "clients": ("clients", {}, "Clients"),
    "server": ("server", {}, "Server"),
    "confirm": (
        "confirm",
        {"action": "delete-variable", **V, "name": "notes"},
        "Delete the variable notes?",
    ),
}
LIVE = set(PAGES) - {"confirm"}
BY_KEYBOARD = {"workspaces", "workspace", "tree", "pages of values", "sleigh", "confirm"}


def look_at(page: Page) -> None:
    """Check a page as it is: narrow, wide, and in between, in light and dark."""
    page.set_viewport_size(PHONE)
    assert_well_laid_out(page)
    assert_accessible(page)
    page.set_viewport_size(WIDE)
    assert_well_laid_out(page)
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="dark")
    assert_well_laid_out(page)
    assert_readable(page)


THOROUGHLY = ("workspace", "values", "plot", "sleigh", "confirm")
"""Between them they have all that the others are made of."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "which",
    [
        *THOROUGHLY,
        *(
            pytest.param(which, marks=pytest.mark.nightly)
            for which in PAGES
            if which not in THOROUGHLY
        ),
    ],
)
def test_a_page_is_well_made_at_every_size_light_and_dark_and_by_keyboard(
    page: Page, scene: Scene, which: str
) -> None:
    name, fields, title = PAGES[which]
    page.goto(scene.address(name, fields))
    if which in LIVE:
        until_live(page)
    assert page.title().startswith(title)
    assert page.title().endswith(" · NetWorkSpaces")
    look_at(page)
    if which in BY_KEYBOARD:
        places = focus_order(page, 60)
        count = int(places[0].rpartition(" ")[2])
        assert places == [f"{place} of {count}" for place in range(min(60, count))]


@pytest.mark.nightly  # made of the parts of "values"
def test_a_fetched_value_has_a_page_that_is_well_made(page: Page, scene: Scene) -> None:
    scene.ws.store("once", {"temperature": 12.5})
    page.goto(
        scene.inspected.address("confirm", action="fetch", ws="weather stations", name="once")
    )
    page.get_by_role("button", name="Fetch it").click()
    expect(page).to_have_title("Fetched from once · NetWorkSpaces")
    look_at(page)


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    ("address", "status", "phrase", "reason"),
    [
        ("/workspace?name=none", 404, "Not Found", "there is no workspace 'none'"),
        ("/workspaces?page=x", 400, "Bad Request", "'page' is not a whole number"),
    ],
)
def test_a_page_that_says_what_went_wrong_is_well_made(
    page: Page,
    browsing: Browsing,
    scene: Scene,
    address: str,
    status: int,
    phrase: str,
    reason: str,
) -> None:
    with browsing.expecting(f"bad answer: {status}"):
        page.goto(scene.inspected.web + address)
    expect(page).to_have_title(f"{phrase} · NetWorkSpaces")
    expect(page.get_by_role("heading")).to_have_text(phrase)
    expect(page.locator(".problem")).to_contain_text(reason)
    look_at(page)
    page.get_by_role("link", name="All workspaces").click()
    until_live(page)


# What is on them


def test_values_are_readable_by_their_kind(page: Page, scene: Scene) -> None:
    scene.inspected.see_variable(page, scene.ws, "collection")
    values = page.locator(".values li")
    for place, (about, text) in enumerate(
        (
            ("text, 80 B", "Station 4 was moved"),
            ("bytes, 160 B", "00000000  00 01 02 7f"),
            ("Python object", str(SETTINGS)),
        )
    ):
        expect(values.nth(place).locator(".about")).to_contain_text(about)
        expect(values.nth(place).locator("pre")).to_contain_text(text)
    image = page.get_by_role("img", name="the picture stored as value")
    expect(image).to_be_visible()
    assert image.evaluate("async (it) => { await it.decode(); return it.naturalWidth }") == 240


def test_values_that_are_alike_are_one_table(page: Page, scene: Scene) -> None:
    scene.inspected.see_variable(page, scene.ws, "stations")
    rows = page.get_by_role("region", name="Values").get_by_role("row")
    expect(rows.nth(0)).to_contain_text("station")
    expect(rows.nth(2)).to_contain_text("hill11.25")
    follow(page, rows.nth(2).get_by_role("link", name="1"))
    expect(page).to_have_title("Value 1 of stations · NetWorkSpaces")


@pytest.mark.slow
def test_a_folder_of_names_stays_as_it_was_left(page: Page, scene: Scene) -> None:
    ws = scene.inspected.open("folders")
    for name in ("a/x", "a/y"):
        ws.store(name, "v")
    scene.inspected.see_workspace(page, ws)
    page.locator("summary", has_text="a/").click()
    expect(page.get_by_role("link", name="x", exact=True)).to_be_hidden()
    ws.store("b", "v")
    expect(page.get_by_role("link", name="b", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="x", exact=True)).to_be_hidden()
    page.locator("summary", has_text="a/").click()
    expect(page.get_by_role("link", name="x", exact=True)).to_be_visible()
    follow(page, page.get_by_role("link", name="Show names as a table"))
    expect(row(page, "a/x")).to_be_visible()


def test_a_download_has_the_exact_bytes(page: Page, scene: Scene) -> None:
    for name, content in (("notes", TEXT.encode()), ("readings", BYTES)):
        scene.inspected.see(page, "value", ws="weather stations", name=name, index=0)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download its").click()
        assert Path(download.value.path()).read_bytes() == content
        assert download.value.suggested_filename == "value-0"


def test_numbers_are_plotted_when_asked(page: Page, scene: Scene) -> None:
    scene.inspected.see(page, "value", ws="weather stations", name="temperatures", index=0)
    expect(page.locator(".plot")).to_have_count(0)
    page.get_by_role("link", name="Plot its 200 numbers").click()
    expect(page.get_by_role("img", name=f"from {min(NUMBERS)} to {max(NUMBERS)}")).to_be_visible()
    # Waited for: it may not be drawn yet.
    page.wait_for_function("document.querySelector('.plot path')?.getBBox().height > 200")
    expect(page.locator(".axes .up span")).to_have_text(["20", "11"])
    expect(page.locator(".axis text")).to_have_text(["0", "50", "100", "150"])


def test_all_columns_of_clients_are_seen_on_a_desktop(page: Page, scene: Scene) -> None:
    scene.inspected.see(page, "clients")
    page.set_viewport_size(DESKTOP)
    width, seen = page.locator(".scroll").evaluate("it => [it.scrollWidth, it.clientWidth]")
    assert width == seen


@pytest.mark.nightly  # without a browser in tests/web/test_tables.py
def test_a_list_is_searched_sorted_and_paged(page: Page, scene: Scene) -> None:
    ws = scene.inspected.open("many")
    for number in range(250):
        ws.store(f"name {number:03}", "x" * number)
    scene.inspected.see_workspace(page, ws)
    first = page.locator("tbody tr th").first
    heading = page.get_by_role("columnheader", name="Size")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(heading).not_to_have_attribute("aria-sort", "ascending")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(first).to_have_text("name 249")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(first).to_have_text("name 000")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pages span")).to_contain_text("page 2 of")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Previous").click()
    expect(first).to_have_text("name 000")
    page.get_by_role("link", name="Last").click()
    expect(page.locator("tbody tr th").last).to_have_text("name 249")
    page.get_by_role("searchbox").fill("NAME 12")
    page.keyboard.press("Enter")
    expect(page.locator(".hint").first).to_contain_text("10 of 250 variables")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("tbody tr")).to_have_count(10)
    page.go_back()
    expect(page.locator("tbody tr th").last).to_have_text("name 249")
    until_live(page)
    page.go_forward()
    expect(page.locator("tbody tr")).to_have_count(10)
    until_live(page)


@pytest.mark.slow
@pytest.mark.nightly  # all links are followed in tests/web/test_crawl.py
def test_one_goes_from_all_workspaces_to_a_value_and_back(page: Page, scene: Scene) -> None:
    scene.inspected.see(page)
    for link in ("weather stations", "notes", "Value 0", "notes", "weather stations", "Workspaces"):
        follow(page, page.get_by_role("main").get_by_role("link", name=link, exact=True).first)
        until_live(page)
    expect(row(page, "weather stations")).to_be_visible()


def test_nothing_is_older_than_the_server(page: Page, scene: Scene) -> None:
    started = scene.inspected
    started.see(page, "server")
    begun = tile(page, "Started").locator("time").get_attribute("datetime")
    started.see(page, sort="age")
    times = page.locator("td time").evaluate_all("all => all.map(it => it.dateTime)")
    assert begun
    assert begun == min(times)
