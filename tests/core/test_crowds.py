"""Waits and leases that end together in great numbers end in parts, with room for others."""

from __future__ import annotations

from nws.errors import Status
from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from tests.support.clients import Client, Company
from tests.support.costs import cost_of

MANY = 1800
MOST = 500
"""What one call of `expire` may end."""


def crowd() -> tuple[MemorySpace, Company, Client]:
    """Make a space in which somebody holds many leases."""
    space = MemorySpace()
    company = Company(space)
    holder = company.client()
    holder.store(b"x", *[b"%d" % n for n in range(MANY)])
    while holder.lease(b"x", limit=MANY, seconds=5).values_got:
        pass
    assert space.views.totals()["leases"] == MANY
    return space, company, holder


def end_all(space: MemorySpace) -> list[int]:
    """Call `expire` as long as something is due; return how many leases are open each time."""
    left = []
    while (due := space.next_deadline()) is not None and due <= space.now:
        space.expire()
        check_invariants(space)
        left.append(space.views.totals()["leases"])
    return left


def test_leases_that_are_due_together() -> None:
    space, company, _ = crowd()
    space.now += 6
    assert end_all(space) == [1300, 800, 300, 0]
    heir = company.client()
    assert [heir.fetch(b"x").payload for _ in range(MANY)] == [b"%d" % n for n in range(MANY)]
    assert space.next_deadline() is None


def test_leases_of_a_session_that_ends() -> None:
    space, company, holder = crowd()
    alarms: list[float] = []
    space.on_earlier_deadline = alarms.append
    holder.leave()
    assert alarms == [space.now]
    assert space.views.totals()["leases"] == MANY - MOST
    check_invariants(space)
    assert end_all(space) == [800, 300, 0]
    heir = company.client()
    assert [heir.fetch(b"x").payload for _ in range(MANY)] == [b"%d" % n for n in range(MANY)]
    assert list(space.books.sessions.values()) == [heir.session]


def test_they_may_end_otherwise_meanwhile() -> None:
    space, company, holder = crowd()
    holder.leave()
    assert company.client().delete_var(b"x").succeeded
    assert end_all(space) == [0]
    assert space.views.totals()["leases"] == 0


def test_deadlines_of_leases_that_were_released_together() -> None:
    space, _, holder = crowd()
    heap = space.books.deadlines._heap
    assert holder.release(list(space.books.leases)).succeeded
    space.now += 6
    left = []
    while space.next_deadline() is not None:
        left.append(len(heap))
        space.expire()
    assert left == [1300, 300]  # `next_deadline` and `expire` drop a part each


def test_leases_that_are_renewed_together() -> None:
    space, _, holder = crowd()
    ids = list(space.books.leases)
    assert cost_of(lambda: holder.renew(ids, 9)).steps < 10 * MANY
    check_invariants(space)
    assert space.next_deadline() == space.now + 9
    assert len(space.books.deadlines._heap) == MANY
    space.now += 9
    assert end_all(space) == [1300, 800, 300, 0]


def test_waits_that_are_over_together() -> None:
    space = MemorySpace()
    company = Company(space)
    client = company.client()
    waits = [client.fetch(b"x", wait=True, timeout=1) for _ in range(MANY)]
    space.now += 2
    rounds = 0
    while space.next_deadline() is not None:
        space.expire()
        rounds += 1
    assert rounds == 4
    assert {wait.status for wait in waits} == {Status.TIMED_OUT}
