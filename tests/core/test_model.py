"""Any sequence of operations, against the model: no value is lost, doubled or given out of turn.

After each step the space is also made again from what its recorder was told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from unittest import TestCase

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.core.space import Cookie
from tests.core.contract.timeouts import Alarm
from tests.core.model import Model
from tests.core.overviews import of_model, of_space
from tests.support.answers import Answer, Kind
from tests.support.clients import Client, Company
from tests.support.recorder import MemoryRecorder, describe
from tests.support.values import text_value

WORKSPACES = [b"a", b"b"]
MODES = [b"fifo", b"lifo", b"multi", b"single"]
SLOTS = 3
ACKNOWLEDGING = [0, 1]
MAX_PROBED = 2

_T = TypeVar("_T")

slots = st.integers(0, SLOTS - 1)
# Most of it happens in one variable, so that things meet there.
workspaces = st.sampled_from([b"a"] * 14 + [b"b"])
names = st.sampled_from([b"x"] * 8 + [b"y", b"u"])
modes = st.sampled_from(MODES)
mostly = st.sampled_from([True, True, False])
leasing = st.sampled_from([2, 5, 20, None])
seconds = st.sampled_from([1, 1, 2, 5])
timeouts = st.sampled_from([None, None, None, None, 4, 0])
places = st.integers(0, 99)


def pick(choices: list[_T], place: int) -> _T:
    """Choose one, by a number that Hypothesis can make smaller."""
    return choices[place % len(choices)]


class SpaceMachine(RuleBasedStateMachine):
    """Three clients in two workspaces do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.recorder = MemoryRecorder()
        self.space = MemorySpace(max_probed=MAX_PROBED, recorder=self.recorder)
        self.company = Company(self.space)
        self.model = Model(MAX_PROBED, ACKNOWLEDGING)
        self.alarm = Alarm(self.space)
        self.clients: dict[int, Client] = {}
        self.lease_ids: list[int] = [77]  # all that there ever were, and one that there was not
        self.cookies: list[Cookie] = [Cookie(b"", 0), Cookie(b"", 5), Cookie(b"1", 0)]
        self.payloads = 0
        self.modes: dict[bytes, bytes] = {}

    @initialize(
        x=modes,
        y=modes,
        stored=st.integers(0, 4),
        takers=st.lists(leasing, max_size=3),
        waiting=st.lists(st.sampled_from(["find", "fetch", "take"]), max_size=5),
    )
    def begin(
        self, x: bytes, y: bytes, stored: int, takers: list[float | None], waiting: list[str]
    ) -> None:
        """Begin where it is interesting: some values are taken, and some clients wait."""
        self.modes = {b"x": x, b"y": y}
        self.space.delete_ws(self.company.stranger().session, b"__default", Answer([]))
        for slot in range(SLOTS):
            self._come(slot)
            for ws in WORKSPACES:
                self._bind(slot, ws, owns=False)
        for name, mode in self.modes.items():
            self._declare(0, WORKSPACES[0], name, mode)
        if stored:
            self.store(0, b"a", b"x", stored)
        for slot, lease in enumerate(takers):
            self.take(slot, b"a", b"x", 2, lease, False, None)
        for place, what in enumerate(waiting):
            if what == "take":
                self.take(place % SLOTS, b"a", b"x", 2, 5, True, None)
            else:
                self.get(place % SLOTS, b"a", b"x", what == "fetch", True, None)

    def _told(self, tell: Callable[[], None]) -> None:
        """Tell the model what was done, with all answers that came of it."""
        self.model.events.extend(self.company.journal)
        for answer in self.company.journal:
            self._remember(answer)
        self.company.journal.clear()
        tell()
        assert not self.model.events, f"nobody asked for {list(self.model.events)}"

    def _remember(self, answer: Answer) -> None:
        self.lease_ids += [number for number in answer.lease_ids if number]
        if answer.kind is Kind.VALUE:
            self.cookies.append(answer.cookie)

    def _payloads(self, count: int) -> list[bytes]:
        self.payloads += count
        return [b"%d" % number for number in range(self.payloads - count, self.payloads)]

    # Sessions, workspaces, variables

    def _come(self, slot: int) -> None:
        self.clients[slot] = self.company.stranger(acknowledges=slot in ACKNOWLEDGING)
        self.model.open_session(slot)

    def _bind(self, slot: int, ws: bytes, *, owns: bool, persistent: bool = False) -> None:
        client = self.clients[slot]
        answer = client.open_ws(ws, persistent=persistent) if owns else client.use_ws(ws)
        self._told(
            lambda: self.model.bind(slot, ws, answer, owns=owns, persistent=persistent),
        )

    # Rules are chosen about equally often. So what upsets the others is one rule, and rarely done.
    @precondition(lambda self: self.payloads > 5)
    @rule(
        slot=slots,
        ws=workspaces,
        var=names,
        mode=modes,
        what=st.sampled_from(
            ["declare"] * 3 + ["cancel"] * 3 + ["delete var", "open", "use", "leave", "delete ws"]
        ),
        which=places,
    )
    def upset(self, slot: int, ws: bytes, var: bytes, mode: bytes, what: str, which: int) -> None:
        if what == "declare":
            self._declare(slot, ws, var, self.modes.get(var, mode))
        elif what == "cancel":
            self._cancel(which)
        elif what == "delete var":
            answer = self.clients[slot].delete_var(var, ws=ws)
            self._told(lambda: self.model.delete_var(slot, ws, var, answer))
        elif what == "open":
            self._bind(slot, ws, owns=True, persistent=which % 2 == 0)
        elif what == "use":
            self._bind(slot, ws, owns=False)
        elif what == "leave":
            self._leave(slot)
        else:
            self._delete_ws(slot, ws)

    def _cancel(self, which: int) -> None:
        if self.model.waits:
            wait = pick(self.model.waits, which)
            self.clients[wait.session].cancel(wait.answer)
            self._told(lambda: self.model.cancel(wait))

    def _leave(self, slot: int) -> None:
        self.clients[slot].leave()
        self._told(lambda: self.model.close_session(slot))
        self._come(slot)
        self._bind(slot, WORKSPACES[0], owns=False)

    def _delete_ws(self, slot: int, ws: bytes) -> None:
        answer = self.clients[slot].delete_ws(ws)
        self._told(lambda: self.model.delete_ws(ws, answer))
        for other in range(SLOTS):
            if other != slot or ws != WORKSPACES[0]:  # one is left with a dead binding
                self._bind(other, ws, owns=False)
        for name, mode in self.modes.items():
            self._declare((slot + 1) % SLOTS, ws, name, mode)

    def _declare(self, slot: int, ws: bytes, var: bytes, mode: bytes) -> None:
        answer = self.clients[slot].declare_var(var, mode, ws=ws)
        self._told(lambda: self.model.declare(slot, ws, var, mode, answer))

    # Values

    @rule(slot=slots, ws=workspaces, var=names, count=st.sampled_from([1, 1, 1, 2, 3]))
    def store(self, slot: int, ws: bytes, var: bytes, count: int) -> None:
        payloads = self._payloads(count)
        answer = self.clients[slot].store(var, *payloads, ws=ws)
        self._told(lambda: self.model.store(slot, ws, var, payloads, answer))

    @rule(
        slot=slots,
        ws=workspaces,
        var=names,
        removes=mostly,
        wait=mostly,
        timeout=timeouts,
    )
    def get(
        self, slot: int, ws: bytes, var: bytes, removes: bool, wait: bool, timeout: float | None
    ) -> None:
        self._get(slot, ws, var, removes=removes, wait=wait, timeout=timeout)

    @rule(
        slot=slots,
        var=names,
        removes=mostly,
        wait=mostly,
        timeout=timeouts,
        which=places,
    )
    def iterate(
        self, slot: int, var: bytes, removes: bool, wait: bool, timeout: float | None, which: int
    ) -> None:
        ws = WORKSPACES[0]
        mine = [cookie for cookie in self.cookies if cookie.variable_id == self._id_of(ws, var)]
        cookie = pick((mine if which % 4 else [])[::-1] or self.cookies, which)
        self._get(slot, ws, var, removes=removes, wait=wait, timeout=timeout, cookie=cookie)

    def _id_of(self, ws: bytes, var: bytes) -> bytes:
        workspace = self.model.workspaces.get(ws)
        variable = workspace.variables.get(var) if workspace is not None else None
        return b"" if variable is None else variable.id

    def _get(
        self, slot: int, ws: bytes, var: bytes, *, removes: bool, wait: bool, **options: Any
    ) -> None:
        client = self.clients[slot]
        get = client.fetch if removes else client.find
        answer = get(var, ws=ws, wait=wait, **options)
        self._told(
            lambda: self.model.get(slot, ws, var, answer, removes=removes, wait=wait, **options),
        )

    @rule(
        slot=slots,
        ws=workspaces,
        var=names,
        limit=st.integers(1, 4),
        lease=leasing,
        wait=mostly,
        timeout=timeouts,
    )
    def take(
        self,
        slot: int,
        ws: bytes,
        var: bytes,
        limit: int,
        lease: float | None,
        wait: bool,
        timeout: float | None,
    ) -> None:
        options: dict[str, Any] = {
            "limit": limit,
            "lease": lease,
            "wait": wait,
            "timeout": timeout,
        }
        answer = self.clients[slot].take(var, ws=ws, **options)
        self._told(lambda: self.model.get(slot, ws, var, answer, removes=True, **options))

    @rule(
        slot=slots,
        ws=workspaces,
        several=st.lists(st.sampled_from([b"x", b"y", b"u", b"v"]), min_size=1, max_size=4),
        removes=mostly,
        limit=st.integers(1, 3),
        lease=leasing,
        timeout=timeouts,
    )
    def get_any(
        self,
        slot: int,
        ws: bytes,
        several: list[bytes],
        removes: bool,
        limit: int,
        lease: float | None,
        timeout: float | None,
    ) -> None:
        client = self.clients[slot]
        options: dict[str, Any] = {"timeout": timeout}
        if removes:
            options |= {"limit": limit, "lease": lease}
            answer = client.take_any(several, ws=ws, **options)
        else:
            answer = client.find_any(several, ws=ws, **options)
        self._told(
            lambda: self.model.get_any(slot, ws, several, answer, removes=removes, **options)
        )

    @precondition(lambda self: self.model.deliveries)
    @rule(which=places, confirm=st.booleans())
    def put_back_or_confirm(self, which: int, confirm: bool) -> None:
        delivery = pick(self.model.deliveries[::-1], which)
        client = self.company.client_of(delivery.answer)
        if confirm:
            client.confirm(delivery.answer)
            delivery.confirmed = True
        else:
            client.put_back(delivery.answer)
            self._told(lambda: self.model.put_back(delivery))

    # Leases

    def _some_leases(self, slot: int, chosen: list[int]) -> list[int]:
        """Choose among those held, and now and then one that is not."""
        held = [lease.id for lease in self.model.leases.values() if lease.session == slot]
        return [
            pick(held, each) if held and each % 10 else pick(self.lease_ids, each)
            for each in chosen
        ]

    def _holder(self, place: int) -> int:
        return pick([lease.session for lease in self.model.leases.values()], place)

    @precondition(lambda self: self.model.leases)
    @rule(
        holder=places,
        chosen=st.lists(places, min_size=1, max_size=4),
        way=st.sampled_from(["blame", "release", "renew"]),
        duration=seconds,
    )
    def end_or_renew(self, holder: int, chosen: list[int], way: str, duration: float) -> None:
        slot = self._holder(holder)
        ids = self._some_leases(slot, chosen)
        client = self.clients[slot]
        if way == "renew":
            answer = client.renew(ids, duration)
            self._told(lambda: self.model.renew(slot, ids, duration, answer))
        else:
            blame = way == "blame"
            answer = client.release(ids, blame=blame)
            self._told(lambda: self.model.release(slot, ids, answer, blame=blame))

    @precondition(lambda self: self.model.leases)
    @rule(
        holder=places,
        chosen=st.lists(places, max_size=3),
        into=st.lists(st.tuples(workspaces, names), max_size=2),
    )
    def settle(self, holder: int, chosen: list[int], into: list[tuple[bytes, bytes]]) -> None:
        slot = self._holder(holder)
        ids = self._some_leases(slot, chosen)
        payloads = self._payloads(len(into))
        stores = [(ws, var, payload) for (ws, var), payload in zip(into, payloads, strict=True)]
        answer = self.clients[slot].settle_values(
            ids, [(ws, var, text_value(payload)) for ws, var, payload in stores]
        )
        self._told(lambda: self.model.settle(slot, ids, stores, answer))

    @rule(
        slot=slots,
        ws=workspaces,
        var=names,
        indexes=st.lists(st.integers(0, 9), max_size=4),
        keep=st.booleans(),
    )
    def withdraw(self, slot: int, ws: bytes, var: bytes, indexes: list[int], keep: bool) -> None:
        answer = self.clients[slot].withdraw(var, indexes, ws=ws, keep=keep)
        self._told(lambda: self.model.withdraw(slot, ws, var, indexes, answer, keep))

    # Time

    @precondition(lambda self: self.alarm.set_for is not None)
    @rule(duration=seconds, late=st.booleans())
    def pass_time(self, duration: float, late: bool) -> None:
        """The alarm rings, or the server is late and several things are over at once."""
        if late:
            self.company.pass_time(duration)
            self.alarm.set_for = self.space.next_deadline()
        else:
            self.alarm.ring()
        self.model.now = self.space.now
        self._told(self.model.expire)

    # What is always true

    @invariant()
    def books_agree(self) -> None:
        check_invariants(self.space)
        self.company.check()

    @invariant()
    def space_and_model_agree(self) -> None:
        slots = {client.session: slot for slot, client in self.clients.items()}
        assert of_space(self.space, slots) == of_model(self.model)

    @invariant()
    def hands_agree(self) -> None:
        for slot, client in self.clients.items():
            hands = [list(values) for _, values in client.session.hands.values()]
            expected = [delivery.answer.values_got for delivery in self.model.in_hands(slot)]
            assert hands == expected

    @invariant()
    def space_can_be_made_again(self) -> None:
        again = self.recorder.rebuild()
        check_invariants(again)
        assert describe(again) == describe(self.space)

    @invariant()
    def alarm_is_not_late(self) -> None:
        assert self.space.next_deadline() == self.model.next_deadline()
        self.alarm.check()

    def teardown(self) -> None:
        self.space.close()
        for client in self.clients.values():
            self.space.close_session(client.session)  # what is in its hands counts until then
        check_invariants(self.space)
        totals = self.space.views.totals()
        assert not any(totals.values()), totals


SpaceMachine.TestCase.settings = settings(
    max_examples=settings().max_examples, stateful_step_count=60
)


TestSpace: type[TestCase] = SpaceMachine.TestCase
