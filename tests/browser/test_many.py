"""Pages about very much: they are as quick as others, and so is what one does on them."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect

from tests.support.accessibility import assert_accessible
from tests.support.browser import DESKTOP, PHONE, Browsing
from tests.support.frames import PYTHON_TEXT
from tests.support.inspected import Inspected, tile
from tests.support.layout import assert_well_laid_out
from tests.support.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

MAX_BUSY_SECONDS: Final = 2.0
"""Of the processor, for the thread of a page since it was opened. It takes a tenth at most."""


def watched(page: Page) -> CDPSession:
    """Have the browser count the processor's time: the clock's depends on what else is running."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def assert_quick(session: CDPSession) -> None:
    """Check that the page that is open was never busy for long."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    (busy,) = (each["value"] for each in metrics if each["name"] == "TaskDuration")
    assert 0 < busy < MAX_BUSY_SECONDS


@pytest.mark.slow
@pytest.mark.nightly  # that a page has no more than 50 rows is in tests/web/test_pages.py
@pytest.mark.parametrize("count", [300, 1000])
def test_a_workspace_of_many_variables_stays_responsive(
    browsing: Browsing, inspected: Inspected, count: int
) -> None:
    page = browsing.open()
    ws = inspected.open(f"{count} wide")
    for number in range(count):
        ws.store(f"variable {number:04}", number)
    watch = watched(page)
    inspected.see_workspace(page, ws)
    expect(tile(page, "Variables")).to_have_text(f"{count:,}")
    for number in range(2):
        ws.store("variable 0000", number)
        ws.store(f"a new one {number}", number)
        expect(page.locator("tbody th").nth(number)).to_have_text(f"a new one {number}")
    assert_quick(watch)
    page.get_by_role("searchbox").fill(f"{count - 1:04}")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert_quick(watch)


@pytest.mark.nightly  # as a workspace of many variables
def test_a_variable_of_100000_values_stays_responsive(
    browsing: Browsing, inspected: Inspected
) -> None:
    page = browsing.open()
    ws = inspected.open("deep")
    fill(inspected.server, "deep", "x", 100_000)
    watch = watched(page)
    inspected.see_variable(page, ws, "x")
    expect(tile(page, "Values")).to_have_text("100,000")
    expect(page.locator(".values pre")).to_have_count(20)
    ws.fetch("x")
    expect(tile(page, "Values")).to_have_text("99,999")
    expect(page.locator(".values pre").first).to_have_text("value 1")
    assert_quick(watch)
    page.get_by_role("link", name="Last").click()
    expect(page.locator(".pages")).to_contain_text(re.compile("page 5,000 of 5,000"))
    expect(page.locator(".values pre").last).to_have_text("value 99999")
    assert_quick(watch)


@pytest.mark.slow
@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.nightly)])
def test_a_sleigh_of_many_workers_stays_usable(
    browsing: Browsing, inspected: Inspected, count: int
) -> None:
    page = browsing.open()
    ws = inspected.open(f"sleigh of {count}")
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    for rank in range(count):
        ws.store(f"worker {rank}", json.dumps(report_of(rank)))
    watch = watched(page)
    inspected.see(page, "sleigh", name=ws.currentWs())
    expect(page.get_by_text(f"{count:,} workers: {count // 2:,} running")).to_be_visible()
    rows = page.get_by_role("region", name="Workers", exact=True).locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(page.locator(".lane")).to_have_count(50)
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        assert_accessible(page)
        assert_well_laid_out(page)
    page.get_by_role("link", name="Last").click()
    expect(rows.last.get_by_role("rowheader")).to_have_text(str(count - 1))
    page.get_by_role("searchbox").fill("node11 ")
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(10)
    expect(page.get_by_text(f"10 of {count:,} workers with")).to_be_visible()
    page.get_by_role("link", name="Elements run", exact=True).click()
    expect(rows.first.get_by_role("rowheader")).to_have_text("119")
    assert_quick(watch)


def report_of(rank: int) -> dict[str, Any]:
    """Return what a worker reports that has done much."""
    now = time.time()
    is_running = rank % 2 == 0
    return {
        "rank": rank,
        "pid": 4000 + rank,
        "host": f"node{rank // 10}",
        "state": "running" if is_running else "idle",
        "started": now - 3600,
        "elements": 10 * rank,
        "memory": 5e7,
        "cpu": 0.97 if is_running else 0.0,
        "current": {"call": 1, "element": rank, "since": now - 0.4} if is_running else None,
        "recent": [
            [1, number, 1, now - 1.5 * number - 1, now - 1.5 * number] for number in range(40)
        ],
        "lines": [[now - number, 1, number, "stdout", "what it says"] for number in range(20)],
    }


def fill(server: Server, ws: str, name: str, count: int) -> None:
    """Store many short texts, a thousand with each request."""
    with server.client("extended", ws=ws) as client:
        for start in range(0, count, 1000):
            texts = [f"value {number}" for number in range(start, start + 1000)]
            fields = [field for text in texts for field in (PYTHON_TEXT, text)]
            assert client.ask("store many", ws, name, *fields).status == 0
