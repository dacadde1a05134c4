"""A server in memory for tests of the client, which it has to pass as a real one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from nws.client import NetWorkSpace, NwsServer
from nws.testing import MemoryServer

_NEEDS_A_REAL_SERVER: Final = ("server", "opened_original", "tmp_path", "file", "monkeypatch")
"""Fixtures of tests that are about an address, a process or a file."""

_NOT_PROMISED: Final = {
    "test_an_inbox_goes_on_after_a_strike_at_any_moment",
    "test_a_watch_goes_on_after_a_strike_at_any_moment",
    "test_an_outbox_goes_on_after_a_strike_at_any_moment",
    "test_a_client_that_dies_is_not_served",
    "test_closing_wakes_who_waits",
    "test_ctrl_c_leaves_all_lines",
    "test_the_value_of_a_killed_holder_comes_back",
}
"""Those in which an exception strikes between any two byte codes, or in another process; and one
that is about the address in a message."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of the client for which a server in memory is none."""
    kept = [item for item in items if item.path.name != "test_contract.py" or _is_promised(item)]
    items[:] = kept


def _is_promised(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    needs = any(name in item.fixturenames for name in _NEEDS_A_REAL_SERVER)
    return not needs and item.originalname not in _NOT_PROMISED


class MemoryOpener:
    """What `tests.support.spaces.Opener` is for a real server."""

    port = 0

    def __init__(self, server: MemoryServer, name: str) -> None:
        self.memory = server
        self.name = name
        self._clients: list[NwsServer] = []

    def __call__(
        self, name: str | None = None, *, useUse: bool = False, **options: Any
    ) -> NetWorkSpace:
        server = self.server(pickle_protocol=options.pop("pickle_protocol", 5))
        name = self.name if name is None else name
        if useUse:
            return server.useWs(name, create=options.get("create", True))
        return server.openWs(name, **options)

    def server(self, **options: Any) -> NwsServer:
        self._clients.append(self.memory.connect(**options))
        return self._clients[-1]


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Iterator[MemoryOpener]:
    with MemoryServer() as server:
        yield MemoryOpener(server, request.node.name)


@pytest.fixture
def opened_either(opened: MemoryOpener) -> MemoryOpener:
    return opened


@pytest.fixture
def opened_by_any(opened: MemoryOpener) -> MemoryOpener:
    return opened


@pytest.fixture
def opened_anyhow(opened: MemoryOpener) -> MemoryOpener:
    return opened
