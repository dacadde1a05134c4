"""The contract of a space: what its operations do, in words. `memory.MemorySpace` fulfils it.

A space is used by one thread. It knows no clock and does no I/O of its own.

**Answers.** Each operation is given a `Reply` and calls exactly one of its methods, exactly once,
before it returns; but an operation that waits returns a `Waiter` instead and is answered by a later
operation, `expire` or `close_session`. A caller has at most one unanswered operation per reply.

**Effects first.** An operation is refused before it has changed anything, or it makes all its
changes, tells the recorder of each, and only then calls replies: those of operations that waited,
in order, and then its own. A reply that raises an error undoes nothing but its own delivery: what
it was to get returns to its place, with no attempt counted, and may serve others. Its
`Reply.raised` is told. All other replies are still called, and the operation does not raise.

**Delivery.** A value that a get removed is out of the queue. If the session acknowledges it is in
the session's hands until `confirm` or `put_back`, or returns to its place when the session ends.
Otherwise it is gone at once.

**Time.** Callers set ``now`` (seconds, monotonic) before each batch of operations. Deadlines are
relative to it. When the time of ``next_deadline()`` has come somebody must call ``expire()``;
``on_earlier_deadline`` is called whenever that time moves forward.

**Sessions.** Operations on variables go through the bindings of a session, made by `open_ws`,
`use_ws` and `mktemp_ws`. A binding to a deleted workspace is dead for good: operations fail with
``NO_WORKSPACE``; with ``NOT_OPEN`` where there never was one.

**Deletion.** ``on_deletion`` is called with the name of each workspace that is about to be deleted.
It may look at what is in it, and may neither change anything nor raise.

**Refusals.** What would make a workspace or variable fails with ``REFUSED`` if the new name has
control characters, or if the space has no room left. This holds for gets too.

**Waiting.** A get without ``wait`` that finds nothing fails with ``NO_VALUE``. With ``wait`` it
stays in the variable's line of fetchers or finders until one of: a value comes; ``timeout`` seconds
pass (``TIMED_OUT``); the variable is deleted (``FAILED``), or its workspace (``NO_WORKSPACE``);
`cancel` (no answer at all). One store serves every finder, then the fetcher that has waited
longest. So does a value that comes back, but for finders with a cookie that is not before it.
Whoever leaves a line changes nothing for the others.

**Leases.** A leased value is out of the queue but in the books. It leaves the books when its lease
is settled or its variable deleted. It returns to its place, as if it had not been taken, when the
lease is released, its deadline passes or its session ends; unless the variable is ``single`` and
was given a newer value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nws_server.core.records import Session, Waiter
from nws_server.core.replies import Cookie, Place, Reply, Taken
from nws_server.core.values import Value
from nws_server.core.views import Views

__all__ = ["Cookie", "Place", "Reply", "Session", "Space", "Taken", "Value", "Waiter"]


class Space(Protocol):
    """Named workspaces of variables that any client can put values into and wait on."""

    now: float
    views: Views
    on_earlier_deadline: Callable[[float], None] | None
    on_deletion: Callable[[bytes], None] | None

    def open_session(self, peer: bytes, *, acknowledges: bool) -> Session:
        """Begin a session. ``peer`` is shown in listings; ``acknowledges`` says that each delivery
        will be followed by `confirm` or `put_back`."""

    def close_session(self, session: Session) -> None:
        """End a session: delete the workspaces it owns that are not persistent, then return what
        is in its hands, then its leases, each counted as an attempt. Its waiters must have been
        cancelled. Of very many leases a part returns with the next calls of `expire`."""

    def open_ws(
        self,
        session: Session,
        name: bytes,
        label: bytes,
        persistent: bool,
        create: bool,
        reply: Reply,
    ) -> None:
        """Bind a workspace, and own it if nobody does.

        Only the session that becomes the owner decides whether it is persistent. Fails with
        ``NO_WORKSPACE`` if it does not exist and ``create`` is false, with ``REFUSED`` for a name
        or label with control characters.
        """

    def use_ws(self, session: Session, name: bytes, create: bool, reply: Reply) -> None:
        """Bind a workspace without owning it. Fails like `open_ws`."""

    def mktemp_ws(self, session: Session, template: bytes, reply: Reply) -> None:
        """Make and bind an unowned workspace with a new name; answers with the name.

        The template holds one ``%d`` with an optional width; else the answer is ``REFUSED``.
        """

    def delete_ws(self, session: Session, name: bytes, reply: Reply) -> None:
        """Delete a workspace, whoever owns it. All who wait in it fail, fetchers before finders,
        variable by variable. Fails with ``NO_WORKSPACE`` if there is none."""

    def list_wss(self, session: Session, name: bytes | None, reply: Reply) -> None:
        """Answer with a line per workspace, sorted by name, or for the named one only.

        A line: ``>`` if this session owns it, else a blank; the name; TAB owner; TAB ``True`` or
        ``False`` for persistent; TAB number of variables; TAB their names, sorted, between commas.
        Each line ends with a newline. No workspace: one lone newline.
        """

    def declare_var(
        self, session: Session, ws: bytes, var: bytes, mode: bytes, reply: Reply
    ) -> None:
        """Make a variable of this mode, or make sure that it has it. Fails if it has another."""

    def delete_var(self, session: Session, ws: bytes, var: bytes, reply: Reply) -> None:
        """Delete a variable, its values and leases. All who wait for it fail. Fails if unknown."""

    def list_vars(self, session: Session, ws: bytes, leased: bool, reply: Reply) -> None:
        """Answer with a line per variable, sorted by name, newlines between them.

        A line: name TAB values TAB fetchers TAB finders TAB mode, and TAB leased values if asked.
        """

    def list_leases(self, session: Session, ws: bytes, reply: Reply) -> None:
        """Answer with a line per lease: variable TAB id TAB attempt TAB holder's peer TAB
        milliseconds left; sorted by id, newlines between them."""

    def store(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        values: Sequence[Value],
        reply: Reply,
        variable_id: bytes = b"",
    ) -> None:
        """Store values, in order, all or none. A variable of unknown mode becomes ``fifo``.

        Who waits is served first, in the way of one store after another, except that a fetcher who
        takes several is given as many of these as it may have. Fails with ``REFUSED`` beyond the
        memory limit, and with ``FAILED`` if the variable has another id than the one given.
        """

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
        """Read the value that the mode puts first, leaving it there.

        With a cookie it is the first value after that place; a cookie of another variable and a
        mode that cannot be iterated fail at once. Creates the variable, with unknown mode, if need
        be.
        """

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
        """Like `find`, but take it out. With a cookie it fails if values before that place
        remain; once it waits, it is a fetcher like any other."""

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
        """Take what is there, at least one and at most ``limit`` values; wait for the first only.

        It stops short when the values are large together. With ``lease`` they are leased for this
        number of seconds; else they are delivered.
        """

    def take_any(
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
        """Take from the first of these variables that has something, as `take` does from one.

        If none has, it waits in the lines of all of them; the first value that comes to it in any
        of them ends its wait in all. It makes variables only if it waits. It fails if one of them
        is deleted meanwhile.
        """

    def find_any(
        self,
        session: Session,
        ws: bytes,
        names: Sequence[bytes],
        reply: Reply,
        *,
        timeout: float | None = None,
    ) -> Waiter | None:
        """Read what `find` would in the first of these variables that has something; wait like
        `take_any`. The answer is one of several values."""

    def confirm(self, session: Session, values: Sequence[Value]) -> None:
        """A delivery has reached its client: all its values are gone for good. Nothing happens if
        they are not in the session's hands."""

    def put_back(self, session: Session, place: Place, values: Sequence[Value]) -> None:
        """Undo a delivery: all its values return to their places, also those that were confirmed.
        Nothing happens if the variable is gone."""

    def renew(self, session: Session, ids: Sequence[int], lease: float, reply: Reply) -> None:
        """Let these leases last for ``lease`` seconds from now. All or none: fails with
        ``LEASE_LOST`` if the session does not hold one of them; the reason names it."""

    def release(self, session: Session, ids: Sequence[int], blame: bool, reply: Reply) -> None:
        """Return leased values, counted as an attempt if ``blame``. All or none, like
        `renew`."""

    def settle(
        self,
        session: Session,
        ids: Sequence[int],
        stores: Sequence[tuple[bytes, bytes, Value]],
        reply: Reply,
        *,
        numbered: bool = False,
    ) -> None:
        """Remove leased values for good and store others (workspace, variable, value), in one step.

        All or nothing: fails with ``LEASE_LOST`` if one lease is not held, as `store` does if one
        value cannot be stored, and with ``REFUSED`` if two workspaces are concerned. With
        ``numbered`` the answer is a text: the indexes of the stored values, with blanks between.
        """

    def withdraw(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        indexes: Sequence[int],
        reply: Reply,
        *,
        keep: bool = False,
    ) -> None:
        """Remove the values with these indexes for good that are in the variable's queue: not those
        that are leased, in somebody's hands or gone. With ``keep`` they stay.

        Answers with the indexes of those that it has found, in the order that was asked, with
        blanks between. It makes no variable.
        """

    def cancel(self, waiter: Waiter) -> None:
        """Withdraw a waiting operation, in O(1) for each variable where it waits. Its reply will
        not be called."""

    def next_deadline(self) -> float | None:
        """Return when `expire` has something to do, or None."""

    def expire(self) -> None:
        """Fail the waits whose time is over, and return the leases whose time is over, each
        counted as an attempt. Of very many it ends a part; `next_deadline` is then not later than
        ``now``."""

    def close(self) -> None:
        """Drop everything; whoever waits is told that the server was shut down."""
