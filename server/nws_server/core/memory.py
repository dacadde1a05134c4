"""A space whose workspaces live in memory. What its operations promise is said in ``space.py``.

Here names become workspaces and variables, and what cannot be done is refused before anything has
changed. What then happens to values is in ``exchange.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nws.errors import Status
from nws_server.core import listings, templates, variables, workspaces
from nws_server.core.books import Books
from nws_server.core.leases import Lease
from nws_server.core.look import Look
from nws_server.core.names import is_clean, shown
from nws_server.core.queues import QUEUES
from nws_server.core.space import Cookie, Reply, Session, Value, Waiter
from nws_server.core.variables import Variable
from nws_server.core.workspaces import Workspace

DEFAULT_WORKSPACE: Final = b"__default"
MAX_PROBED: Final = 1000
"""Variables per workspace that exist only because somebody asked for them."""

_MKTEMP_TRIES: Final = 1000


class MemorySpace:
    """The space of a server without a disk.

    Attributes:
        workspaces: by name.
        exchange: the books.
        look: for those who only look.
    """

    def __init__(
        self,
        *,
        token: bytes = b"000000",
        memory_limit: int | None = None,
        max_probed: int = MAX_PROBED,
    ) -> None:
        """Make a space that holds only ``__default``.

        Args:
            token: six characters that make the names of temporary workspaces unique to this run.
            memory_limit: bytes of memory for values, variables and workspaces, roughly, beyond
                which no more are taken in; None for no limit.
            max_probed: bound on the variables that only failed gets created, per workspace; at
                least 1.

        Raises:
            ValueError: the bound is less than 1.
        """
        if max_probed < 1:
            raise ValueError(f"max_probed is {max_probed}, not at least 1")
        self.workspaces: dict[bytes, Workspace] = {}
        self.books = Books(self._watch_probed)
        self.look = Look(self.workspaces, self.books)
        self._token = b"__nwss" + token
        self._memory_limit = memory_limit
        self._max_probed = max_probed
        self._serial = -1  # counts workspaces but the first; temporary names are made from it
        self._variable_number = 0
        self._session_number = 0
        default = self._new_workspace(DEFAULT_WORKSPACE)
        default.owned, default.owner_text = True, b"[system]"

    # Sessions

    def open_session(self, peer: bytes) -> Session:
        self._session_number += 1
        return Session(self._session_number, peer)

    def close_session(self, session: Session) -> None:
        for workspace in list(session.owned):
            if workspace.persistent:
                workspace.owner = None
            else:
                self._purge(workspace)
        session.owned.clear()
        self.books.undo(session.leases.values(), blame=True)
        session.bindings.clear()

    # Workspaces

    def open_ws(
        self,
        session: Session,
        name: bytes,
        label: bytes,
        persistent: bool,
        create: bool,
        reply: Reply,
    ) -> None:
        if not is_clean(label):
            return reply.failed(Status.REFUSED, "the owner label holds control characters")
        workspace = self._bind(session, name, create, reply)
        if workspace is None:
            return None
        if not workspace.owned:
            workspace.owned, workspace.owner = True, session
            workspace.owner_text = b"%b (%b)" % (session.peer, label)
            workspace.persistent = persistent
            session.owned[workspace] = None
        return reply.done()

    def use_ws(self, session: Session, name: bytes, create: bool, reply: Reply) -> None:
        if self._bind(session, name, create, reply) is not None:
            reply.done()

    def mktemp_ws(self, session: Session, template: bytes, reply: Reply) -> None:
        if not templates.is_template(template) or not is_clean(template):
            return reply.failed(
                Status.REFUSED,
                f"{shown(template)} is not a name with exactly one %d in it (width up to 20)",
            )
        if self._is_full(workspaces.weight_of(template), reply):
            return None
        for serial in range(self._serial, self._serial + _MKTEMP_TRIES):
            name = templates.fill(template, serial) + self._token
            if name not in self.workspaces:
                self._serial = serial
                session.bindings[name] = self._new_workspace(name)
                return reply.text(name)
        return reply.failed(Status.FAILED, f"no free name for the template {shown(template)}")

    def delete_ws(self, session: Session, name: bytes, reply: Reply) -> None:
        workspace = self.workspaces.get(name)
        if workspace is None:
            return reply.failed(Status.NO_WORKSPACE, f"there is no workspace {shown(name)}")
        self._purge(workspace)
        return reply.done()

    def list_wss(self, session: Session, name: bytes | None, reply: Reply) -> None:
        names = sorted(self.workspaces) if name is None else [name]
        chosen = [self.workspaces[each] for each in names if each in self.workspaces]
        reply.text(listings.list_workspaces(chosen, session))

    def _bind(self, session: Session, name: bytes, create: bool, reply: Reply) -> Workspace | None:
        workspace = self.workspaces.get(name)
        if workspace is None:
            if not create:
                reply.failed(Status.NO_WORKSPACE, f"there is no workspace {shown(name)}")
                return None
            if not is_clean(name):
                reply.failed(Status.REFUSED, f"the name {shown(name)} holds control characters")
                return None
            if self._is_full(workspaces.weight_of(name), reply):
                return None
            workspace = self._new_workspace(name)
        session.bindings[name] = workspace
        return workspace

    def _new_workspace(self, name: bytes) -> Workspace:
        self._serial += 1
        self.books.memory += workspaces.weight_of(name)
        workspace = self.workspaces[name] = Workspace(name, self.books.now)
        return workspace

    def _purge(self, workspace: Workspace) -> None:
        del self.workspaces[workspace.name]
        self.books.memory -= workspaces.weight_of(workspace.name)
        workspace.alive = False
        if workspace.owner is not None:
            workspace.owner.owned.pop(workspace, None)
        reason = f"the workspace {shown(workspace.name)} was deleted"
        for variable in list(workspace.variables.values()):
            self._drop(variable, reason)

    # Variables

    def declare_var(
        self, session: Session, ws: bytes, var: bytes, mode: bytes, reply: Reply
    ) -> None:
        if mode not in QUEUES:
            modes = ", ".join(name.decode() for name in QUEUES)
            return reply.failed(Status.REFUSED, f"{shown(mode)} is not a mode; these are: {modes}")
        variable = self._variable(session, ws, var, reply)
        if variable is None:
            return None
        if variable.queue is None:
            self._set_mode(variable, mode)
        elif variable.mode != mode:
            actual = variable.mode.decode()
            return reply.failed(Status.FAILED, f"the variable {shown(var)} is {actual} already")
        return reply.done()

    def delete_var(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> None:
        workspace = self._workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = workspace.variables.get(var)
        if variable is None:
            return reply.failed(Status.FAILED, f"there is no variable {shown(var)}")
        self._drop(variable, f"the variable {shown(var)} was deleted")
        return reply.done()

    def list_vars(self, session: Session, ws: bytes, leased: bool, reply: Reply) -> None:
        workspace = self._workspace(session, ws, reply)
        if workspace is not None:
            reply.text(listings.list_variables(workspace, leased=leased))

    def list_leases(self, session: Session, ws: bytes, reply: Reply) -> None:
        workspace = self._workspace(session, ws, reply)
        if workspace is not None:
            chosen = [lease for lease in self.books.leases if lease.variable.workspace is workspace]
            reply.text(listings.list_leases(chosen, self.books.now))

    def _workspace(self, session: Session, ws: bytes, reply: Reply) -> Workspace | None:
        workspace = session.bindings.get(ws)
        if workspace is None:
            reply.failed(Status.NOT_OPEN, f"the workspace {shown(ws)} is not open here")
            return None
        if not workspace.alive:
            reason = f"the workspace {shown(ws)} was deleted since it was opened here"
            reply.failed(Status.NO_WORKSPACE, reason)
            return None
        return workspace

    def _variable(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> Variable | None:
        """Return a variable, made with unknown mode if need be; None if the reply was called."""
        workspace = session.bindings.get(ws)
        if workspace is not None and workspace.alive:
            variable = workspace.variables.get(var)
            if variable is not None:
                return variable
        workspace = self._can_name(session, ws, var, reply)
        if workspace is None or self._is_full(variables.weight_of(var), reply):
            return None
        return self._new_variable(workspace, var)

    def _can_name(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> Workspace | None:
        """Return the workspace if it may have a variable of this name; else call the reply."""
        workspace = self._workspace(session, ws, reply)
        if workspace is not None and not is_clean(var):
            reply.failed(Status.REFUSED, f"the name {shown(var)} holds control characters")
            return None
        return workspace

    def _variable_with_id(
        self, session: Session, ws: bytes, var: bytes, variable_id: bytes, reply: Reply
    ) -> Variable | None:
        """Return a variable that is there and has this id; None if the reply was called."""
        workspace = self._workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = workspace.variables.get(var)
        if variable is None or variable.id != variable_id:
            reply.failed(Status.FAILED, f"the variable {shown(var)} has another id")
            return None
        return variable

    def _new_variable(self, workspace: Workspace, var: bytes) -> Variable:
        self._variable_number += 1
        variable = Variable(var, self._variable_number, workspace)
        workspace.variables[var] = variable
        self.books.memory += variable.weight
        self._watch_probed(variable)
        return variable

    def _set_mode(self, variable: Variable, mode: bytes) -> None:
        variable.set_mode(mode)
        if variable.workspace is not None:
            variable.workspace.probed.pop(variable.name, None)

    def _watch_probed(self, variable: Variable) -> None:
        """Remember a variable of unknown mode that nobody waits for; drop the oldest of many."""
        workspace = variable.workspace
        if workspace is None:
            return
        workspace.probed[variable.name] = None
        if len(workspace.probed) > self._max_probed:
            oldest = next(iter(workspace.probed))
            self._drop(workspace.variables[oldest], "")

    def _drop(self, variable: Variable, reason: str) -> None:
        workspace = variable.workspace
        assert workspace is not None
        del workspace.variables[variable.name]
        workspace.probed.pop(variable.name, None)
        self.books.memory -= variable.weight
        self.books.forget(variable, reason)

    # Values in

    def store(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        values: Sequence[Value],
        reply: Reply,
        variable_id: bytes = b"",
    ) -> None:
        if self._memory_limit is not None and self._is_full(sum(v.weight for v in values), reply):
            return
        if variable_id:
            variable = self._variable_with_id(session, ws, var, variable_id, reply)
        else:
            variable = self._variable(session, ws, var, reply)
        if variable is None:
            return
        self._give(variable, values)
        reply.done()

    def _give(self, variable: Variable, values: Sequence[Value]) -> None:
        if variable.queue is None:
            self._set_mode(variable, b"fifo")
        self.books.give(variable, values)

    def _is_full(self, weight: int, reply: Reply) -> bool:
        limit = self._memory_limit
        if limit is None or self.books.memory + weight <= limit:
            return False
        used = self.books.memory
        reason = f"the server's memory limit of {limit} bytes is reached ({used} are in use)"
        reply.failed(Status.REFUSED, reason)
        return True

    # Values out

    def find(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        reply: Reply,
        *,
        wait: bool,
        cookie: Cookie | None = None,
        timeout: float | None = None,
    ) -> Waiter | None:
        variable = self._variable(session, ws, var, reply)
        if variable is None:
            return None
        queue = variable.queue
        after = -1
        if cookie is None:
            found = queue.peek() if queue else None
        elif self._can_iterate(variable, cookie, reply):
            after = cookie.seen
            found = queue.after(after) if queue else None
        else:
            return None
        if found is not None:
            reply.value(found, variable)
            return None
        waiter = Waiter(session, reply, variable, removes=False, after=after)
        return self._miss(waiter, wait, timeout)

    def fetch(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        reply: Reply,
        *,
        wait: bool,
        cookie: Cookie | None = None,
        timeout: float | None = None,
    ) -> Waiter | None:
        variable = self._variable(session, ws, var, reply)
        if variable is None:
            return None
        queue = variable.queue
        if cookie is not None:
            if not self._can_iterate(variable, cookie, reply):
                return None
            if queue and queue.peek().index <= cookie.seen:
                reply.failed(Status.FAILED, "values before the iterator's place are still there")
                return None
        if queue:
            value = variable.take()
            self.books.memory -= value.weight
            reply.value(value, variable)
            return None
        waiter = Waiter(session, reply, variable, removes=True)
        return self._miss(waiter, wait, timeout)

    def take(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        reply: Reply,
        *,
        limit: int,
        wait: bool,
        timeout: float | None = None,
        lease: float | None = None,
    ) -> Waiter | None:
        variable = self._variable(session, ws, var, reply)
        if variable is None:
            return None
        waiter = Waiter(session, reply, variable, removes=True, limit=limit, lease=lease)
        if variable.queue:
            self.books.hand_over(waiter, self.books.collect(variable, limit))
            return None
        return self._miss(waiter, wait, timeout)

    def _can_iterate(self, variable: Variable, cookie: Cookie, reply: Reply) -> bool:
        if variable.queue is not None and not variable.queue.iterable:
            reason = f"a {variable.mode.decode()} variable cannot be iterated"
        elif cookie.variable_id and cookie.variable_id != variable.id:
            reason = f"the variable {shown(variable.name)} was deleted and made anew"
        else:
            return True
        reply.failed(Status.FAILED, reason)
        return False

    def _miss(self, waiter: Waiter, wait: bool, timeout: float | None) -> Waiter | None:
        """Nothing there: fail, or stand in line."""
        if not wait:
            waiter.reply.failed(Status.FAILED, "no value")
            return None
        if timeout is not None and timeout <= 0:
            waiter.reply.failed(Status.TIMED_OUT, "no value came in time")
            return None
        workspace = waiter.variable.workspace
        if workspace is not None and waiter.variable.queue is None:
            workspace.probed.pop(waiter.variable.name, None)
        self.books.wait(waiter, timeout)
        return waiter

    # Values back

    def put_back(self, variable: Variable, values: Sequence[Value]) -> None:
        self.books.put_back(variable, values)

    def renew(self, session: Session, ids: Sequence[int], lease: float, reply: Reply) -> None:
        held = self._held(session, ids, reply)
        if held is not None:
            for each in held:
                self.books.deadlines.enter(each, self.books.now + lease)
            reply.done()

    def release(self, session: Session, ids: Sequence[int], blame: bool, reply: Reply) -> None:
        held = self._held(session, ids, reply)
        if held is not None:
            self.books.undo(held, blame=blame)
            reply.done()

    def settle(
        self,
        session: Session,
        ids: Sequence[int],
        stores: Sequence[tuple[bytes, bytes, Value]],
        reply: Reply,
    ) -> None:
        held = self._held(session, ids, reply)
        if held is None:
            return
        if any(self._can_name(session, ws, var, reply) is None for ws, var, _ in stores):
            return
        new = {(ws, var) for ws, var, _ in stores if var not in session.bindings[ws].variables}
        grows = sum(variables.weight_of(var) for _, var in new)
        grows += sum(value.weight for _, _, value in stores)
        grows -= sum(lease.value.weight for lease in held)
        if grows > 0 and self._is_full(grows, reply):
            return
        for lease in held:
            self.books.close_lease(lease)
        for ws, var, value in stores:
            workspace = session.bindings[ws]
            variable = workspace.variables.get(var) or self._new_variable(workspace, var)
            self._give(variable, (value,))
        reply.done()

    def _held(self, session: Session, ids: Sequence[int], reply: Reply) -> list[Lease] | None:
        leases, lost = self.books.leases.held(session, ids)
        if lost:
            reason = "not held, or not any more: lease " + ", ".join(map(str, lost[:10]))
            reply.failed(Status.LEASE_LOST, reason)
            return None
        return leases

    # Waiting and time

    def cancel(self, waiter: Waiter) -> None:
        self.books.cancel(waiter)

    @property
    def now(self) -> float:
        return self.books.now

    @now.setter
    def now(self, now: float) -> None:
        self.books.now = now

    @property
    def on_earlier_deadline(self) -> Callable[[float], None] | None:
        return self.books.deadlines.on_earlier

    @on_earlier_deadline.setter
    def on_earlier_deadline(self, callback: Callable[[float], None] | None) -> None:
        self.books.deadlines.on_earlier = callback

    def next_deadline(self) -> float | None:
        return self.books.deadlines.next()

    def expire(self) -> None:
        self.books.expire()

    def close(self) -> None:
        for workspace in list(self.workspaces.values()):
            self._purge(workspace)
