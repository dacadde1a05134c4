"""A browser for the tests of this folder. Each page is watched: a test fails if one complains."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Browsing, launched, require_browser
from tests.support.inspected import Inspected, inspecting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, shared by the tests of a module.

    Not by more: while it runs, this process has an asyncio loop and children, which would reach
    into tests of other folders. It starts in less than half a second.
    """
    require_browser()
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def visits(browser: Browser) -> Browsing:
    """What the tests of a module do in the browser."""
    return Browsing(browser)


@pytest.fixture
def browsing(visits: Browsing, tmp_path: Path) -> Iterator[Browsing]:
    """Opens pages, and knows what went wrong on them; what was not expected fails the test."""
    with visits.watching(tmp_path):
        yield visits


@pytest.fixture
def page(browsing: Browsing) -> Page:
    """An empty page: light, wide, with JavaScript. The tests of a module share it."""
    return browsing.share()


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    """A server with an inspector, shared by the tests of a module."""
    require_browser()
    with inspecting(tmp_path_factory.mktemp("server")) as inspected:
        yield inspected


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell where the pictures of a failed test's pages are."""
    report = yield
    browsing = getattr(item, "funcargs", {}).get("browsing")
    if report.failed and report.when == "call" and isinstance(browsing, Browsing):
        report.sections.append(("Pages", "\n".join(browsing.pictures())))
    return report
