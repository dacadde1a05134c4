"""A reply that raises, in every operation and at every point: nothing is lost, nobody is left out.

Each scenario runs once undisturbed. Then it runs again and again, and each time another one of the
replies raises an error.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Container
from typing import Any

import pytest

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.core.space import Space
from tests.support.answers import Answer, Kind, ReplyError
from tests.support.cases import each
from tests.support.clients import WS, Client, Company
from tests.support.recorder import MemoryRecorder, describe
from tests.support.values import text_value


class Journal(list[Answer]):
    """A journal of answers; the replies with these numbers, counted from 1, raise an error."""

    def __init__(self) -> None:
        self.fails_at: Container[int] = ()
        self.failed: list[Answer] = []
        self.called = 0

    def append(self, answer: Answer) -> None:
        self.called += 1
        if self.called in self.fails_at:
            self.failed.append(answer)
            raise ReplyError
        super().append(answer)


class Scene:
    """A space with something of everything.

    Attributes:
        owner: owns the workspace. It has a lease in hand of each of ``held`` and ``full``, and has
            fetched a value of each.
        leases: of these two variables; that of ``held`` ends after five seconds.
        fetched: the value of ``held``.
        waiting: gets of all kinds that wait for ``held``, ``empty`` and ``unknown``.
    """

    def __init__(self) -> None:
        self.recorder = MemoryRecorder()
        self.space = MemorySpace(recorder=self.recorder)
        self.company = Company(self.space)
        self.journal = self.company.journal = Journal()
        self.owner = self.company.stranger(acknowledges=True)
        self.owner.open_ws()
        self.waiters = [self.company.client(acknowledges=each) for each in (True, False, False)]
        self.stored: list[bytes] = []
        self.leases: dict[bytes, Answer] = {}
        self.store(b"full", 5)
        self.store(b"held", 2)
        for var in (b"full", b"held"):
            self.leases[var] = self.owner.lease(var, seconds=5 if var == b"held" else 50)
        self.fetched = [self.owner.fetch(var) for var in (b"full", b"held")][1]
        self.owner.declare_var(b"empty", b"fifo")
        self.waiting = [
            answer for var in (b"held", b"empty", b"unknown") for answer in self._wait(var)
        ]
        self.waiting += self._wait_for_any([b"held", b"empty", b"unknown"])
        self.journal.called = 0

    def store(self, var: bytes, count: int) -> Answer:
        payloads = [b"%d" % (len(self.stored) + number) for number in range(count)]
        self.stored += payloads
        return self.owner.store(var, *payloads)

    def _wait(self, var: bytes) -> list[Answer]:
        one, two, three = self.waiters
        return [
            one.find(var, wait=True),
            two.fetch(var, wait=True, timeout=5),
            one.take(var, 2, wait=True),
            three.lease(var, wait=True, seconds=20),
            two.find(var, wait=True, timeout=7),
            one.fetch(var, wait=True),
        ]

    def _wait_for_any(self, names: list[bytes]) -> list[Answer]:
        one, two, three = self.waiters
        return [
            two.find_any(names),
            one.take_any(names, 2),
            three.take_any(names, lease=20, timeout=5),
            two.take_any(names, timeout=7),
        ]

    def settle(self, *, numbered: bool = False) -> None:
        self.stored += [b"settled", b"settled too"]
        stores = [(WS, b"empty", text_value(payload)) for payload in self.stored[-2:]]
        self.owner.settle_values(self.leases[b"full"].lease_ids, stores, numbered=numbered)

    def whereabouts(self) -> Counter[object]:
        """Count the places where each value is: with somebody, or in the space."""
        books = self.space.books
        places: Counter[object] = Counter()
        for workspace in books.workspaces.values():
            for variable in workspace.variables.values():
                places.update(value.payload for value in variable.queue or ())
        places.update(lease.value.payload for lease in books.leases.values())
        for session in books.sessions.values():
            for variable, values in session.hands.values():
                if variable.workspace is not None:
                    places.update(value.payload for value in values)
        for client in self.waiters:
            for answer in client.answers:
                if not client.session.acknowledges and answer.kind in (Kind.VALUE, Kind.VALUES):
                    taken = "find" not in answer.who and not any(answer.lease_ids)
                    places.update(answer.payloads if taken else [])
        return places

    def secret_leases(self) -> set[int]:
        """Return the leases that nobody knows, so that nobody could settle them."""
        answers = [each for client in (self.owner, *self.waiters) for each in client.answers]
        known = {number for answer in answers for number in answer.lease_ids}
        return self.space.books.leases.keys() - known


Operation = Callable[[Scene], Any]


def _leave_persistent(scene: Scene) -> None:
    """The workspace stays, so what the owner held comes back to those who wait."""
    scene.space.books.workspaces[WS].persistent = True
    scene.owner.leave()


def _cancel(scene: Scene) -> None:
    for client in scene.waiters:
        client.cancel(client.answers[-1])


OPERATIONS: dict[str, Operation] = {
    "open ws": lambda scene: scene.owner.open_ws(b"new"),
    "use ws": lambda scene: scene.owner.use_ws(b"new"),
    "use no ws": lambda scene: scene.owner.use_ws(b"none", create=False),
    "mktemp ws": lambda scene: scene.owner.mktemp_ws(b"t%d"),
    "mktemp no ws": lambda scene: scene.owner.mktemp_ws(b"t"),
    "list wss": lambda scene: scene.owner._tell(
        "list wss", lambda reply: scene.space.list_wss(scene.owner.session, None, reply)
    ),
    "declare var": lambda scene: scene.owner.declare_var(b"unknown", b"lifo"),
    "declare no var": lambda scene: scene.owner.declare_var(b"full", b"lifo"),
    "list vars": lambda scene: scene.owner.list_vars(),
    "list leases": lambda scene: scene.owner.list_leases(),
    "store one": lambda scene: scene.store(b"empty", 1),
    "store many": lambda scene: scene.store(b"empty", 9),
    "store the first": lambda scene: scene.store(b"unknown", 4),
    "store none": lambda scene: scene.owner.store(b"empty"),
    "find": lambda scene: scene.owner.find(b"full"),
    "find nothing": lambda scene: scene.owner.find(b"empty"),
    "fetch": lambda scene: scene.waiters[1].fetch(b"full"),
    "fetch into hands": lambda scene: scene.owner.fetch(b"full"),
    "fetch nothing": lambda scene: scene.owner.fetch(b"empty", wait=True, timeout=0),
    "take": lambda scene: scene.waiters[1].take(b"full", 2),
    "take into hands": lambda scene: scene.owner.take(b"full", 2),
    "lease": lambda scene: scene.owner.lease(b"full", 2),
    "take any": lambda scene: scene.waiters[1].take_any([b"empty", b"full"], 2),
    "take any into hands": lambda scene: scene.owner.take_any([b"empty", b"full"], 2),
    "take nothing of any": lambda scene: scene.owner.take_any([b"empty"], timeout=0),
    "lease any": lambda scene: scene.owner.take_any([b"empty", b"full"], 2, lease=10),
    "find any": lambda scene: scene.owner.find_any([b"empty", b"full"]),
    "find nothing of any": lambda scene: scene.owner.find_any([b"empty"], timeout=0),
    "put back": lambda scene: scene.owner.put_back(scene.fetched),
    "confirm": lambda scene: scene.owner.confirm(scene.fetched),
    "cancel": _cancel,
    "renew": lambda scene: scene.owner.renew(scene.leases[b"full"].lease_ids, 9),
    "renew nothing": lambda scene: scene.owner.renew([77], 9),
    "release": lambda scene: scene.owner.release(scene.leases[b"held"].lease_ids),
    "release and blame": lambda scene: scene.owner.release(
        [each for answer in scene.leases.values() for each in answer.lease_ids], blame=True
    ),
    "settle": lambda scene: scene.settle(),
    "settle numbered": lambda scene: scene.settle(numbered=True),
    "withdraw": lambda scene: scene.owner.withdraw(b"full", [2, 3]),
    "withdraw none": lambda scene: scene.owner.withdraw(b"none", [2]),
    "look for some": lambda scene: scene.owner.withdraw(b"full", [2, 3], keep=True),
    "expire": lambda scene: scene.company.pass_time(5),
    "delete var": lambda scene: scene.owner.delete_var(b"held"),
    "delete no var": lambda scene: scene.owner.delete_var(b"none"),
    "delete ws": lambda scene: scene.owner.delete_ws(),
    "close session": lambda scene: scene.owner.leave(),
    "close persistent session": _leave_persistent,
    "close": lambda scene: scene.space.close(),
}


def _run(operation: Operation, fails_at: Container[int]) -> Scene:
    scene = Scene()
    before = scene.whereabouts()
    assert set(before.values()) == {1}
    scene.journal.fails_at = fails_at
    operation(scene)
    check_invariants(scene.space)
    assert not scene.secret_leases()
    assert describe(scene.recorder.rebuild()) == describe(scene.space)
    return scene


@each("name", OPERATIONS)
def test_nothing_is_lost_and_nobody_is_left_out(name: str) -> None:
    undisturbed = _run(OPERATIONS[name], ())
    expected = undisturbed.whereabouts()
    holds = describe(undisturbed.space)
    for fails_at in range(1, undisturbed.journal.called + 1):
        scene = _run(OPERATIONS[name], [fails_at])
        (failed,) = scene.journal.failed
        assert isinstance(failed.error, ReplyError)
        # Each value is still in one place, and the same ones are gone for good.
        assert scene.whereabouts() == expected
        # Everybody else was answered, in the same order; the value may have served others as well.
        told = [answer.who for answer in undisturbed.journal]
        del told[fails_at - 1 + len(told) - undisturbed.journal.called]
        still = iter(answer.who for answer in scene.journal)
        assert all(who in still for who in told)
        if failed.kind not in (Kind.VALUE, Kind.VALUES) or "find" in failed.who:
            assert describe(scene.space) == holds


@each("name", OPERATIONS)
def test_when_all_replies_raise(name: str) -> None:
    scene = Scene()
    scene.journal.fails_at = range(1, 1000)
    before = scene.whereabouts()
    OPERATIONS[name](scene)
    check_invariants(scene.space)
    assert not scene.secret_leases()
    assert all(answer.error is not None for answer in scene.journal.failed)
    there = scene.whereabouts()
    assert max(there.values(), default=1) == 1
    if not name.startswith(("delete", "close", "settle", "withdraw")):
        assert there.keys() >= before.keys() - set(scene.fetched.payloads)


def test_each_operation_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the contract that are given a reply."""
    tried: set[str] = set()

    def noting(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any, **kwargs: Any) -> Any:
            tried.add(name)
            return operation(*args, **kwargs)

        return note

    operations = {
        name
        for name, operation in vars(Space).items()
        if inspect.isfunction(operation) and "reply" in inspect.signature(operation).parameters
    }
    for operation in OPERATIONS.values():
        scene = Scene()
        for name in operations:
            monkeypatch.setattr(scene.space, name, noting(name, getattr(scene.space, name)))
        operation(scene)
    assert tried == operations


