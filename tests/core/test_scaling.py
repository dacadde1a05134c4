"""What an operation costs does not grow with what is there: values, variables, waiters, leases.

Work is counted, not timed. A scene is built small and ten times as large; each operation in it may
cost the same in both, and a little for the comparisons of a search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, SupportsIndex

import pytest

from nws_server.core.memory import MemorySpace
from nws_server.core.queues import Fifo, Lifo
from nws_server.core.space import Cookie, Value
from tests.core.contract.variables import MODES
from tests.support.clients import WS, Client, Company
from tests.support.costs import cost_of
from tests.support.values import text_values

Operations = dict[str, Callable[[], object]]

MORE_STEPS = 40
MORE_MEMORY = 4096


def compare(scene: Callable[[int], Operations], size: int) -> None:
    """Build a scene in two sizes and compare what each of its operations costs."""
    small, large = scene(size), scene(10 * size)
    for name, operation in small.items():
        cheap, dear = cost_of(operation), cost_of(large[name])
        assert dear.steps <= cheap.steps + MORE_STEPS, name
        assert dear.memory <= cheap.memory + MORE_MEMORY, name


def company_of(size: int) -> tuple[Company, Client]:
    """Make a company whose first client has stored nothing yet."""
    company = Company(MemorySpace(max_probed=10 * size + 100))
    return company, company.client()


@pytest.mark.parametrize("mode", MODES[:3])
def test_values_in_a_variable(mode: bytes) -> None:
    def scene(size: int) -> Operations:
        _, client = company_of(size)
        client.declare_var(b"x", mode)
        client.store(b"x", *[b"value"] * size)
        returned = client.take(b"x", size // 3)
        client.put_back(returned)
        client.take(b"x", size // 6)
        client.lease(b"x", 50)
        operations: Operations = {
            "store": lambda: client.store(b"x", b"1"),
            "find": lambda: client.find(b"x"),
            "fetch": lambda: client.fetch(b"x"),
            "take": lambda: client.take(b"x", 5),
            "fetch and put back": lambda: client.put_back(client.fetch(b"x")),
            "lease and release": lambda: client.release(client.lease(b"x", 3).lease_ids),
            "lease and settle": lambda: client.settle(client.lease(b"x").lease_ids, (b"x", b"1")),
            "list": lambda: client.list_vars(leased=True),
            "fetch from another": lambda: client.fetch(b"y"),
            "declare": lambda: client.declare_var(b"x", mode),
            "a session that leases and leaves": lambda: _come_and_go(client, b"x"),
        }
        if mode == b"fifo":
            variable_id = client.find(b"x").cookie.variable_id
            for place in (0, size // 4, size // 2, size - 1, size + size // 100):
                cookie = Cookie(variable_id, place)
                operations[f"iterate at {place / size:.2}"] = _iteration(client, cookie)
        return operations

    compare(scene, 1_000)


def _iteration(client: Client, cookie: Cookie) -> Callable[[], object]:
    return lambda: client.find(b"x", cookie=cookie)


def _come_and_go(client: Client, var: bytes) -> None:
    """Let another client lease a value and leave."""
    other = Client(client.space, [], b"other")
    other.use_ws()
    other.lease(var)
    other.leave()


def test_variables_in_a_workspace() -> None:
    def scene(size: int) -> Operations:
        company, client = company_of(size)
        for number in range(size):
            name = b"%d" % number
            if number % 4 == 0:
                client.store(name, b"1")
            elif number % 4 == 1:
                client.find(name)
            else:
                client.fetch(name, wait=True, timeout=1000 + number)
        new, old, probed = count(), count(0, 4), count(1, 4)
        return {
            "store": lambda: client.store(b"0", b"1"),
            "find": lambda: client.find(b"4"),
            "new variable": lambda: client.store(b"n%d" % next(new), b"1"),
            "probe": lambda: client.find(b"n%d" % next(new)),
            "probe again": lambda: client.find(b"5"),
            "wait and cancel": lambda: company.space.cancel(_wait(client, b"9")),
            "delete": lambda: client.delete_var(b"%d" % next(old)),
            "delete a probed one": lambda: client.delete_var(b"%d" % next(probed)),
            "expire": company.space.expire,
            "next deadline": company.space.next_deadline,
        }

    compare(scene, 500)


def _wait(client: Client, var: bytes, **options: Any) -> Any:
    waiter = client.fetch(var, wait=True, **options).waiter
    assert waiter is not None
    return waiter


def test_workspaces() -> None:
    def scene(size: int) -> Operations:
        _, client = company_of(size)
        for number in range(size):
            client.open_ws(b"%d" % number)
        new, old = count(), count()
        return {
            "open": lambda: client.open_ws(b"n%d" % next(new)),
            "use": lambda: client.use_ws(b"7"),
            "make a temporary one": lambda: client.mktemp_ws(b"t%d"),
            "list one": lambda: client.list_wss(b"100"),
            "delete": lambda: client.delete_ws(b"%d" % next(old)),
            "a session that comes and goes": lambda: _come_and_go(client, b"x"),
        }

    compare(scene, 500)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("timeout", [None, 1000.0])
def test_fetchers_that_wait(mode: bytes, timeout: float | None) -> None:
    def scene(size: int) -> Operations:
        company, client = company_of(size)
        client.declare_var(b"x", mode)
        client.store(b"x", b"1")
        fetched = client.fetch(b"x")
        client.store(b"x", b"1")
        newest = client.fetch(b"x")
        leaser = company.client()
        waiters = [_wait(client, b"x", timeout=timeout) for _ in range(size)]
        middle = iter(waiters[size // 2 :])
        return {
            "store": lambda: client.store(b"x", b"1"),
            "store many": lambda: client.store(b"x", b"1", b"2", b"3"),
            "put back": lambda: client.put_back(newest),
            "put back what is old": lambda: client.put_back(fetched),
            "cancel": lambda: company.space.cancel(next(middle)),
            "join": lambda: client.fetch(b"x", wait=True, timeout=timeout),
            "find, wait and cancel": lambda: company.space.cancel(_find(client, b"x")),
            "wait for any and cancel": lambda: company.space.cancel(_wait_for_any(client)),
            "fetch without waiting": lambda: client.fetch(b"x"),
            "hand over a lease": lambda: leaser.lease(b"y", wait=True, timeout=timeout),
            "and it comes back": lambda: client.store(b"y", b"1"),
            "list": client.list_vars,
            "expire": company.space.expire,
            "next deadline": company.space.next_deadline,
        }

    compare(scene, 500)


def _wait_for_any(client: Client) -> Any:
    waiter = client.take_any([b"x", b"z", b"x and z"]).waiter
    assert waiter is not None
    return waiter


def _find(client: Client, var: bytes) -> Any:
    waiter = client.find(var, wait=True).waiter
    assert waiter is not None
    return waiter


def test_leases() -> None:
    def scene(size: int) -> Operations:
        company, client = company_of(size)
        client.store(b"x", *[b"1"] * (size + 100))
        client.store(b"y", *[b"1"] * 100)
        held = iter([client.lease(b"x", seconds=1000).lease_id for _ in range(size)][size // 2 :])
        return {
            "lease": lambda: client.lease(b"x"),
            "renew": lambda: client.renew([next(held)], 500),
            "renew to go first": lambda: client.renew([next(held)], 1),
            "release": lambda: client.release([next(held)]),
            "settle": lambda: client.settle([next(held)], (b"y", b"1")),
            "fetch": lambda: client.fetch(b"x"),
            "a session that comes and goes": lambda: _come_and_go(client, b"y"),
            "list variables": lambda: client.list_vars(leased=True),
            "expire": company.space.expire,
            "next deadline": company.space.next_deadline,
        }

    compare(scene, 500)


def test_expiring_costs_what_is_due() -> None:
    def scene(size: int) -> Operations:
        company, client = company_of(size)
        client.store(b"x", *[b"1"] * size)
        for number in range(size):
            client.lease(b"x", seconds=10 + number)
            client.find(b"y", wait=True, timeout=10 + number)
        company.space.now = 8
        return {"the next two": lambda: company.pass_time(1)}

    compare(scene, 500)


class CountedList(list[Value]):
    """Counts the values that are copied out of it, and out of its copies."""

    copied = 0

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        got: Any = super().__getitem__(place)
        CountedList.copied += len(got) if isinstance(place, slice) else 1
        return CountedList(got) if isinstance(place, slice) else got


@pytest.mark.parametrize("limit", [None, 1, 3, 9999])
def test_storing_many_for_many_who_wait(limit: int | None) -> None:
    # Each value goes to somebody once: nothing is copied again for each who is served.
    _, client = company_of(1)
    values = CountedList(text_values([b"1"] * 2000))
    for _ in range(len(values)):
        if limit is None:
            client.fetch(b"x", wait=True)
        else:
            client.take(b"x", limit, wait=True)
    CountedList.copied = 0
    client.store_values(b"x", values)
    assert CountedList.copied <= 3 * len(values)


class MovingDeque(deque[Value]):
    """Counts how often values had to make room for one that was put between them."""

    moved = 0

    def insert(self, place: int, value: Value, /) -> None:
        self.moved += 1
        super().insert(place, value)


@pytest.mark.parametrize("kind", [Fifo, Lifo])
@pytest.mark.parametrize("way", ["put back", "release", "leave", "expire"])
def test_many_values_that_come_back(kind: type[Fifo | Lifo], way: str) -> None:
    company, client = company_of(1)
    client.declare_var(b"x", kind.mode)
    client.store(b"x", *[b"1"] * 2000)
    assert isinstance(company.space, MemorySpace)
    queue = company.space.books.workspaces[WS].variables[b"x"].queue
    assert isinstance(queue, kind)
    queue._returned = returned = MovingDeque()
    if way == "put back":
        client.put_back(client.take(b"x", 1500))
    else:
        leased = client.lease(b"x", 1500, seconds=1)
        if way == "release":
            client.release(leased.lease_ids)
        elif way == "leave":
            client.leave()
        else:
            company.pass_time(1)
        while len(queue) < 2000:  # they come back in parts
            company.pass_time(0)
    assert len(queue) == 2000
    assert len(returned) == 1500
    assert returned.moved == 0
