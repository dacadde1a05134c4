"""Global state: values that a master stores once, and each slave reads once."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GlobalStateValue"]


class GlobalStateValue(NamedTuple):
    """Stands among the parameters of a task for a value of the global state.

    Only parameters themselves are replaced, not what is inside them.

    Attributes:
        state_id: what `MasterProcess.setGlobalState` returned; the first one is 1.
        name: of the value.
    """

    state_id: int
    name: str

    @property
    def label(self) -> str:
        """The name of the value among the task manager's data. An id is never given again, so what
        is under a label never changes."""
        return f"state_{self.state_id}_{self.name}"
