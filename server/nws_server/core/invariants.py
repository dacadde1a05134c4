"""What must always be true of a space in memory. For tests: it recounts everything."""

from __future__ import annotations

from nws_server.core.deadlines import Deadlines, Timed
from nws_server.core.memory import MemorySpace
from nws_server.core.records import Lease, Session, Variable, Waiter, Workspace, workspace_weight


def check_invariants(space: MemorySpace) -> None:
    """Raise AssertionError if the books do not agree with what the variables hold."""
    books = space.books
    assert not space._matching.replies, "a reply was not sent"
    memory = leases = 0
    waiters: dict[Waiter, None] = {}  # some wait for several variables
    for name, workspace in books.workspaces.items():
        assert workspace.alive
        assert workspace.name == name
        _check_ownership(workspace)
        memory += workspace_weight(name)
        for var, variable in workspace.variables.items():
            assert variable.name == var
            assert variable.workspace is workspace
            _check_variable(variable)
            held = [*(variable.queue or ()), *(x.value for x in variable.leases.values())]
            memory += variable.weight + sum(value.weight for value in held)
            waiters.update(dict.fromkeys([*variable.fetchers, *variable.finders]))
            leases += len(variable.leases)
    for session in books.sessions.values():
        delivered = [value for _, values in session.hands.values() for value in values]
        memory += sum(value.weight for value in delivered)
    assert (memory, len(waiters)) == (books.memory, books.waiting)
    assert leases == len(books.leases)
    for waiter in waiters:
        _check_waiter(waiter)
    _check_deadlines(books.deadlines, [*waiters, *books.leases.values()])
    for number, lease in books.leases.items():
        assert lease.id == number
        assert books.sessions.get(lease.session.number) is lease.session
        assert lease.session.leases[number] is lease
        assert lease.variable.leases[number] is lease
        assert lease.variable.workspace is not None
        assert lease.deadline is not None
    for number, session in books.sessions.items():
        assert session.number == number
        _check_session(session)


def _check_waiter(waiter: Waiter) -> None:
    variables = [waiter.variable, *waiter.also]
    assert len(set(variables)) == len(variables)
    for variable in variables:
        assert variable.workspace is waiter.variable.workspace
        assert waiter in (variable.fetchers if waiter.removes else variable.finders)


def _check_session(session: Session) -> None:
    for workspace in session.owned:
        assert workspace.owner is session
    assert session.acknowledges or not session.hands
    for first, (variable, values) in session.hands.items():
        assert values[0] is first
        held = {value.index for value in variable.queue or ()}
        held.update(lease.value.index for lease in variable.leases.values())
        assert not held & {value.index for value in values}
        assert all(value.index < variable.stored for value in values)


def _check_deadlines(deadlines: Deadlines[Waiter | Lease], known: list[Timed]) -> None:
    """Who has a deadline is in the heap, and no other entry is valid."""
    entries = [(when, ref()) for when, _, ref in deadlines._heap]
    valid = {
        (when, id(item)) for when, item in entries if item is not None and item.deadline == when
    }
    assert valid == {(item.deadline, id(item)) for item in known if item.deadline is not None}


def _check_ownership(workspace: Workspace) -> None:
    assert workspace.owner is None or workspace in workspace.owner.owned
    assert workspace.owner is None or workspace.owned
    probed = {
        name
        for name, variable in workspace.variables.items()
        if variable.queue is None and not variable.fetchers and not variable.finders
    }
    assert set(workspace.probed) == probed


def _check_variable(variable: Variable) -> None:
    held = list(variable.queue or ())
    indexes = {value.index for value in held}
    assert len(indexes) == len(held) == len(variable.queue or ())
    assert all(0 <= index < variable.stored for index in indexes)
    assert variable.bytes == sum(value.size for value in held)
    order = [value.index for value in held]
    assert variable.mode != b"fifo" or order == sorted(order)
    assert variable.mode != b"lifo" or order == sorted(order, reverse=True)
    assert variable.mode != b"single" or len(held) <= 1
    assert variable.queue is not None or variable.stored == 0
    # Beside values wait only iterators that find, and have seen the newest of them.
    assert not held or not variable.fetchers
    for waiter in variable.finders:
        assert not held or waiter.after >= max(indexes)
    for waiter in [*variable.fetchers, *variable.finders]:
        assert variable in (waiter.variable, *waiter.also)
