"""The space in memory. What its operations promise is said in ``space.py``.

Here is what each operation consists of. What cannot be done is refused in ``lookup.py``; what is
done is an effect in ``books.py``; who is served is decided in ``matching.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from nws.errors import Status
from nws_server.core import listings, templates
from nws_server.core.any_of import AnyOf
from nws_server.core.books import MAX_PROBED, Books
from nws_server.core.lookup import Lookup
from nws_server.core.matching import Matching
from nws_server.core.memory_views import MemoryViews
from nws_server.core.names import is_clean, shown
from nws_server.core.queues import QUEUES
from nws_server.core.recorder import Recorder
from nws_server.core.records import (
    Session,
    Variable,
    Waiter,
    Workspace,
    workspace_weight,
)
from nws_server.core.replies import (
    Cookie,
    Place,
    Reply,
    Taken,
    reply_done,
    reply_failed,
    reply_text,
)
from nws_server.core.values import Value
from nws_server.core.views import Views
from nws_server.core.withdrawal import Withdrawal

DEFAULT_WORKSPACE: Final = b"__default"

_MKTEMP_TRIES: Final = 1000

_MAX_ENDED_AT_ONCE: Final = 500
"""Waits and leases: others that end together with them follow in further calls of `expire`, so that
clients have their turn in between."""


class MemorySpace:
    """The space of a server without a disk.

    Attributes:
        books: what it holds.
        views: what of it people can look at.
    """

    def __init__(
        self,
        *,
        token: bytes = b"000000",
        memory_limit: int | None = None,
        max_probed: int = MAX_PROBED,
        recorder: Recorder | None = None,
    ) -> None:
        """Make a space that holds only ``__default``.

        Args:
            token: six characters that make the names of temporary workspaces unique to this run.
            memory_limit: bytes of memory for values, variables and workspaces, roughly, beyond
                which no more are taken in; None for no limit.
            max_probed: bound on the variables that only failed gets created, per workspace; at
                least 1.
            recorder: is told of every change; None if nobody is.

        Raises:
            ValueError: the bound is less than 1.
        """
        if max_probed < 1:
            raise ValueError(f"max_probed is {max_probed}, not at least 1")
        self.books = Books(recorder, max_probed)
        self.views: Views = MemoryViews(self.books)
        self._matching = Matching(self.books)
        self._lookup = Lookup(self.books, memory_limit)
        any_of = AnyOf(self.books, self._lookup, self._matching)
        self.take_any, self.find_any = any_of.take, any_of.find
        self.on_deletion: Callable[[bytes], None] | None = None
        self.withdraw = Withdrawal(self.books, self._lookup).withdraw
        self._token = b"__nwss" + token
        self._memory_limit = memory_limit
        self._ending: deque[Session] = deque()  # closed, but some of their leases are still open
        default = self.books.make_workspace(DEFAULT_WORKSPACE, self.books.last_workspace + 1)
        self.books.own_workspace(default, None, b"[system]", persistent=False)

    # Sessions

    def open_session(self, peer: bytes, *, acknowledges: bool) -> Session:
        return self.books.open_session(peer, acknowledges)

    def close_session(self, session: Session) -> None:
        for workspace in list(session.owned):
            if workspace.persistent:
                self.books.own_workspace(workspace, None, workspace.owner_text, persistent=True)
            else:
                self._purge(workspace)
        for variable, values in list(session.hands.values()):
            self._matching.put_back(session, variable, values)
        self._ending.append(session)
        self._end_sessions()
        self._matching.send_replies()
        if self._ending and self.on_earlier_deadline is not None:
            self.on_earlier_deadline(self.now)

    def _end_sessions(self) -> None:
        """Return leases of closed sessions, a part of them if they are many."""
        left = _MAX_ENDED_AT_ONCE
        while self._ending and left:
            session = self._ending[0]
            leases = list(islice(session.leases.values(), left))
            self._matching.undo(leases, blame=True)
            left -= len(leases)
            if not session.leases:
                self._ending.popleft()
                self.books.close_session(session)

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
            reason = "the owner label holds control characters"
            return reply_failed(reply, Status.REFUSED, reason)
        workspace = self._bind(session, name, create, reply)
        if workspace is None:
            return None
        if not workspace.owned:
            owner_text = b"%b (%b)" % (session.peer, label)
            self.books.own_workspace(workspace, session, owner_text, persistent)
        return reply_done(reply)

    def use_ws(self, session: Session, name: bytes, create: bool, reply: Reply) -> None:
        if self._bind(session, name, create, reply) is not None:
            reply_done(reply)

    def mktemp_ws(self, session: Session, template: bytes, reply: Reply) -> None:
        if not templates.is_template(template) or not is_clean(template):
            return reply_failed(
                reply,
                Status.REFUSED,
                f"{shown(template)} is not a name with exactly one %d in it (width up to 20)",
            )
        if self._lookup.is_full(workspace_weight(template), reply):
            return None
        last = self.books.last_workspace
        for number in range(last, last + _MKTEMP_TRIES):
            name = templates.fill(template, number) + self._token
            if name not in self.books.workspaces:
                self.books.bind(session, self.books.make_workspace(name, number + 1))
                return reply_text(reply, name)
        reason = f"no free name for the template {shown(template)}"
        return reply_failed(reply, Status.FAILED, reason)

    def delete_ws(self, session: Session, name: bytes, reply: Reply) -> None:
        workspace = self.books.workspaces.get(name)
        if workspace is None:
            reason = f"there is no workspace {shown(name)}"
            return reply_failed(reply, Status.NO_WORKSPACE, reason)
        self._purge(workspace)
        self._matching.send_replies()
        return reply_done(reply)

    def list_wss(self, session: Session, name: bytes | None, reply: Reply) -> None:
        workspaces = self.books.workspaces
        names = sorted(workspaces) if name is None else [name]
        chosen = [workspaces[each] for each in names if each in workspaces]
        reply_text(reply, listings.list_workspaces(chosen, session))

    def _bind(self, session: Session, name: bytes, create: bool, reply: Reply) -> Workspace | None:
        workspace = self.books.workspaces.get(name)
        if workspace is None:
            if not create:
                reason = f"there is no workspace {shown(name)}"
                reply_failed(reply, Status.NO_WORKSPACE, reason)
                return None
            if not is_clean(name):
                reason = f"the name {shown(name)} holds control characters"
                reply_failed(reply, Status.REFUSED, reason)
                return None
            if self._lookup.is_full(workspace_weight(name), reply):
                return None
            workspace = self.books.make_workspace(name, self.books.last_workspace + 1)
        self.books.bind(session, workspace)
        return workspace

    def _purge(
        self, workspace: Workspace, status: int = Status.NO_WORKSPACE, reason: str = ""
    ) -> None:
        if self.on_deletion is not None:
            self.on_deletion(workspace.name)
        reason = reason or f"the workspace {shown(workspace.name)} was deleted"
        for variable in list(workspace.variables.values()):
            # One that nobody waits for any more may have been deleted as one too many.
            if variable.workspace is not None:
                self._matching.delete(variable, status, reason)
        self.books.delete_workspace(workspace)

    # Variables

    def declare_var(
        self, session: Session, ws: bytes, var: bytes, mode: bytes, reply: Reply
    ) -> None:
        if mode not in QUEUES:
            modes = ", ".join(name.decode() for name in QUEUES)
            return reply_failed(
                reply, Status.REFUSED, f"{shown(mode)} is not a mode; these are: {modes}"
            )
        variable = self._lookup.variable(session, ws, var, reply)
        if variable is None:
            return None
        if variable.queue is None:
            self.books.set_mode(variable, mode)
        elif variable.mode != mode:
            actual = variable.mode.decode()
            return reply_failed(
                reply, Status.FAILED, f"the variable {shown(var)} is {actual} already"
            )
        return reply_done(reply)

    def delete_var(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> None:
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = workspace.variables.get(var)
        if variable is None:
            return reply_failed(reply, Status.FAILED, f"there is no variable {shown(var)}")
        self._matching.delete(variable, Status.FAILED, f"the variable {shown(var)} was deleted")
        self._matching.send_replies()
        return reply_done(reply)

    def list_vars(self, session: Session, ws: bytes, leased: bool, reply: Reply) -> None:
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is not None:
            reply_text(reply, listings.list_variables(workspace, leased=leased))

    def list_leases(self, session: Session, ws: bytes, reply: Reply) -> None:
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is not None:
            leases = self.books.leases.values()
            chosen = [lease for lease in leases if lease.variable.workspace is workspace]
            reply_text(reply, listings.list_leases(chosen, self.books.now))

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
        if self._memory_limit is not None and self._lookup.is_full(
            sum(v.weight for v in values), reply
        ):
            return
        if variable_id:
            variable = self._lookup.variable_with_id(session, ws, var, variable_id, reply)
        else:
            variable = self._lookup.variable(session, ws, var, reply)
        if variable is None:
            return
        self._give(variable, values)
        if self._matching.replies:
            self._matching.send_replies()
        try:
            reply.done()
        except Exception as error:
            reply.raised(error)

    def _give(self, variable: Variable, values: Sequence[Value]) -> None:
        if variable.queue is None:
            self.books.set_mode(variable, b"fifo")
        self._matching.give(variable, values)

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
        variable = self._lookup.variable(session, ws, var, reply)
        if variable is None:
            return None
        queue = variable.queue
        after = -1
        if cookie is None:
            found = queue.peek() if queue else None
        elif self._lookup.can_iterate(variable, cookie, reply):
            after = cookie.seen
            found = queue.after(after) if queue else None
        else:
            return None
        if found is not None:
            try:
                reply.value(found, variable.index_of(found), variable)
            except Exception as error:
                reply.raised(error)
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
        variable = self._lookup.variable(session, ws, var, reply)
        if variable is None:
            return None
        queue = variable.queue
        if cookie is not None:
            if not self._lookup.can_iterate(variable, cookie, reply):
                return None
            if queue and queue.peek().index <= cookie.seen:
                reply_failed(
                    reply, Status.FAILED, "values before the iterator's place are still there"
                )
                return None
        if queue:
            value = self.books.take(variable, session)
            try:
                reply.value(value, variable.index_of(value), variable)
            except Exception as error:
                taken = (Taken(value, 0),)
                self._matching.not_delivered(reply, error, session, variable, taken)
                self._matching.send_replies()
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
        variable = self._lookup.variable(session, ws, var, reply)
        if variable is None:
            return None
        if variable.queue:
            self._matching.take(session, variable, reply, limit, lease)
            return None
        waiter = Waiter(session, reply, variable, removes=True, limit=limit, lease=lease)
        return self._miss(waiter, wait, timeout)

    def _miss(self, waiter: Waiter, wait: bool, timeout: float | None) -> Waiter | None:
        """No value: enqueue the waiter, or fail if ``wait`` is false."""
        if not wait:
            reply_failed(waiter.reply, Status.NO_VALUE, "no value")
            return None
        if timeout is not None and timeout <= 0:
            reply_failed(waiter.reply, Status.TIMED_OUT, "no value came in time")
            return None
        self.books.wait(waiter, timeout)
        return waiter

    # Values delivered

    def confirm(self, session: Session, values: Sequence[Value]) -> None:
        self.books.confirm(session, values)

    def put_back(self, session: Session, place: Place, values: Sequence[Value]) -> None:
        assert isinstance(place, Variable)
        self._matching.put_back(session, place, values)
        self._matching.send_replies()

    # Leases

    def renew(self, session: Session, ids: Sequence[int], lease: float, reply: Reply) -> None:
        held = self._lookup.held(session, ids, reply)
        if held is not None:
            self.books.renew(held, lease)
            reply_done(reply)

    def release(self, session: Session, ids: Sequence[int], blame: bool, reply: Reply) -> None:
        held = self._lookup.held(session, ids, reply)
        if held is not None:
            self._matching.undo(held, blame=blame)
            self._matching.send_replies()
            reply_done(reply)

    def settle(
        self,
        session: Session,
        ids: Sequence[int],
        stores: Sequence[tuple[bytes, bytes, Value]],
        reply: Reply,
        *,
        numbered: bool = False,
    ) -> None:
        held = self._lookup.held(session, ids, reply)
        if held is None or not self._lookup.can_settle(session, held, stores, reply):
            return
        for lease in held:
            self.books.settle(lease)
        for ws, var, value in stores:
            workspace = session.bindings[ws]
            variable = workspace.variables.get(var)
            if variable is None:
                variable = self.books.make_variable(workspace, var)
            self._give(variable, (value,))
        if self._matching.replies:
            self._matching.send_replies()
        if numbered:
            reply_text(reply, b" ".join(b"%d" % value.index for _, _, value in stores))
            return
        try:
            reply.done()
        except Exception as error:
            reply.raised(error)

    # Waiting and time

    def cancel(self, waiter: Waiter) -> None:
        self.books.leave(waiter)

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
        return self.now if self._ending else self.books.deadlines.next()

    def expire(self) -> None:
        self._end_sessions()
        self._matching.expire(_MAX_ENDED_AT_ONCE)
        self._matching.send_replies()

    def close(self) -> None:
        for workspace in list(self.books.workspaces.values()):
            self._purge(workspace, Status.SHUT_DOWN, "the server was shut down")
        self._matching.send_replies()
