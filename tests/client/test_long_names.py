"""Names that are too long for a server are refused before they are sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nws.client import Lease
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
        lambda: ws.declare("y", "__" + name),
        lambda: ws.fetchAny([name[:60_000] + str(number) for number in range(20)]),
        lambda: ws.settle([], [(name[:60_000], number) for number in range(20)]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="bytes"):
            call()
    assert ws.fetch("x") == "kept"


def test_more_than_a_request_can_have_is_refused_here(opened: Opener) -> None:
    """The server would hang up here, too."""
    ws = opened("many")
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


def test_more_leases_or_indexes_than_a_request_can_have(opened: Opener) -> None:
    """The same, at any number that a client can hold."""
    ws = opened()
    values = range(20_000)
    ws.store_many("x", values)
    leases: list[Lease] = []
    while len(leases) < len(values):
        leases += ws.lease_many("x", len(values))
    calls: list[Callable[[], object]] = [
        lambda: ws.release(leases),
        lambda: ws.settle(leases),
        lambda: ws.renew(leases, 60),
        lambda: ws.withdraw("x", values),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"20,000 .* are too many at once: do some 3,000"):
            call()
    for some in range(0, len(values), 3000):
        ws.settle(leases[some : some + 3000])
    assert ws.fetchTry("x") is None


def test_indexes_are_whole_numbers(opened: Opener) -> None:
    ws = opened()
    ws.store_many("x", "ab")
    with pytest.raises(TypeError):
        ws.withdraw("x", [1.5])  # type: ignore[list-item]
    assert ws.fetch_many("x", 2) == ["a", "b"]


def test_the_longest_name_is_taken(opened: Opener) -> None:
    ws = opened()
    name = (64 * 1024 - 1) * "n" + "m"
    ws.store(name, "v")
    assert ws.fetch(name) == "v"
