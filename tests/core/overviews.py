"""What a space holds, and what its model holds, in a form in which they can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nws_server.core.memory import MemorySpace
from nws_server.core.records import Session, Variable
from tests.core import model_records
from tests.core.model import Model

Overview = dict[bytes, tuple[Any, ...]]
"""By workspace."""


def of_space(space: MemorySpace, slots: Mapping[Session, int]) -> Overview:
    """Return what a space holds, given the slot of each session."""
    return {
        name: (
            workspace.owned,
            None if workspace.owner is None else slots[workspace.owner],
            workspace.persistent,
            list(workspace.probed),
            [_variable(variable, slots) for variable in workspace.variables.values()],
        )
        for name, workspace in space.books.workspaces.items()
    }


def _variable(variable: Variable, slots: Mapping[Session, int]) -> tuple[Any, ...]:
    return (
        variable.name,
        variable.mode,
        variable.stored,
        [value.payload for value in sorted(variable.queue or (), key=lambda value: value.index)],
        [waiter.reply for waiter in variable.fetchers],
        [waiter.reply for waiter in variable.finders],
        {
            lease.id: (lease.value.payload, lease.attempt, lease.deadline, slots[lease.session])
            for lease in variable.leases.values()
        },
    )


def of_model(model: Model) -> Overview:
    """Return what the model holds."""
    return {
        name: (
            *(workspace.owned, workspace.owner, workspace.persistent, workspace.probed),
            [_model_variable(model, variable) for variable in workspace.variables.values()],
        )
        for name, workspace in model.workspaces.items()
    }


def _model_variable(model: Model, variable: model_records.Variable) -> tuple[Any, ...]:
    return (
        variable.name,
        variable.mode or b"unknown",
        variable.stored,
        [item.payload for item in variable.items],
        [get.answer for get in variable.fetchers],
        [get.answer for get in variable.finders],
        {
            lease.id: (lease.item.payload, lease.item.attempt + 1, lease.deadline, lease.session)
            for lease in model.leases.values()
            if lease.variable is variable
        },
    )
