"""The page of a Depalma cluster at work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from nws.depalma import master_server
from tests.depalma.conftest import configuration, host
from tests.support.accessibility import assert_accessible, assert_readable
from tests.support.browser import DESKTOP, PHONE
from tests.support.inspected import Inspected, row, tile, until_live
from tests.support.layout import assert_well_laid_out
from tests.support.server import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def master(
    inspected: Inspected, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[master_server]:
    """A cluster of one host on the server that is looked at."""
    config = configuration(
        tmp_path_factory.mktemp("cluster"),
        host("here", more='groups = ["big"]'),
        server=f"127.0.0.1:{inspected.server.port}",
    )
    with master_server(config) as master:
        master.init_server()
        yield master


@pytest.mark.slow
@pytest.mark.nightly  # what is shown and done is in tests/web/test_depalma.py
def test_jobs_are_seen_and_killed_while_the_page_is_open(page: Page, master: master_server) -> None:
    page.goto(master.page())
    until_live(page)
    expect(row(page, "here")).to_contain_text("ready")
    failed = master.exec_code(master.load_code("echo it fails >&2; exit 3", {"error_pickup": True}))
    assert master.finished(failed, PATIENCE)
    talks = master.exec_code(
        master.load_code("echo 'there are 7 apples'; sleep 1000", {"io": True, "label": "apples"})
    )
    waits = master.exec_code(master.load_code(["sleep", "1000"], {"priority": -1}), [])
    expect(row(page, str(failed))).to_contain_text("exit status 3")
    expect(row(page, str(talks))).to_contain_text("apples")
    expect(row(page, str(waits))).to_contain_text("waiting")
    expect(tile(page, "Running")).to_have_text("1")
    expect(row(page, "here")).to_contain_text("big")

    page.get_by_role("link", name=f"Show the output of job {talks}").click()
    output = page.get_by_role("region", name=f"stdout of job {talks}")
    expect(output).to_have_text("there are 7 apples\n")
    page.set_viewport_size(PHONE)
    assert_well_laid_out(page)
    assert_accessible(page)
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="dark")
    assert_well_laid_out(page)
    assert_readable(page)

    for pid in (talks, waits):
        page.get_by_role("link", name=f"Kill job {pid}").click()
        expect(page.get_by_role("heading", name=f"Kill job {pid}?")).to_be_visible()
        page.get_by_role("button", name="Kill it").click()
        expect(page.get_by_text("The signal is on its way to the job.")).to_be_visible()
        expect(row(page, str(pid))).to_contain_text("ended")
        assert master.finished(pid, PATIENCE)
        assert master.pickup(pid)["signal"] == 15
        expect(row(page, str(pid))).to_have_count(0)
