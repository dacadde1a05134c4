"""The check of the invariants finds what is wrong; else all tests that end with it prove less."""

from collections.abc import Callable

import pytest

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.core.records import Variable
from nws_server.core.values import Value
from tests.support.clients import WS, Company


def busy_space() -> MemorySpace:
    """Make a space with something of everything."""
    space = MemorySpace()
    company = Company(space)
    client = company.client(acknowledges=True)
    client.open_ws()
    client.store(b"x", b"1", b"22", b"333", b"4444")
    client.put_back(client.fetch(b"x"))
    client.fetch(b"x")
    client.lease(b"x")
    client.fetch(b"y", wait=True, timeout=5)
    client.find(b"probed")
    check_invariants(space)
    return space


def _variable(space: MemorySpace, name: bytes = b"x") -> Variable:
    return space.books.workspaces[WS].variables[name]


def _forget_memory(space: MemorySpace) -> None:
    space.books.memory -= 1


def _forget_bytes(space: MemorySpace) -> None:
    _variable(space).bytes += 1


def _lose_value(space: MemorySpace) -> None:
    queue = _variable(space).queue
    assert queue is not None
    queue.take()


def _double_value(space: MemorySpace) -> None:
    queue = _variable(space).queue
    assert queue is not None
    queue.append(queue.peek())


def _lose_lease(space: MemorySpace) -> None:
    _variable(space).leases.clear()


def _lease_without_end(space: MemorySpace) -> None:
    (lease,) = space.books.leases.values()
    lease.deadline = None


def _lose_waiter(space: MemorySpace) -> None:
    _variable(space, b"y").fetchers.clear()


def _waiter_without_end(space: MemorySpace) -> None:
    _variable(space, b"y").fetchers.first().deadline = 77


def _lose_deadlines(space: MemorySpace) -> None:
    space.books.deadlines._heap.clear()


def _dead_workspace(space: MemorySpace) -> None:
    space.books.workspaces[WS].alive = False


def _lose_owned(space: MemorySpace) -> None:
    owner = space.books.workspaces[WS].owner
    assert owner is not None
    owner.owned.clear()


def _lose_probed(space: MemorySpace) -> None:
    space.books.workspaces[WS].probed.clear()


def _too_much_probed(space: MemorySpace) -> None:
    space.books.workspaces[WS].probed[b"x"] = None


def _strange_variable(space: MemorySpace) -> None:
    _variable(space).workspace = None


def _hold_what_is_queued(space: MemorySpace) -> None:
    (session,) = space.books.sessions.values()
    queue = _variable(space).queue
    assert queue is not None
    session.hands[queue.peek()] = (_variable(space), (queue.peek(),))


def _hold_under_another_value(space: MemorySpace) -> None:
    (session,) = space.books.sessions.values()
    ((variable, values),) = session.hands.values()
    session.hands = {Value(b"", b""): (variable, values)}


def _lose_session(space: MemorySpace) -> None:
    space.books.sessions.clear()


@pytest.mark.parametrize(
    "damage",
    [
        _hold_what_is_queued,
        _hold_under_another_value,
        _lose_session,
        _forget_memory,
        _forget_bytes,
        _lose_value,
        _double_value,
        _lose_lease,
        _lease_without_end,
        _lose_waiter,
        _waiter_without_end,
        _lose_deadlines,
        _dead_workspace,
        _lose_owned,
        _lose_probed,
        _too_much_probed,
        _strange_variable,
    ],
)
def test_damage_is_found(damage: Callable[[MemorySpace], None]) -> None:
    space = busy_space()
    damage(space)
    with pytest.raises(AssertionError):
        check_invariants(space)
