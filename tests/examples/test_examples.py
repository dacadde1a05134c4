"""Each example, run as a user runs it, says what it is meant to say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nws.client import NwsServer
from tests.examples.conftest import Example, assert_in_gallery
from tests.support.server import Server
from tests.support.spaces import HOST


def workspaces(server: Server) -> set[str]:
    with NwsServer(HOST, server.port) as found:
        listing = found.listWss("dict")
        assert isinstance(listing, dict)
        return set(listing)


@pytest.fixture(autouse=True)
def nothing_stays_on_the_server(server: Server) -> Iterator[None]:
    """These examples clean up."""
    before = workspaces(server)
    yield
    assert workspaces(server) <= before


@pytest.mark.parametrize("name", ["hello", "ping_pong", "ring", "tutorial"])
def test_an_example(name: str, example: Example) -> None:
    assert_in_gallery(name, example(name).stdout)
