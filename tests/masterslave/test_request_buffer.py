"""Tasks that are requested in a burst travel together, and none is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nws.client import NetWorkSpace
from nws.errors import NwsNoWorkSpaceException
from nws.masterslave import MasterSlaveException, request_buffer
from nws.masterslave.request_buffer import RequestBuffer
from tests.support.processes import until
from tests.support.server import Server
from tests.support.spaces import HOST


@pytest.fixture
def workspace(server: Server, label: str) -> Iterator[NetWorkSpace]:
    """A workspace for tasks."""
    with NetWorkSpace(label, HOST, server.port) as workspace:
        yield workspace


@pytest.fixture
def buffer(workspace: NetWorkSpace) -> Iterator[RequestBuffer]:
    """A buffer for it."""
    buffer = RequestBuffer(workspace)
    yield buffer
    buffer.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is not stored by itself."""
    monkeypatch.setattr(request_buffer, "_PAUSE_SECONDS", 1000.0)


def stored(workspace: NetWorkSpace, name: str = "x") -> int:
    """Return how many values a variable has."""
    listing = workspace.listVars(format="dict")
    assert isinstance(listing, dict)
    return listing[name].values if name in listing else 0


def test_the_first_one_is_stored_at_once(buffer: RequestBuffer, workspace: NetWorkSpace) -> None:
    buffer.add("x", 1, 0)
    assert stored(workspace) == 1


def test_a_burst_is_stored_by_itself_and_in_its_order(
    buffer: RequestBuffer, workspace: NetWorkSpace
) -> None:
    for number in range(1000):
        buffer.add("x", number, 0)
    until(lambda: stored(workspace) == 1000, "all are stored")
    assert list(workspace.ifetchTry("x")) == list(range(1000))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("count", "size"), [(1 + request_buffer._MAX_VALUES, 0), (3, 200_000)])
def test_not_too_much_waits(
    buffer: RequestBuffer, workspace: NetWorkSpace, count: int, size: int
) -> None:
    for number in range(count):
        buffer.add("x", number, size)
    assert stored(workspace) == count


@pytest.mark.usefixtures("patient")
def test_it_is_stored_on_demand(buffer: RequestBuffer, workspace: NetWorkSpace) -> None:
    for name in ("x", "y", "x", "y", "x"):
        buffer.add(name, name, 0)
    assert (stored(workspace), stored(workspace, "y")) == (1, 0)
    buffer.flush()
    buffer.flush()
    assert (stored(workspace), stored(workspace, "y")) == (3, 2)


@pytest.mark.usefixtures("patient")
def test_what_cannot_be_stored_is_told_at_the_next_chance(
    buffer: RequestBuffer, workspace: NetWorkSpace
) -> None:
    for number in range(3):
        buffer.add("x", number, 0)
    workspace.server.deleteWs(workspace.currentWs())
    with pytest.raises(MasterSlaveException, match="not all of the last 2 tasks"):
        buffer.flush()
    buffer.flush()


def test_what_the_thread_cannot_store_is_told_too(
    buffer: RequestBuffer, workspace: NetWorkSpace
) -> None:
    buffer.add("x", 1, 0)
    workspace.server.deleteWs(workspace.currentWs())

    def is_told() -> bool:
        try:
            buffer.add("x", 2, 0)
        except (MasterSlaveException, NwsNoWorkSpaceException):
            return True
        return False

    until(is_told, "the failure")
