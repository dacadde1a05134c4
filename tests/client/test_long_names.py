"""Names that are too long for a server are refused before they are sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.spaces import Opener


@pytest.mark.parametrize("size", [64 * 1024 + 1, 70_000, 10**6])
def test_a_name_that_is_too_long_is_refused_here(opened: Opener, size: int) -> None:
    """The server would hang up, and the session would be lost with its workspaces."""
    ws = opened()
    ws.store("x", "kept")
    name = size * "n"
    calls: list[Callable[[], object]] = [
        lambda: ws.store(name, 1),
        lambda: ws.store_many(name, [1]),
        lambda: ws.fetch(name),
        lambda: ws.findTry(name),
        lambda: next(ws.ifind(name)),
        lambda: ws.declare(name, "fifo"),
        lambda: ws.deleteVar(name),
        lambda: ws.fetch_many(name, 1),
        lambda: ws.lease(name),
        lambda: ws.listVars(name),
        lambda: ws.server.openWs(name),
        lambda: ws.server.useWs(name),
        lambda: ws.server.deleteWs(name),
        lambda: ws.server.mktempWs(name + "%d"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="bytes"):
            call()
    assert ws.fetch("x") == "kept"


def test_more_than_a_request_can_have_is_refused_here(opened: Opener) -> None:
    """The server would hang up here, too."""
    ws = opened()
    ws.store("x", "kept")
    lease = ws.lease("x")
    calls: list[Callable[[], object]] = [
        lambda: lease.settle(("y", number) for number in range(2500)),
        lambda: ws.settle([lease], [("y", b"raw")] * 20_000),
        lambda: ws.fetchAny(map(str, range(10_000))),
        lambda: ws.findAny(map(str, range(100_000))),
        lambda: ws.leaseAny(map(str, range(10_000))),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="at most 9,999: do less at once"):
            call()
    lease.release()
    assert ws.fetch("x") == "kept"
    assert ws.fetchTry("y") is None


def test_the_longest_name_is_taken(opened: Opener) -> None:
    ws = opened()
    name = (64 * 1024 - 1) * "n" + "m"
    ws.store(name, "v")
    assert ws.fetch(name) == "v"
