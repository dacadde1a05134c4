"""The page that shows a sleigh."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from nws.errors import SleighNwsException, SleighStoppedException
from nws.sleigh import Sleigh
from tests.support.server import LOOPBACK, running


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was told to open."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


@contextmanager
def on_a_server(folder: Path, *options: str) -> Iterator[Sleigh]:
    with (
        running(folder, *options) as server,
        Sleigh(nwsHost="127.0.0.1", nwsPort=server.port, workerCount=1) as sleigh,
    ):
        yield sleigh


def test_a_private_server_shows_it_to_its_owner(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key is in the address, which others can see among the browser's arguments."""
    with Sleigh(workerCount=1) as sleigh:
        with monkeypatch.context() as patch:  # to open it may take longer than to end the server
            patch.setattr("nws.sleigh.launch.private_server._GRACE_SECONDS", 0.0)
            address = sleigh.view()
        assert opened == [address]
        assert sleigh.view() == address
        assert "key" not in address
        with urlopen(address) as page:
            assert "<h1>Sleigh</h1>" in page.read().decode()
        assert sleigh.eachElem(abs, [[-1]]) == [1]
    with pytest.raises(OSError, match="refused"):
        urlopen(address)


def test_where_a_browser_needs_the_key_nobody_else_sees_it(
    tmp_path: Path, opened: list[str]
) -> None:
    with on_a_server(tmp_path, "--web", LOOPBACK, "--original", "never") as sleigh:
        address = sleigh.view()
        assert "key=" in address
        with pytest.raises(HTTPError) as refused:
            urlopen(address.partition("&key=")[0])
        refused.value.close()
        assert refused.value.code == 401
        sleigh.nws.server.view()
        for shown in opened:
            assert "key=" not in shown
            page = Path(urlsplit(shown).path)
            assert page.parent.stat().st_mode & 0o777 == 0o700
            assert "key=" not in page.read_text()
        (leads_to,) = re.findall(r'url=(http[^"]*)', Path(urlsplit(opened[0]).path).read_text())
        assert unescape(leads_to).partition("ticket=")[0] == address.partition("key=")[0]
        for way in (address, unescape(leads_to)):
            with build_opener(HTTPCookieProcessor(CookieJar())).open(way) as shown_page:
                assert not re.search("key=|ticket=", shown_page.geturl())
                assert "<h1>Sleigh</h1>" in shown_page.read().decode()


@pytest.mark.nightly  # as where the key is needed
def test_a_server_with_an_inspector(tmp_path: Path, opened: list[str]) -> None:
    with on_a_server(tmp_path, "--web", LOOPBACK) as sleigh:
        address = sleigh.view()
        assert opened == [address]
        with urlopen(address) as page:
            assert "<h1>Sleigh</h1>" in page.read().decode()
        sleigh.nws.server.view()
        assert urlsplit(opened[-1])[:2] == urlsplit(address)[:2]


def test_a_server_without_one(tmp_path: Path, opened: list[str]) -> None:
    """The server itself is viewed where that of the original is."""
    with on_a_server(tmp_path) as sleigh:
        with pytest.raises(SleighNwsException, match="has no inspector"):
            sleigh.view()
        assert opened == []
        sleigh.nws.server.view()
        sleigh.nws.server.view(1234)
    assert opened == ["http://127.0.0.1:8766/", "http://127.0.0.1:1234/"]


def test_a_sleigh_that_was_stopped(opened: list[str], on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, serial=True) as sleigh:
        pass
    with pytest.raises(SleighStoppedException):
        sleigh.view()
