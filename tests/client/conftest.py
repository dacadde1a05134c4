"""A server for the tests of this folder that speaks as the original; workspaces on either, and of
all clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from nws.session import transport
from tests.support.loops import Loop, LoopOpener, running_loop
from tests.support.server import Server, running
from tests.support.spaces import Opener, opening


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks the original protocol only."""
    with running(tmp_path_factory.mktemp("original"), "--no-extensions") as server:
        yield server


@pytest.fixture
def only_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients in this process reach servers by their ports, as if they were elsewhere."""
    monkeypatch.setattr(transport, "local_socket", lambda _: None)


@pytest.fixture(params=["unix", "tcp"])
def opened(server: Server, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens workspaces on a server of ours; by default one that is named like the test."""
    if request.param == "tcp":
        request.getfixturevalue("only_tcp")
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


@pytest.fixture(scope="session")
def asyncio_loop() -> Iterator[Loop]:
    """asyncio's loop, in a thread."""
    with running_loop("asyncio") as loop:
        yield loop


@pytest.fixture(scope="session")
def twisted_loop() -> Iterator[Loop]:
    """A reactor of Twisted, in a thread."""
    with running_loop("twisted") as loop:
        yield loop


def _opener(kind: str, request: pytest.FixtureRequest) -> Any:
    name = request.node.name
    if kind in ("asyncio", "twisted"):
        server: Server = request.getfixturevalue("server")
        return LoopOpener(request.getfixturevalue(f"{kind}_loop"), server.port, name)
    server = request.getfixturevalue("original" if kind == "original" else "server")
    return Opener(server.port, name)


@pytest.fixture(params=["blocking", "asyncio", "twisted"])
def opened_by_any(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Opens workspaces of each client, on a server of ours."""
    with closing(_opener(request.param, request)) as opener:
        yield opener


@pytest.fixture(params=["ours", "original", "asyncio", "twisted"])
def opened_anyhow(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Opens workspaces of each client, and of the blocking one on either server."""
    with closing(_opener(request.param, request)) as opener:
        yield opener
