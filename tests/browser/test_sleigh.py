"""The page of a sleigh at work."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from nws.sleigh import Sleigh
from tests.support.accessibility import assert_accessible
from tests.support.browser import DESKTOP, PHONE, Browsing
from tests.support.deadly import die
from tests.support.inspected import Inspected, follow, row, tile, until_live
from tests.support.layout import assert_well_laid_out
from tests.support.processes import Aside
from tests.support.sleighs import workers_that_answer

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def wait_for_leave(element: int, folder: Path) -> int:
    """Wait until the test lets elements of this ten go on."""
    while not (folder / f"go {element // 10}").exists():
        threading.Event().wait(0.005)
    return element


def speak_and_fail(element: int, folder: Path) -> int:
    print(f"element {element} is here" + 25 * " and says much")
    print(f"element {element} complains", file=sys.stderr)
    if element % 10 == 3:
        raise ValueError(f"element {element}: the pressure is negative")
    return wait_for_leave(element, folder) if element % 10 == 5 else element


def worker_row(page: Page, rank: int) -> Locator:
    """Return the row of a worker; ended calls have rows with numbers, too."""
    workers = page.get_by_role("region", name="Workers", exact=True)
    return workers.locator("tr").filter(
        has=page.get_by_role("rowheader", name=str(rank), exact=True)
    )


@pytest.fixture(scope="module")
def sleigh(inspected: Inspected) -> Iterator[Sleigh]:
    """Two workers, shared by the tests of this module."""
    with Sleigh(**inspected.sleigh, workerCount=2, output=None) as sleigh:
        yield sleigh


@pytest.fixture
def seen(page: Page, inspected: Inspected, sleigh: Sleigh) -> Page:
    """The page of the sleigh."""
    inspected.see(page, "sleigh", name=sleigh.nws.currentWs())
    return page


@pytest.mark.slow
def test_progress_rate_and_time_left_move(seen: Page, sleigh: Sleigh, tmp_path: Path) -> None:
    call = Aside(lambda: sleigh.eachElem(wait_for_leave, range(40), tmp_path, chunkSize=1))
    card = seen.get_by_role("article").filter(has_text="eachElem(wait_for_leave)")
    bar = card.get_by_role("progressbar", name="elements done")
    expect(bar).to_have_attribute("value", "0")
    expect(bar).to_have_attribute("max", "40")
    expect(tile(seen, "Time left")).to_have_text("-")
    (tmp_path / "go 0").touch()
    expect(bar).to_have_attribute("value", "10")
    expect(tile(seen, "Done")).to_have_text("10 of 40")
    expect(tile(seen, "Elements per second")).not_to_have_text("0")
    expect(tile(seen, "Time left")).to_have_text(re.compile(r"\d"))
    for ten in (1, 2, 3):
        (tmp_path / f"go {ten}").touch()
    assert call.result() == list(range(40))
    ended = seen.locator("tr").filter(has_text="eachElem(wait_for_leave)")
    expect(ended).to_contain_text("finished")
    expect(ended).to_contain_text("40 of 40")
    expect(card).to_have_count(0)
    expect(seen.get_by_role("img", name="elements per second")).to_be_visible()


@pytest.mark.slow
def test_each_worker_says_what_it_is_at(seen: Page, sleigh: Sleigh, tmp_path: Path) -> None:
    pids = workers_that_answer(sleigh)
    call = Aside(lambda: sleigh.eachElem(wait_for_leave, range(2), tmp_path, chunkSize=1))
    cells = [worker_row(seen, rank).locator("td") for rank in range(2)]
    for rank, pid in enumerate(pids):
        expect(cells[rank].nth(0)).to_have_text(os.uname().nodename)
        expect(cells[rank].nth(1)).to_have_text(str(pid))
        expect(cells[rank].nth(2)).to_have_text("running")
        expect(cells[rank].nth(3)).to_have_text(re.compile(r"[01] of call \d+, "))
        expect(cells[rank].nth(5)).to_have_text(re.compile(r"\d\s%"))
        expect(cells[rank].nth(6)).to_have_text(re.compile(r"[\d.]+ MB"))
        expect(seen.locator(".lane").nth(rank).locator(".runs")).to_be_visible()
    (tmp_path / "go 0").touch()
    call.result()
    for cell in cells:
        expect(cell.nth(2)).to_have_text("idle")
        expect(cell.nth(3)).to_have_text("-")
    for lane in seen.locator(".lane").all():
        expect(lane.locator("rect").first).to_be_visible()
        title = lane.locator("rect title").last.text_content()
        assert re.match(r"call \d+, \d+ elements? from \d+, ", title or "")


@pytest.mark.slow
def test_failures_open_and_stay_open_and_output_appears(
    seen: Page, sleigh: Sleigh, tmp_path: Path
) -> None:
    call = Aside(lambda: sleigh.eachElem(speak_and_fail, range(25), tmp_path, chunkSize=1))
    failures = seen.locator("details")
    first = seen.locator("details").filter(has_text="the pressure is negative")
    expect(first.locator("summary")).to_contain_text(re.compile("2 . ValueError: element"))
    trace = first.locator("pre")
    expect(trace).to_be_hidden()
    first.locator("summary").focus()
    seen.keyboard.press("Enter")
    expect(trace).to_contain_text("speak_and_fail")
    for ten in (0, 1):
        (tmp_path / f"go {ten}").touch()
    expect(first.locator("summary")).to_contain_text(re.compile("3 . ValueError: element"))
    expect(failures).to_have_count(1)
    expect(trace).to_be_visible()
    expect(first.locator("summary")).to_be_focused()
    (tmp_path / "go 2").touch()
    call.result()
    expect(trace).to_be_visible()
    ended = seen.locator("tr").filter(has_text="eachElem(speak_and_fail)")
    expect(ended.locator(".bad")).to_have_text("3")
    seen.set_viewport_size(PHONE)
    place = ended.locator(".bad").bounding_box()
    seen.set_viewport_size(DESKTOP)
    assert place is not None
    assert place["x"] + place["width"] <= PHONE["width"], "it is seen without scrolling"
    output = seen.get_by_role("region", name="The last lines that workers wrote")
    expect(output).to_contain_text("] element 24 is here")
    expect(output.locator(".stderr").last).to_contain_text("complains")
    assert output.evaluate("(it) => it.scrollHeight > it.clientHeight + 40")
    assert output.evaluate(
        "(it) => it.querySelector('span:last-of-type').getBoundingClientRect().bottom"
        " <= it.getBoundingClientRect().bottom"
    )


@pytest.mark.nightly  # what is shown of them is in tests/web/test_sleigh.py
def test_several_calls_are_shown_at_once_and_move_to_the_table_when_they_end(
    page: Page, inspected: Inspected
) -> None:
    ws = inspected.open("busy sleigh")
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    ws.declare("calls", "single")
    calls = [
        {"number": 7, "kind": "eachElem", "function": "simulate", "elements": 40, "arrived": 10},
        {"number": 8, "kind": "imap", "function": "read", "elements": None, "submitted": 9},
        {"number": 9, "kind": "submit", "function": "check", "elements": 5, "arrived": 4},
    ]
    for call in calls:
        call["began"] = 1e9
    ws.store("calls", json.dumps({"calls": calls}))
    page.set_viewport_size(PHONE)
    inspected.see(page, "sleigh", name=ws.currentWs())
    cards = page.get_by_role("article")
    expect(cards).to_have_count(3)
    expect(cards.nth(1).get_by_role("heading")).to_have_text("Call 8: imap(read)")
    expect(cards.nth(1).get_by_role("progressbar")).to_have_count(0)
    expect(cards.nth(2)).to_contain_text("4 of 5")
    assert_accessible(page)
    assert_well_laid_out(page)
    calls[0]["over"] = True
    ws.store("calls", json.dumps({"calls": calls}))
    expect(cards).to_have_count(2)
    expect(row(page, "7")).to_contain_text("eachElem(simulate)")
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)
    assert_well_laid_out(page)


@pytest.mark.slow
@pytest.mark.nightly  # in tests/web/test_sleigh_requests.py without a browser
def test_a_worker_that_is_killed_from_the_page_counts_as_a_death(
    seen: Page, sleigh: Sleigh
) -> None:
    victim = workers_that_answer(sleigh)[1]
    expect(worker_row(seen, 1).locator("td").nth(1)).to_have_text(str(victim))
    deaths = worker_row(seen, 1).locator("td").nth(7)
    expect(deaths).to_have_text("0")
    follow(seen, seen.get_by_role("link", name="Kill worker 1"))
    assert_accessible(seen)
    follow(seen, seen.get_by_role("button", name="Kill the worker"))
    expect(seen.get_by_text("The worker is being killed")).to_be_visible()
    expect(deaths).to_have_text("1")
    expect(deaths).to_have_class(re.compile("bad"))
    expect(worker_row(seen, 1).locator("td").nth(1)).not_to_have_text(str(victim))


@pytest.mark.slow
@pytest.mark.nightly  # that it stays is in tests/web/test_kept_runs.py
def test_the_page_of_a_sleigh_that_has_ended_stays(page: Page, inspected: Inspected) -> None:
    with Sleigh(**inspected.sleigh, workerCount=1, output=None) as sleigh:
        sleigh.eachElem(speak_and_fail, [3], [Path()])
        inspected.see(page, "sleigh", name=sleigh.nws.currentWs())
        failure = page.locator("details").filter(has_text="element 3:")
        expect(failure).to_be_visible()
    expect(page.get_by_text(re.compile("The sleigh has ended, .* This is how it"))).to_be_visible()
    failure.locator("summary").click()
    expect(failure.locator("pre")).to_contain_text("the pressure is negative")
    expect(worker_row(page, 0)).to_contain_text("ended")
    assert_accessible(page)
    page.get_by_role("link", name="Sleighs").first.click()
    expect(page.get_by_role("heading", name="Sleighs")).to_be_visible()
    ended = row(page, sleigh.nws.currentWs())
    expect(ended).to_contain_text("ended")
    assert_accessible(page)
    ended.get_by_role("link").click()
    expect(page.get_by_text("The sleigh has ended, ")).to_be_visible()


@pytest.mark.slow
@pytest.mark.nightly
def test_the_page_of_a_sleigh_stays_when_its_private_server_has_ended(
    page: Page, browsing: Browsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsing.ignore("failed request: GET http://127.0.0.1")  # it looks whether the server is back
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    with Sleigh(workerCount=1, output=None) as sleigh:
        page.goto(sleigh.view())
        until_live(page)
        expect(worker_row(page, 0)).to_be_visible()
    expect(page.locator("#live-state")).to_have_text("ended")
    # The server's own words, if they came in time, or else those that the page keeps hidden
    said = page.get_by_text(re.compile("The sleigh has ended")).filter(visible=True)
    expect(said).to_have_count(1)
    expect(worker_row(page, 0)).to_be_visible()
    expect(page.get_by_role("link", name="Kill")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.nightly
def test_the_summary_of_a_killed_element_says_how_its_workers_ended(
    seen: Page, sleigh: Sleigh
) -> None:
    sleigh.eachElem(die, ["exit status 7"])
    said = "each of the 3 workers that ran it ended before it was done: exit status 7 (3 times)"
    expect(seen.locator("details summary").first).to_contain_text(said)
