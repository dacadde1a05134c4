"""Servers whose inspector is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Client
from tests.support.web import Browser, Inspected, inspected


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    """A real server with an inspector but no babelfish, shared by the tests of this folder."""
    with inspected(tmp_path_factory.mktemp("site"), "--babelfish", "none") as site:
        yield site


@pytest.fixture
def browser(site: Inspected) -> Browser:
    """A browser that has no cookie yet."""
    return Browser(site.browser.port)


@pytest.fixture
def client(site: Inspected) -> Iterator[Client]:
    """A raw client that owns the workspace "ws", which goes with it."""
    with site.server.client("extended") as client:
        client.open_ws()
        yield client
