"""Which processes are there: each leases a value of its own, its will, as long as it lives.

The will of a process stands in the variable ``gone`` with its id behind. Others can have it when
the lease is over: when the process has left or died, or was silent for longer than it promised. So
the variable is empty as long as the process is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from nws.errors import NwsLeaseLostException, NwsOperationException
from nws.wire.listings import VariableInfo
from nws.workspace.workspace import NetWorkSpace

__all__ = ["FOREVER_SECONDS", "Presence", "gone_of", "ids_of_gone", "ids_of_present"]

FOREVER_SECONDS: Final = 10.0**9
"""Some thirty years: how long a lease lasts that ends with its session only."""

_GONE: Final = "gone "


class Presence:
    """That a process is there, as long as its session lasts and somebody renews it.

    Attributes:
        duration: in seconds, of its lease.
    """

    def __init__(self, workspace: NetWorkSpace, id: str, will: Any, duration: float) -> None:
        """Appear.

        Args:
            workspace: in which others look.
            id: of the process. One that takes the place of another may have its id.
            will: what the others get when it is gone.
            duration: seconds after which it is gone unless it is renewed.

        Raises:
            NwsException: the server is gone, or refuses the will.
        """
        self.duration = duration
        self._workspace = workspace
        self._variable = gone_of(id)
        self._will = will
        self._appear()

    def _appear(self) -> None:
        self._workspace.declare(self._variable, "single")
        self._workspace.store(self._variable, self._will)
        self._lease = self._workspace.lease(self._variable, timeout=0, duration=self.duration)

    def change_will(self, will: Any) -> None:
        """Let the others get something else when it is gone.

        Raises:
            NwsException: the server is gone, or refuses the will.
        """
        self._will = will
        self.end()
        self._appear()

    def renew(self) -> None:
        """Let the duration begin again; or appear again, if it was over and others took it for
        gone.

        Raises:
            NwsException: the server is gone, or refuses the will.
        """
        try:
            self._lease.renew(self.duration)
        except NwsLeaseLostException:
            self._appear()

    def leave(self) -> None:
        """Be gone from now on."""
        with suppress(NwsOperationException):  # the lease has ended; that is the same
            self._lease.release(blame=False)

    def end(self) -> None:
        """Be there no more, and leave no will.

        Raises:
            NwsException: the server or the workspace is gone.
        """
        self._workspace.deleteVar(self._variable)


def gone_of(id: str) -> str:
    """Return the variable with the will of a process."""
    return f"{_GONE}{id}"


def ids_of_present(listing: Mapping[str, VariableInfo]) -> list[str]:
    """Return the ids of the processes that are there, given the variables of their workspace."""
    return [
        name.removeprefix(_GONE)
        for name, variable in listing.items()
        if name.startswith(_GONE) and variable.leased
    ]


def ids_of_gone(listing: Mapping[str, VariableInfo]) -> list[str]:
    """Return the ids of the processes that were there and whose will can be read."""
    return [
        name.removeprefix(_GONE)
        for name, variable in listing.items()
        if name.startswith(_GONE) and variable.values
    ]
