"""What must always be true of a space in memory. For tests: it recounts everything."""

from __future__ import annotations

from nws_server.core import workspaces
from nws_server.core.deadlines import Deadlines, Mortal
from nws_server.core.memory import MemorySpace
from nws_server.core.variables import Variable
from nws_server.core.workspaces import Workspace


def check_invariants(space: MemorySpace) -> None:
    """Raise AssertionError if the books do not agree with what the variables hold."""
    memory = leases = 0
    waiters: list[Mortal] = []
    for name, workspace in space.workspaces.items():
        assert workspace.alive
        assert workspace.name == name
        _check_ownership(workspace)
        memory += workspaces.weight_of(name)
        for var, variable in workspace.variables.items():
            assert variable.name == var
            assert variable.workspace is workspace
            _check_variable(variable)
            held = [*(variable.queue or ()), *(x.value for x in variable.leases.values())]
            memory += variable.weight + sum(value.weight for value in held)
            waiters += [*variable.fetchers, *variable.finders]
            leases += len(variable.leases)
    books = space.books
    assert (memory, len(waiters)) == (books.memory, books.waiting)
    assert leases == len(books.leases)
    _check_deadlines(books.deadlines, [*waiters, *books.leases])
    for lease in books.leases:
        assert lease.session.leases[lease.id] is lease
        assert lease.variable.leases[lease.id] is lease
        assert lease.variable.workspace is not None
        assert lease.deadline is not None


def _check_deadlines(deadlines: Deadlines, known: list[Mortal]) -> None:
    """Who has a deadline is in the heap, and nobody else is alive there."""
    entries = [(when, ref()) for when, _, ref in deadlines._heap]
    alive = {
        (when, id(item)) for when, item in entries if item is not None and item.deadline == when
    }
    assert alive == {(item.deadline, id(item)) for item in known if item.deadline is not None}


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
        assert waiter.variable is variable
