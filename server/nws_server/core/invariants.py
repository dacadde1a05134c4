"""What must always be true of a space in memory. For tests: it recounts everything."""

from __future__ import annotations

from nws_server.core import variables
from nws_server.core.memory import MemorySpace
from nws_server.core.variables import Variable
from nws_server.core.workspaces import Workspace


def check_invariants(space: MemorySpace) -> None:
    """Raise AssertionError if the books do not agree with what the variables hold."""
    memory = waiting = leases = 0
    for name, workspace in space.workspaces.items():
        assert workspace.alive
        assert workspace.name == name
        _check_ownership(workspace)
        for var, variable in workspace.variables.items():
            assert variable.name == var
            assert variable.workspace is workspace
            _check_variable(variable)
            held = [*(variable.queue or ()), *(x.value for x in variable.leases.values())]
            memory += variables.OVERHEAD + sum(value.weight for value in held)
            waiting += len(variable.fetchers) + len(variable.finders)
            leases += len(variable.leases)
    books = space.exchange
    assert (memory, waiting, leases) == (books.memory, books.waiting, len(books.leases))
    for lease in books.leases:
        assert lease.session.leases[lease.id] is lease
        assert lease.variable.leases[lease.id] is lease
        assert lease.variable.workspace is not None
        assert lease.deadline is not None


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
    # Beside values wait only iterators that have seen the newest of them.
    for waiter in [*variable.fetchers, *variable.finders]:
        assert not held or waiter.after >= max(indexes)
        assert waiter.variable is variable
