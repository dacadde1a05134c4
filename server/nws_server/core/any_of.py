"""Gets from whichever of several variables has a value, or has one first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nws.errors import Status
from nws_server.core.books import Books
from nws_server.core.lookup import Lookup
from nws_server.core.matching import Matching
from nws_server.core.records import Session, Variable, Waiter, Workspace
from nws_server.core.replies import Reply, Taken, reply_failed


class AnyOf:
    """The operations of a space on several variables of one workspace."""

    def __init__(self, books: Books, lookup: Lookup, matching: Matching) -> None:
        """Work on these books."""
        self._books = books
        self._lookup = lookup
        self._matching = matching

    def take(
        self,
        session: Session,
        ws: bytes,
        names: Sequence[bytes],
        reply: Reply,
        *,
        limit: int,
        timeout: float | None = None,
        lease: float | None = None,
    ) -> Waiter | None:
        """See `Space.take_any`."""
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = _first_with_values(workspace, names)
        if variable is not None:
            self._matching.take(session, variable, reply, limit, lease)
            return None

        def waiter_for(first: Variable) -> Waiter:
            return Waiter(session, reply, first, removes=True, limit=limit, lease=lease)

        return self._wait(session, ws, names, reply, timeout, waiter_for)

    def find(
        self,
        session: Session,
        ws: bytes,
        names: Sequence[bytes],
        reply: Reply,
        *,
        timeout: float | None = None,
    ) -> Waiter | None:
        """See `Space.find_any`."""
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is None:
            return None
        variable = _first_with_values(workspace, names)
        if variable is not None:
            assert variable.queue is not None
            try:
                reply.values([Taken(variable.queue.peek(), 0)], variable)
            except Exception as error:
                reply.raised(error)
            return None

        def waiter_for(first: Variable) -> Waiter:
            return Waiter(session, reply, first, removes=False, limit=1)

        return self._wait(session, ws, names, reply, timeout, waiter_for)

    def _wait(
        self,
        session: Session,
        ws: bytes,
        names: Sequence[bytes],
        reply: Reply,
        timeout: float | None,
        waiter_for: Callable[[Variable], Waiter],
    ) -> Waiter | None:
        """Enqueue a waiter in the lines of all these variables, which are made if need be."""
        wanted = dict.fromkeys(names)
        if not self._lookup.may_have(session, ws, wanted, reply):
            return None
        if timeout is not None and timeout <= 0:
            reply_failed(reply, Status.TIMED_OUT, "no value came in time")
            return None
        books, workspace = self._books, session.bindings[ws]
        waiter: Waiter | None = None
        for var in wanted:
            # To make one may delete another that nobody waits for, but none of those before it.
            variable = workspace.variables.get(var) or books.make_variable(workspace, var)
            if waiter is None:
                waiter = waiter_for(variable)
                books.wait(waiter, timeout)
            else:
                books.wait_also(waiter, variable)
        return waiter


def _first_with_values(workspace: Workspace, names: Iterable[bytes]) -> Variable | None:
    for var in names:
        variable = workspace.variables.get(var)
        if variable is not None and variable.queue:
            return variable
    return None
