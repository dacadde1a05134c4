"""A server for the tests of this folder that speaks as the original, and workspaces on either."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server, running
from tests.support.spaces import Opener, opening


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks the original protocol only."""
    with running(tmp_path_factory.mktemp("original"), "--no-extensions") as server:
        yield server


@pytest.fixture
def opened(server: Server, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens workspaces on a server of ours; by default one that is named like the test."""
    with opening(server.port, request.node.name) as opener:
        yield opener


@pytest.fixture
def opened_original(original: Server, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """The same on an original server."""
    with opening(original.port, request.node.name) as opener:
        yield opener


@pytest.fixture(params=["ours", "original"])
def opened_either(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Both, one after the other."""
    server: Server = request.getfixturevalue("server" if request.param == "ours" else "original")
    with opening(server.port, request.node.name) as opener:
        yield opener
