"""A space as plain lists, slow and obvious, that knows what the real one has to answer.

The real space goes first. Then the model is told the same operation together with all answers that
came of it, and says for each whether it is the right one at the right place in their order. Only
where chance decides (which value a multi variable gives) it believes the answer, if that is
possible at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from nws.errors import Status
from nws_server.core.space import Cookie
from tests.core.model_records import Delivery, Item, Lease, Timed, Variable, Wait, Workspace
from tests.support.answers import Answer, Kind

WANDERING = (b"lifo", b"multi")
"""Modes that cannot be iterated."""


class Model:
    """What must be true of the space.

    Attributes:
        deliveries: what was fetched or taken, and not put back.
        acknowledging: the sessions that confirm what they are given.
    """

    def __init__(self, max_probed: int, acknowledging: Collection[int]) -> None:
        self.now = 0.0
        self.workspaces: dict[bytes, Workspace] = {}
        self.bindings: dict[int, dict[bytes, Workspace]] = {}
        self.waits: list[Wait] = []
        self.leases: dict[int, Lease] = {}
        self.deliveries: list[Delivery] = []
        self.acknowledging = acknowledging
        self.events: deque[Answer] = deque()
        self._max_probed = max_probed
        self._entered = 0
        self._last_lease = 0

    # Answers

    def _expect(self, answer: Answer, kind: Kind) -> None:
        assert self.events, f"{answer!r} should have come"
        came = self.events.popleft()
        assert came is answer, f"{came!r} came before {answer!r}"
        assert came.kind is kind, f"{came!r} should be {kind}"

    def _fails(self, answer: Answer, status: int) -> None:
        self._expect(answer, Kind.FAILED)
        assert answer.status == status, f"{answer!r} should have the status {status}"

    # Sessions and workspaces

    def open_session(self, slot: int) -> None:
        self.bindings[slot] = {}

    def close_session(self, slot: int) -> None:
        for wait in [wait for wait in self.waits if wait.session == slot]:
            self.cancel(wait)
        for name, workspace in list(self.workspaces.items()):
            if workspace.owner == slot and workspace.persistent:
                workspace.owner = None
            elif workspace.owner == slot:
                self._purge(name)
        for delivery in self.in_hands(slot):
            self.put_back(delivery)
        self._undo([each for each in self.leases.values() if each.session == slot], blame=True)
        del self.bindings[slot]

    def bind(
        self, slot: int, name: bytes, answer: Answer, *, owns: bool, persistent: bool = False
    ) -> None:
        workspace = self.workspaces.setdefault(name, Workspace())
        self.bindings[slot][name] = workspace
        if owns and not workspace.owned:
            workspace.owned, workspace.owner = True, slot
            workspace.persistent = persistent
        self._expect(answer, Kind.DONE)

    def delete_ws(self, name: bytes, answer: Answer) -> None:
        if name not in self.workspaces:
            self._fails(answer, Status.NO_WORKSPACE)
            return
        self._purge(name)
        self._expect(answer, Kind.DONE)

    def _purge(self, name: bytes) -> None:
        workspace = self.workspaces.pop(name)
        workspace.alive = False
        for variable in list(workspace.variables.values()):
            if variable.alive:
                self._drop(variable, Status.NO_WORKSPACE)

    # Variables

    def declare(self, slot: int, ws: bytes, var: bytes, mode: bytes, answer: Answer) -> None:
        variable = self._variable(slot, ws, var, answer)
        if variable is None:
            return
        if variable.mode not in (None, mode):
            self._fails(answer, Status.FAILED)
            return
        self._set_mode(variable, mode)
        self._expect(answer, Kind.DONE)

    def delete_var(self, slot: int, ws: bytes, var: bytes, answer: Answer) -> None:
        workspace = self._workspace(slot, ws, answer)
        if workspace is None:
            return
        if var not in workspace.variables:
            self._fails(answer, Status.FAILED)
            return
        self._drop(workspace.variables[var], Status.FAILED)
        self._expect(answer, Kind.DONE)

    def _workspace(self, slot: int, ws: bytes, answer: Answer) -> Workspace | None:
        workspace = self.bindings[slot].get(ws)
        if workspace is not None and workspace.alive:
            return workspace
        self._fails(answer, Status.NOT_OPEN if workspace is None else Status.NO_WORKSPACE)
        return None

    def _variable(self, slot: int, ws: bytes, var: bytes, answer: Answer) -> Variable | None:
        workspace = self._workspace(slot, ws, answer)
        if workspace is None:
            return None
        if var not in workspace.variables:
            workspace.variables[var] = Variable(var, workspace)
            self._probe(workspace.variables[var])
        return workspace.variables[var]

    def _probe(self, variable: Variable) -> None:
        """Nobody waits for a variable of unknown mode: it is among those that may be dropped."""
        workspace = variable.workspace
        workspace.probed.append(variable.name)
        if len(workspace.probed) > self._max_probed:
            self._drop(workspace.variables[workspace.probed[0]], Status.FAILED)

    def _in_use(self, variable: Variable) -> None:
        if variable.name in variable.workspace.probed:
            variable.workspace.probed.remove(variable.name)

    def _set_mode(self, variable: Variable, mode: bytes) -> None:
        if variable.mode is None:
            variable.mode = mode
            self._in_use(variable)

    def _drop(self, variable: Variable, status: int) -> None:
        del variable.workspace.variables[variable.name]
        self._in_use(variable)
        variable.alive = False
        for wait in [*variable.fetchers, *variable.finders]:
            self._leave(wait)
            self._fails(wait.answer, status)
        for lease in [each for each in self.leases.values() if each.variable is variable]:
            del self.leases[lease.id]

    # Values in

    def store(
        self, slot: int, ws: bytes, var: bytes, payloads: Sequence[bytes], answer: Answer
    ) -> None:
        variable = self._variable(slot, ws, var, answer)
        if variable is not None:
            self._give(variable, payloads)
            self._expect(answer, Kind.DONE)

    def _give(self, variable: Variable, payloads: Sequence[bytes]) -> None:
        self._set_mode(variable, b"fifo")
        rest = []
        for payload in payloads:
            rest.append(Item(payload, variable.stored))
            variable.stored += 1
        for wait in list(variable.finders):
            self._leave(wait)
            wait.variable = variable
            self._found(wait, rest[0])
        while rest and variable.fetchers:
            wait = variable.fetchers[0]
            share = 1 if wait.limit is None or variable.mode == b"single" else wait.limit
            self._leave(wait)
            wait.variable = variable
            self._deliver(wait, rest[:share])
            rest = rest[share:]
        for item in rest:
            self._keep(variable, item)

    def _keep(self, variable: Variable, item: Item) -> None:
        if variable.mode == b"single":
            variable.items.clear()
        variable.items.append(item)
        variable.items.sort(key=lambda each: each.index)

    # Values out

    def get(
        self,
        slot: int,
        ws: bytes,
        var: bytes,
        answer: Answer,
        *,
        removes: bool,
        wait: bool,
        timeout: float | None = None,
        cookie: Cookie | None = None,
        limit: int | None = None,
        lease: float | None = None,
    ) -> None:
        """A find, fetch or take."""
        variable = self._variable(slot, ws, var, answer)
        if variable is None:
            return
        get = Wait(
            answer=answer,
            session=slot,
            variable=variable,
            removes=removes,
            limit=limit,
            lease=lease,
        )
        if cookie is not None:
            if variable.mode in WANDERING or cookie.variable_id not in (b"", variable.id):
                self._fails(answer, Status.FAILED)
                return
            get.after = cookie.last if cookie.variable_id else -1
        if removes and any(item.index <= get.after for item in variable.items):
            self._fails(answer, Status.FAILED)
        elif self._sights(get):
            self._serve(get)
        elif not wait:
            self._fails(answer, Status.NO_VALUE)
        elif timeout is not None and timeout <= 0:
            self._fails(answer, Status.TIMED_OUT)
        else:
            self._join(get, timeout)

    def get_any(
        self,
        slot: int,
        ws: bytes,
        names: Sequence[bytes],
        answer: Answer,
        *,
        removes: bool,
        timeout: float | None,
        limit: int = 1,
        lease: float | None = None,
    ) -> None:
        """A get from any of several variables."""
        workspace = self._workspace(slot, ws, answer)
        if workspace is None:
            return
        known = [workspace.variables[name] for name in names if name in workspace.variables]
        full = [variable for variable in known if variable.items]
        if not full and timeout is not None and timeout <= 0:
            self._fails(answer, Status.TIMED_OUT)
            return
        get: Wait | None = None
        for name in dict.fromkeys([full[0].name] if full else names):
            variable = self._variable(slot, ws, name, answer)
            assert variable is not None
            if get is None:
                get = Wait(
                    answer=answer,
                    session=slot,
                    variable=variable,
                    removes=removes,
                    limit=limit,
                    lease=lease,
                )
                if full:
                    self._serve(get)
                else:
                    self._join(get, timeout)
            else:
                get.also.append(variable)
                self._stand_in_line(get, variable)

    def _sights(self, get: Wait, variable: Variable | None = None) -> list[Item]:
        """Return the values that a get may see in its variable, the first one first."""
        variable = variable or get.variable
        if variable.mode in WANDERING:
            return variable.items[::-1]
        return [item for item in variable.items if get.removes or item.index > get.after]

    def _serve(self, get: Wait) -> None:
        """Let a get have what is in the queue."""
        variable = get.variable
        chosen = self._sights(get)[: get.limit or 1]
        if variable.mode == b"multi":
            by_payload = {item.payload: item for item in variable.items}
            got = [value.payload for value in self.events[0].values_got] if self.events else []
            assert len(set(got)) == len(got) == len(chosen)
            chosen = [by_payload[payload] for payload in got if isinstance(payload, bytes)]
        if get.removes:
            variable.items = [item for item in variable.items if item not in chosen]
            self._deliver(get, chosen)
        else:
            self._found(get, chosen[0])

    def _found(self, get: Wait, item: Item) -> None:
        if get.limit is not None:
            self._expect(get.answer, Kind.VALUES)
            assert get.answer.payloads == [item.payload]
            self._check_place(get)
            return
        self._expect(get.answer, Kind.VALUE)
        variable = get.variable
        assert get.answer.payload == item.payload
        wanders = variable.mode in WANDERING
        assert get.answer.index == (variable.stored - 1 if wanders else item.index)
        assert get.answer.place is not None
        variable.id = get.answer.place.id

    def _deliver(self, get: Wait, items: list[Item]) -> None:
        """Check the answer to a get that removes, and note where its values went."""
        answer = get.answer
        if get.limit is None:
            self._found(get, items[0])
        else:
            self._expect(answer, Kind.VALUES)
            assert answer.payloads == [item.payload for item in items]
            self._check_place(get)
        if get.lease is None:
            assert not any(answer.lease_ids)
            confirmed = get.session not in self.acknowledging
            delivery = Delivery(answer, get.session, get.variable, items, confirmed)
            self.deliveries.append(delivery)
            return
        for item, number in zip(items, answer.lease_ids, strict=True):
            assert number > self._last_lease
            self._last_lease = number
            lease = Lease(id=number, item=item, variable=get.variable, session=get.session)
            self.leases[number] = lease
            self._enter(lease, self.now + get.lease)

    def _check_place(self, get: Wait) -> None:
        assert get.answer.place is not None
        assert get.answer.place.name == get.variable.name

    # Waiting

    def _join(self, get: Wait, timeout: float | None) -> None:
        self._stand_in_line(get, get.variable)
        self.waits.append(get)
        if timeout is not None:
            self._enter(get, self.now + timeout)

    def _stand_in_line(self, get: Wait, variable: Variable) -> None:
        self._in_use(variable)
        line = variable.fetchers if get.removes else variable.finders
        line.append(get)

    def _leave(self, get: Wait) -> None:
        self.waits.remove(get)
        for variable in (get.variable, *get.also):
            line = variable.fetchers if get.removes else variable.finders
            line.remove(get)
            is_unknown = variable.alive and variable.mode is None
            if is_unknown and not (variable.fetchers or variable.finders):
                self._probe(variable)
        get.also = []

    def cancel(self, get: Wait) -> None:
        self._leave(get)

    # Values back

    def in_hands(self, slot: int) -> list[Delivery]:
        """Return what a session has not confirmed yet, oldest first."""
        return [each for each in self.deliveries if each.session == slot and not each.confirmed]

    def put_back(self, delivery: Delivery) -> None:
        self.deliveries.remove(delivery)
        self._come_back(delivery.variable, delivery.items)

    def _come_back(self, variable: Variable, items: Iterable[Item]) -> None:
        for item in items:
            replaced = variable.mode == b"single" and item.index < variable.stored - 1
            if variable.alive and not replaced:
                self._keep(variable, item)
        for get in list(variable.finders):
            if self._sights(get, variable):
                self._leave(get)
                get.variable = variable
                self._serve(get)
        while variable.items and variable.fetchers:
            get = variable.fetchers[0]
            self._leave(get)
            get.variable = variable
            self._serve(get)

    def _undo(self, leases: Sequence[Lease], *, blame: bool) -> None:
        returning: dict[Variable, list[Item]] = {}
        for lease in leases:
            del self.leases[lease.id]
            lease.item.attempt += blame
            returning.setdefault(lease.variable, []).append(lease.item)
        for variable, items in returning.items():
            self._come_back(variable, items)

    def _held(self, slot: int, ids: Sequence[int], answer: Answer) -> list[Lease] | None:
        leases = [self.leases.get(number) for number in dict.fromkeys(ids)]
        held = [lease for lease in leases if lease is not None and lease.session == slot]
        if len(held) < len(leases):
            self._fails(answer, Status.LEASE_LOST)
            return None
        return held

    def renew(self, slot: int, ids: Sequence[int], seconds: float, answer: Answer) -> None:
        held = self._held(slot, ids, answer)
        if held is not None:
            for lease in held:
                self._enter(lease, self.now + seconds)
            self._expect(answer, Kind.DONE)

    def release(self, slot: int, ids: Sequence[int], answer: Answer, *, blame: bool) -> None:
        held = self._held(slot, ids, answer)
        if held is not None:
            self._undo(held, blame=blame)
            self._expect(answer, Kind.DONE)

    def settle(
        self,
        slot: int,
        ids: Sequence[int],
        stores: Sequence[tuple[bytes, bytes, bytes]],
        answer: Answer,
    ) -> None:
        held = self._held(slot, ids, answer)
        if held is None:
            return
        concerned = [lease.variable.workspace for lease in held]
        for ws, _, _ in stores:
            workspace = self._workspace(slot, ws, answer)
            if workspace is None:
                return
            concerned.append(workspace)
        if any(workspace is not concerned[0] for workspace in concerned):
            self._fails(answer, Status.REFUSED)
            return
        for lease in held:
            del self.leases[lease.id]
        for ws, var, payload in stores:
            variable = self._variable(slot, ws, var, answer)
            assert variable is not None
            self._give(variable, [payload])
        self._expect(answer, Kind.DONE)

    def withdraw(
        self, slot: int, ws: bytes, var: bytes, indexes: Sequence[int], answer: Answer, keep: bool
    ) -> None:
        if (workspace := self._workspace(slot, ws, answer)) is not None:
            variable = workspace.variables.get(var) or Variable(var, workspace)
            there = {item.index: item for item in variable.items}
            found = [index for index in dict.fromkeys(indexes) if index in there]
            for index in [] if keep else found:
                variable.items.remove(there[index])
            self._expect(answer, Kind.TEXT)
            assert answer.listing == b" ".join(b"%d" % index for index in found)

    # Time

    def _enter(self, item: Timed, deadline: float) -> None:
        if item.deadline != deadline:
            self._entered += 1
            item.deadline, item.entered = deadline, self._entered

    def _timed(self) -> list[tuple[float, int, Timed]]:
        """Return all with a deadline, the first one first."""
        items: list[Timed] = [*self.waits, *self.leases.values()]
        timed = [(item.deadline, item.entered, item) for item in items if item.deadline is not None]
        return sorted(timed, key=lambda each: each[:2])

    def next_deadline(self) -> float | None:
        timed = self._timed()
        return timed[0][0] if timed else None

    def expire(self) -> None:
        overdue = []
        for deadline, _, item in self._timed():
            if deadline > self.now:
                break
            if isinstance(item, Lease):
                overdue.append(item)
            elif isinstance(item, Wait):
                self.cancel(item)
                self._fails(item.answer, Status.TIMED_OUT)
        self._undo(overdue, blame=True)
