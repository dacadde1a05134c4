"""What has left the books is freed at once: a spooled value's file goes when its object does.

These tests count on CPython's way of freeing an object with its last reference.
"""

import weakref
from collections.abc import Callable, Iterator

import pytest

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from tests.support.clients import WS, Client, Company
from tests.support.values import Body

MODES = [b"fifo", b"lifo", b"multi", b"single"]


@pytest.fixture
def space() -> Iterator[MemorySpace]:
    space = MemorySpace()
    yield space
    check_invariants(space)


def store_body(client: Client, var: bytes = b"x") -> weakref.ref[Body]:
    """Store a payload that nothing but the space holds."""
    body = Body(10)
    watch = weakref.ref(body)
    assert client.store(var, body).succeeded
    del body
    return watch


def forget_answers(company: Company, *clients: Client) -> None:
    """Drop what the tests themselves hold."""
    company.journal.clear()
    for client in clients:
        client.answers.clear()


@pytest.mark.parametrize("mode", MODES)
def test_fetched_value(company: Company, mode: bytes) -> None:
    client = company.client()
    client.declare_var(b"x", mode)
    watch = store_body(client)
    assert watch() is not None
    client.fetch(b"x")
    forget_answers(company, client)
    assert watch() is None


@pytest.mark.parametrize("mode", MODES)
def test_fetched_value_among_others(company: Company, mode: bytes) -> None:
    client = company.client()
    client.declare_var(b"x", mode)
    watches = [store_body(client) for _ in range(200)]
    for left in range(sum(watch() is not None for watch in watches), 0, -1):
        assert sum(watch() is not None for watch in watches) == left
        client.fetch(b"x")
        forget_answers(company, client)
    assert not any(watch() for watch in watches)


def test_value_handed_straight_over(company: Company) -> None:
    client, other = company.clients(2)
    client.find(b"x", wait=True, timeout=1000)
    client.fetch(b"x", wait=True, timeout=1000)
    watch = store_body(other)
    forget_answers(company, client, other)
    assert watch() is None


def test_overwritten_value(company: Company) -> None:
    client = company.client()
    client.declare_var(b"x", b"single")
    watch = store_body(client)
    client.store(b"x", b"newer")
    assert watch() is None


def test_single_value_that_may_not_return(company: Company) -> None:
    client = company.client()
    client.declare_var(b"x", b"single")
    watch = store_body(client)
    client.lease(b"x", seconds=1000)
    client.store(b"x", b"newer")
    forget_answers(company, client)
    client.leave()
    assert watch() is None


def _settle(client: Client, ids: list[int]) -> None:
    client.settle(ids)


def _delete_variable(client: Client, ids: list[int]) -> None:
    client.delete_var(b"x")


def _delete_workspace(client: Client, ids: list[int]) -> None:
    client.delete_ws()


def _release_and_fetch(client: Client, ids: list[int]) -> None:
    client.release(ids)
    client.fetch(b"x")


@pytest.mark.parametrize("renewed", [False, True])
@pytest.mark.parametrize("end", [_settle, _delete_variable, _delete_workspace, _release_and_fetch])
def test_leased_value_although_its_deadline_is_far(
    company: Company, end: Callable[[Client, list[int]], None], renewed: bool
) -> None:
    client = company.client()
    watch = store_body(client)
    ids = client.lease(b"x", seconds=1000).lease_ids
    if renewed:
        client.renew(ids, 2000)
    end(client, ids)
    forget_answers(company, client)
    assert watch() is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", [_delete_variable, _delete_workspace])
def test_values_of_a_deleted_variable(
    company: Company, end: Callable[[Client, list[int]], None], mode: bytes
) -> None:
    client = company.client()
    client.declare_var(b"x", mode)
    waiting = client.fetch(b"x", wait=True, timeout=1000)  # its deadline outlives it
    fetched = store_body(client)
    watches = [store_body(client) for _ in range(3)]
    end(client, [])
    # A connection keeps the variable of the last value that it sent.
    assert waiting.place is not None
    assert fetched() is not None
    assert not any(watch() for watch in watches)


def test_everything_at_the_end(company: Company, space: MemorySpace) -> None:
    client = company.client()
    watches = [store_body(client, var) for var in (b"x", b"y", b"y")]
    client.lease(b"y")
    forget_answers(company, client)
    space.close()
    assert not any(watch() for watch in watches)


def test_refused_values(company: Company) -> None:
    client = company.client()
    body = Body(10)
    watch = weakref.ref(body)
    client.store(b"x\n", body)
    client.store(b"x", body, ws=b"ghost")
    client.store(b"x", body, variable_id=b"1")
    del body
    assert watch() is None
    assert client.list_vars(ws=WS).listing == b""
