"""The command that opens the inspector."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nws import cli
from tests.cli.conftest import Nws


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses for the browser; there is none."""
    addresses: list[str] = []
    monkeypatch.setattr(cli, "open_in_browser", addresses.append)
    return addresses


def test_without_a_browser_the_address_is_printed(nws: Nws, opened: list[str]) -> None:
    nws.server("start")
    web_port = nws.port + 1
    said = nws.server("open").stdout
    assert opened == [f"http://localhost:{web_port}/"]
    assert said == f"There is no web browser here. The inspector is at {opened[0]}\n"


def test_where_the_key_is_needed_it_is_brought(nws: Nws, opened: list[str]) -> None:
    nws.server("start", "--", "--original", "never")
    nws.server("open")
    assert urlsplit(opened[0]).query.startswith("key=")


def test_what_cannot_be_opened(nws: Nws, opened: list[str], tmp_path: Path) -> None:
    assert "is it running?" in nws.server("open", status=1).stderr
    nws.server("start", "--", "--web", "none")
    assert "has no inspector" in nws.server("open", status=1).stderr
    assert opened == []
