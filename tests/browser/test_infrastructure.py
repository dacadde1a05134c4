"""The browser for tests: what tests of pages rely on, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Error, Page, expect

from tests.support.accessibility import assert_accessible, assert_readable, violations
from tests.support.browser import DESKTOP, PHONE, Browsing, launched, missing, require_browser
from tests.support.processes import Aside, children, descendants, run_python, runs

pytestmark = pytest.mark.nightly

HOST = "127.0.0.1"
PAGE = """\
<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>A page</title>
<style>
    :root {{ color-scheme: light dark; }}
    body {{ color: #000; background: #fff; }}
    @media (prefers-color-scheme: dark) {{ body {{ color: #fff; background: #000; }} }}
</style>
<main><h1>A page</h1>{main}</main>
"""
LABELLED = '<label for="name">Name</label> <input id="name">'
UNLABELLED = '<input id="name">'
POLICY = "default-src 'none'; style-src 'unsafe-inline'; require-trusted-types-for 'script'"


@dataclass
class Site:
    """A small site.

    Attributes:
        url: where it is, without a slash at the end.
        pages: what it serves, by path; anything else is not found.
        policy: the Content-Security-Policy of all pages; empty for none.
    """

    url: str
    pages: dict[str, str] = field(default_factory=dict)
    policy: str = ""

    def serve(self, main: str) -> str:
        """Serve a page with this in it; return its address."""
        self.pages["/"] = PAGE.format(main=main)
        return f"{self.url}/"


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of the test's own, which is empty at first."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in served.pages
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if served.policy:
                self.send_header("Content-Security-Policy", served.policy)
            self.end_headers()
            self.wfile.write(served.pages.get(self.path, "Not found").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        served = Site(f"http://{HOST}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def test_a_good_page_passes(page: Page, site: Site, browsing: Browsing) -> None:
    page.goto(site.serve(LABELLED))
    expect(page.get_by_label("Name")).to_be_visible()
    assert_accessible(page)
    browsing.check()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('one', 2)", r"^console error: one 2 \(http://127.0.0.1:\d+/:10\)$"),
        ("throw new TypeError('one')", r"^page error: TypeError: one\n +at http://"),
        ("fetch('/none')", r"^bad answer: 404 GET http://127.0.0.1:\d+/none$"),
        ("new Image().src = 'http://127.9.9.9/x'", r"^foreign request: GET http://127.9.9.9/x$"),
        ("console.warn('one')", r"^console warning: one \("),
        ("console.assert(false, 'one')", r"^console error: one \("),
        ("Promise.reject(new Error('one'))", r"^page error: Error: one\n"),
        (
            "new Image().src = 'http://127.0.0.1:1'",
            r"^failed request: GET http://127.0.0.1:1/: net::",
        ),
        ("open('https://example.com/')", r"^foreign request: GET https://example.com/$"),
    ],
)
def test_a_complaint_is_noticed(
    page: Page, site: Site, browsing: Browsing, script: str, complaint: str
) -> None:
    with browsing.expecting(complaint):
        page.goto(site.serve(f"<script>{script}</script>"))
    browsing.check()


def test_what_is_no_complaint(page: Page, site: Site, browsing: Browsing) -> None:
    harmless = "console.log('one'); console.info('one'); alert('one')"
    page.goto(
        site.serve(f"<script>{harmless}; fetch('/').then(() => document.title = 'Ready')</script>")
    )
    expect(page).to_have_title("Ready")
    browsing.check()


def test_a_foreign_web_socket_is_noticed(page: Page, site: Site, browsing: Browsing) -> None:
    foreign = r"^foreign request: WebSocket ws://example.com/$"
    with browsing.expecting(foreign, "^console error: WebSocket connection"):
        page.goto(site.serve("<script>new WebSocket('ws://example.com')</script>"))


def test_a_violated_policy_is_noticed(page: Page, site: Site, browsing: Browsing) -> None:
    site.policy = POLICY
    with browsing.expecting("^console error: .*Content Security Policy"):
        page.goto(site.serve("<script>1</script>"))


def test_a_page_not_found_is_noticed(page: Page, site: Site, browsing: Browsing) -> None:
    with browsing.expecting("^bad answer: 404 GET http://[^ ]*/none$"):
        page.goto(f"{site.url}/none")


def test_a_crash_is_noticed(browsing: Browsing) -> None:
    page = browsing.open()
    page.context.new_page()  # nothing is heard from one that is no more
    with browsing.expecting("^crash: "), pytest.raises(Error, match="crash"):
        page.goto("chrome://crash")
    page.close()


def test_each_complaint_fails_but_for_those_expected_or_ignored(
    page: Page, site: Site, browsing: Browsing
) -> None:
    browsing.ignore("^console warning: (many|never)")
    script = "for (const one of ['many', 'many', 'few', 'few']) console.warn(one)"
    with browsing.expecting("few"):
        page.goto(site.serve(f"<script>{script}</script>"))
    with pytest.raises(pytest.fail.Exception, match=r"(?s)console warning: few.*page0\.png$"):
        browsing.check()
    assert len(browsing.complaints) == 1
    with browsing.expecting("few"):
        pass


def test_a_request_that_is_given_up_is_no_complaint(
    page: Page, site: Site, browsing: Browsing
) -> None:
    page.goto(
        site.serve("<script>fetch('/', {signal: AbortSignal.abort()}).catch(String)</script>")
    )
    page.goto(site.serve(LABELLED))
    browsing.check()


def test_axe_finds_a_missing_label(page: Page, site: Site) -> None:
    page.goto(site.serve(UNLABELLED))
    (found,) = violations(page)
    assert_readable(page)
    assert re.match(r"label \(critical\): .*\n  <input id=\"name\">\n  Fix any of the foll", found)
    with pytest.raises(AssertionError, match=r"axe has found:\n *label"):
        assert_accessible(page)
    assert_accessible(page, within="h1")
    assert_accessible(page, ignoring=["label"])


def test_axe_runs_under_a_strict_policy(page: Page, site: Site) -> None:
    site.policy = POLICY
    page.goto(site.serve(UNLABELLED))
    assert len(violations(page)) == 1


def test_axe_sees_the_colours_of_the_dark_page(browsing: Browsing, site: Site) -> None:
    dim = '<p style="color: light-dark(#000, #333)">dim</p>'
    address = site.serve(dim)
    for dark in (False, True):
        page = browsing.open(dark=dark)
        page.goto(address)
        found = violations(page)
        assert [text.split()[0] for text in found] == ["color-contrast"] * dark


def test_axe_says_that_it_needs_javascript(browsing: Browsing) -> None:
    with pytest.raises(AssertionError, match="needs JavaScript"):
        violations(browsing.open(javascript=False))


@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_opened_as_it_is_asked_for(browsing: Browsing, site: Site, dark: bool) -> None:
    page = browsing.open(
        dark=dark, size=PHONE if dark else DESKTOP, javascript=not dark, motion=dark
    )
    page.goto(site.serve("<script>document.title = 'On'</script><noscript>Off</noscript>"))
    colour = "rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)"
    expect(page.locator("body")).to_have_css("color", colour)
    width = (PHONE if dark else DESKTOP)["width"]
    assert page.evaluate("innerWidth") == width
    expect(page).to_have_title("A page" if dark else "On")
    expect(page.locator("noscript")).to_be_visible(visible=dark)
    assert page.evaluate("matchMedia('(prefers-reduced-motion)').matches") is not dark


def test_each_page_is_of_a_new_visitor(browsing: Browsing, site: Site) -> None:
    address = site.serve(
        "<script>document.title = document.cookie; document.cookie = 'a=1'</script>"
    )
    for _ in range(2):
        page = browsing.open()
        page.goto(address)
        expect(page).to_have_title("")
        page.reload()
        expect(page).to_have_title("a=1")


@pytest.mark.slow
def test_a_test_fails_with_complaints_and_pictures(tmp_path: Path) -> None:
    require_browser()
    (tmp_path / "conftest.py").write_text("from tests.browser.conftest import *")
    (tmp_path / "test_it.py").write_text(
        dedent("""
            def test_complaint(page):
                page.evaluate("console.error('one')")

            def test_failure(page):
                page.set_content("<h1>Hello</h1>")
                assert False
        """)
    )
    arguments = ("-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'temp'}")
    done = run_python(*arguments, cwd=tmp_path, status=1)
    assert "1 failed, 1 passed, 1 error" in done.stdout
    assert "console error: one (" in done.stdout
    pictures = set(re.findall(r"^picture of about:blank: (.*)$", done.stdout, re.MULTILINE))
    assert len(pictures) == 2
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_nothing_outlives_it(tmp_path: Path) -> None:
    require_browser()
    before = children(os.getpid())
    pids: list[int] = []

    def browse() -> None:
        with launched() as browser:
            browsing = Browsing(browser)
            with browsing.watching(tmp_path):
                browsing.share()
                browsing.open()
                browsing.pictures()
                (driver,) = set(children(os.getpid())) - set(before)
                pids.extend((driver, *descendants(driver)))
        asyncio.run(asyncio.sleep(0))  # no loop is left that would forbid it

    threads = threading.enumerate()
    Aside(browse).result()  # this thread may have a browser
    assert len(pids) > 2
    assert not any(map(runs, pids))
    assert children(os.getpid()) == before
    assert threading.enumerate() == threads


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert missing().startswith("not installed: any of chromium-headless-shell, chromium, ")


def test_another_browser_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", "mine")
    assert missing() == ""


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_only_ci_fails_without_it(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(outcome, match="not installed"):
        require_browser()
