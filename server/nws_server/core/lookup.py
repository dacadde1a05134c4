"""Finds what names, ids and leases mean, and refuses what cannot be done.

Nothing has changed yet when an operation is refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nws.errors import Status
from nws_server.core.books import Books
from nws_server.core.names import is_clean, shown
from nws_server.core.records import Lease, Session, Variable, Workspace, variable_weight
from nws_server.core.replies import Cookie, Reply, reply_failed
from nws_server.core.values import Value


class Lookup:
    """Looks things up for the operations of a space.

    What returns None or False here, or True for `is_full`, has called the reply.
    """

    def __init__(self, books: Books, memory_limit: int | None) -> None:
        """Look into these books. ``memory_limit`` is in bytes; None for no limit."""
        self._books = books
        self._memory_limit = memory_limit

    def workspace(self, session: Session, ws: bytes, reply: Reply) -> Workspace | None:
        """Return the workspace that a session has bound to a name."""
        workspace = session.bindings.get(ws)
        if workspace is None:
            reply_failed(reply, Status.NOT_OPEN, f"the workspace {shown(ws)} is not open here")
            return None
        if not workspace.alive:
            reason = f"the workspace {shown(ws)} was deleted since it was opened here"
            reply_failed(reply, Status.NO_WORKSPACE, reason)
            return None
        return workspace

    def variable(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> Variable | None:
        """Return a variable, made with unknown mode if it is not there."""
        workspace = session.bindings.get(ws)
        if workspace is not None and workspace.alive:
            variable = workspace.variables.get(var)
            if variable is not None:
                return variable
        workspace = self.nameable(session, ws, var, reply)
        if workspace is None or self.is_full(variable_weight(var), reply):
            return None
        return self._books.make_variable(workspace, var)

    def variable_with_id(
        self, session: Session, ws: bytes, var: bytes, variable_id: bytes, reply: Reply
    ) -> Variable | None:
        """Return a variable that is there and has this id."""
        workspace = self.workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = workspace.variables.get(var)
        if variable is None or variable.id != variable_id:
            reply_failed(reply, Status.FAILED, f"the variable {shown(var)} has another id")
            return None
        return variable

    def nameable(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> Workspace | None:
        """Return the workspace if it may have a variable of this name."""
        workspace = self.workspace(session, ws, reply)
        if workspace is None or var in workspace.variables:
            return workspace
        if not is_clean(var):
            reply_failed(reply, Status.REFUSED, f"the name {shown(var)} holds control characters")
            return None
        return workspace

    def may_have(self, session: Session, ws: bytes, names: Collection[bytes], reply: Reply) -> bool:
        """Tell whether a workspace has, or may have, variables of all these names."""
        weight = 0
        for var in names:
            workspace = self.nameable(session, ws, var, reply)
            if workspace is None:
                return False
            if var not in workspace.variables:
                weight += variable_weight(var)
        return not (weight and self.is_full(weight, reply))

    def is_full(self, weight: int, reply: Reply) -> bool:
        """Tell whether the memory limit refuses this many bytes more."""
        limit = self._memory_limit
        if limit is None or self._books.memory + weight <= limit:
            return False
        used = self._books.memory
        reason = f"the server's memory limit of {limit} bytes is reached ({used} are in use)"
        reply_failed(reply, Status.REFUSED, reason)
        return True

    def can_iterate(self, variable: Variable, cookie: Cookie, reply: Reply) -> bool:
        """Tell whether an iterator at this position can go on in a variable."""
        if variable.queue is not None and not variable.queue.iterable:
            reason = f"a {variable.mode.decode()} variable cannot be iterated"
        elif cookie.variable_id and cookie.variable_id != variable.id:
            reason = f"the variable {shown(variable.name)} was deleted and made again"
        else:
            return True
        reply_failed(reply, Status.FAILED, reason)
        return False

    def held(self, session: Session, ids: Sequence[int], reply: Reply) -> list[Lease] | None:
        """Return these leases, if the session holds all of them."""
        held = session.leases
        if not ids:
            return []
        if len(ids) == 1 and ids[0] in held:
            return [held[ids[0]]]
        wanted = dict.fromkeys(ids)
        lost = [number for number in wanted if number not in held]
        if lost:
            reason = "not held, or not any more: lease " + ", ".join(map(str, lost[:10]))
            reply_failed(reply, Status.LEASE_LOST, reason)
            return None
        return [held[number] for number in wanted]

    def can_settle(
        self,
        session: Session,
        held: Sequence[Lease],
        stores: Sequence[tuple[bytes, bytes, Value]],
        reply: Reply,
    ) -> bool:
        """Tell whether all stores are possible and everything is in one workspace."""
        concerned: dict[Workspace | None, None] = {}
        for ws, var, _ in stores:
            workspace = self.nameable(session, ws, var, reply)
            if workspace is None:
                return False
            concerned[workspace] = None
        for lease in held:
            concerned[lease.variable.workspace] = None
        if len(concerned) > 1:
            names = [shown(workspace.name) for workspace in concerned if workspace is not None]
            reason = f"the workspaces {names[0]} and {names[1]} cannot be settled in one step"
            reply_failed(reply, Status.REFUSED, reason)
            return False
        if self._memory_limit is None:
            return True
        new = {(ws, var) for ws, var, _ in stores if var not in session.bindings[ws].variables}
        grows = sum(variable_weight(var) for _, var in new)
        grows += sum(value.weight for _, _, value in stores)
        grows -= sum(lease.value.weight for lease in held)
        return grows <= 0 or not self.is_full(grows, reply)