def test_settle_is_all_or_nothing_when_a_finder_raises() -> None:
    space = MemorySpace()
    company = Company(space)
    journal = company.journal = Journal()
    client, other = company.client(), company.client()
    client.store(b"task", b"1")
    lease = client.lease(b"task")
    finder = other.find(b"result", wait=True)
    fetcher = other.fetch(b"result", wait=True)
    journal.fails_at = [journal.called + 1]
    settled = client.settle(lease.lease_ids, (b"result", b"42"))
    assert settled.succeeded
    assert finder.error is not None
    assert fetcher.payload == b"42"
    assert (
        client.list_vars(leased=True).listing == b"result\t0\t0\t0\tfifo\t0\ntask\t0\t0\t0\tfifo\t0"
    )
    check_invariants(space)


def test_a_value_that_cannot_be_delivered_serves_the_next_in_line() -> None:
    space = MemorySpace()
    company = Company(space)
    journal = company.journal = Journal()
    clients: list[Client] = [company.client(acknowledges=True) for _ in range(3)]
    fetchers = [client.fetch(b"x", wait=True) for client in clients[:2]]
    journal.fails_at = [journal.called + 1]
    assert clients[2].store(b"x", b"1").succeeded
    assert fetchers[0].error is not None
    assert fetchers[1].payload == b"1"
    assert not clients[0].session.hands
    assert len(clients[1].session.hands) == 1
    check_invariants(space)
