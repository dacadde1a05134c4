"""A client of the space inside the server's process: operations in, Deferreds out.

A reply may not call the space. So an answer is only noted, and the Deferred fires when the run
queue lets connections go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from twisted.internet.defer import Deferred

from nws.errors import Status
from nws_server.core.space import Place, Session, Space, Taken, Value, Waiter
from nws_server.hub import Hub

__all__ = ["Fetched", "LocalClient", "OperationFailed"]

_PEER: Final = b"[inspector]"


class OperationFailed(Exception):
    """An operation failed; the message says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Fetched(NamedTuple):
    """A value that was fetched, and its variable."""

    value: Value
    place: Place
    session: Session


class _Answer:
    """The reply of one operation: a `Reply` for the space, and `Ready` to continue for the hub."""

    def __init__(self, hub: Hub, session: Session) -> None:
        self.deferred: Deferred[Any] = Deferred(self._cancelled)
        self.waiter: Waiter | None = None
        self._hub = hub
        self._session = session
        self._result: Any = None

    def _note(self, result: Any) -> None:
        self._result = result
        self.waiter = None
        self._hub.run_queue.ready.append(self)

    def go_on(self) -> None:
        """Fire the Deferred; the run queue calls this."""
        if self.deferred.called:  # it was cancelled after the reply had come
            if isinstance(self._result, Fetched):
                _put_back(self._hub.space, self._result)
        elif isinstance(self._result, OperationFailed):
            self.deferred.errback(self._result)
        else:
            self.deferred.callback(self._result)

    def _cancelled(self, _: Deferred[Any]) -> None:
        if self.waiter is not None:
            self._hub.space.cancel(self.waiter)
            self.waiter = None

    def done(self) -> None:
        self._note(None)

    def failed(self, status: int, reason: str) -> None:
        self._note(OperationFailed(status, reason))

    def value(self, value: Value, index: int, place: Place) -> None:
        self._note(Fetched(value, place, self._session))

    def values(self, taken: list[Taken], place: Place) -> None:
        self._note([value for value, _ in taken])

    def text(self, text: bytes) -> None:
        self._note(text)

    def raised(self, error: Exception) -> None:
        self._note(OperationFailed(Status.INTERNAL, f"the answer failed: {error!r}"))


Operation = Callable[[Space, Session, _Answer], Waiter | None]


class LocalClient:
    """Performs operations, each in a session of its own, which is closed afterwards.

    All Deferreds fail with `OperationFailed`. One that is cancelled while it waits changes nothing.
    """

    def __init__(self, hub: Hub) -> None:
        """Make a client of a server's space."""
        self._hub = hub

    def make(self, ws: bytes) -> Deferred[None]:
        """Create a workspace without an owner, unless it exists."""
        self._hub.space.now = self._hub.clock()
        session = self._hub.space.open_session(_PEER, acknowledges=False)
        answer = _Answer(self._hub, session)
        self._hub.space.use_ws(session, ws, True, answer)
        done = answer.deferred.addBoth(self._leave, session)
        self._hub.run_queue.drain()
        return done

    def store(self, ws: bytes, var: bytes, value: Value) -> Deferred[None]:
        """Store a value in an existing workspace."""
        return self._do(ws, lambda space, me, to: space.store(me, ws, var, (value,), to))

    def fetch(self, ws: bytes, var: bytes) -> Deferred[Fetched]:
        """Fetch a value; fail if there is none."""
        return self._do(ws, lambda space, me, to: space.fetch(me, ws, var, to, wait=False))

    def await_value(self, ws: bytes, var: bytes) -> Deferred[Fetched]:
        """Fetch a value, as soon as there is one."""
        return self._do(ws, lambda space, me, to: space.fetch(me, ws, var, to, wait=True))

    def put_back(self, fetched: Fetched) -> None:
        """Put a fetched value back in its place, unless the variable has been deleted."""
        self._hub.space.now = self._hub.clock()
        _put_back(self._hub.space, fetched)
        self._hub.run_queue.drain()

    def declare(self, ws: bytes, var: bytes, mode: bytes) -> Deferred[None]:
        """Declare a variable in an existing workspace."""
        return self._do(ws, lambda space, me, to: space.declare_var(me, ws, var, mode, to))

    def delete_variable(self, ws: bytes, var: bytes) -> Deferred[None]:
        """Delete a variable."""
        return self._do(ws, lambda space, me, to: space.delete_var(me, ws, var, to))

    def delete_workspace(self, ws: bytes) -> Deferred[None]:
        """Delete a workspace."""
        return self._do(ws, lambda space, me, to: space.delete_ws(me, ws, to))

    def _do(self, ws: bytes, operation: Operation) -> Deferred[Any]:
        hub = self._hub
        hub.space.now = hub.clock()
        session = hub.space.open_session(_PEER, acknowledges=False)
        binding = _Answer(hub, session)
        hub.space.use_ws(session, ws, False, binding)
        done = binding.deferred.addCallback(lambda _: self._perform(operation, session))
        done.addBoth(self._leave, session)
        hub.run_queue.drain()
        return done

    def _perform(self, operation: Operation, session: Session) -> Deferred[Any]:
        answer = _Answer(self._hub, session)
        answer.waiter = operation(self._hub.space, session, answer)
        return answer.deferred

    def _leave(self, result: Any, session: Session) -> Any:
        self._hub.space.close_session(session)
        return result


def _put_back(space: Space, fetched: Fetched) -> None:
    space.put_back(fetched.session, fetched.place, [fetched.value])
