"""Leased values: taken, but not removed for good."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Protocol

from nws.errors import NwsException

__all__ = ["Lease", "LeasingWorkspace"]


class LeasingWorkspace(Protocol):
    """What a lease needs of its workspace."""

    def settle(
        self, leases: Iterable[Lease] | None, stores: Iterable[tuple[str, Any]] = ()
    ) -> None: ...
    def release(self, leases: Iterable[Lease] | None, *, blame: bool = True) -> None: ...
    def renew(self, leases: Iterable[Lease] | None, duration: float) -> None: ...


class Lease:
    """A value that was taken, but comes back unless it is settled; see `NetWorkSpace.lease`.

    As a context manager it gives the value, settles at the end, and gives the value back if the
    block ends with an exception.

    Attributes:
        value: what was taken.
        variable: the name of its variable.
        id: by which the server knows the lease.
        attempt: 1 for the first time that this value is leased, one more each time it came back.
    """

    def __init__(
        self, ws: LeasingWorkspace, variable: str, number: int, attempt: int, value: Any
    ) -> None:
        """Made by `NetWorkSpace.lease`."""
        self._workspace = ws
        self.variable = variable
        self.id = number
        self.attempt = attempt
        self.value = value

    def settle(self, stores: Iterable[tuple[str, Any]] = ()) -> None:
        """Remove the value for good, and store others in the same step.

        Args:
            stores: pairs of a variable in the lease's workspace and a value for it.

        Raises:
            NwsLeaseLostException: the lease has ended before; nothing was done.
            NwsException: see `NetWorkSpace.settle`.
        """
        self._workspace.settle([self], stores)

    def release(self, *, blame: bool = True) -> None:
        """Give the value back to its place, for others to take.

        Args:
            blame: count this as an attempt at the value.

        Raises:
            NwsLeaseLostException: the lease has ended before; nothing was done.
        """
        self._workspace.release([self], blame=blame)

    def renew(self, duration: float) -> None:
        """Let the lease last for ``duration`` seconds from now.

        Raises:
            NwsLeaseLostException: the lease has ended before.
        """
        self._workspace.renew([self], duration)

    def __repr__(self) -> str:
        return f"<Lease {self.id} of {self.variable!r}, attempt {self.attempt}>"

    def __enter__(self) -> Any:
        return self.value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.settle()
            return
        try:
            # Ctrl-C and the like are not the value's fault.
            self.release(blame=isinstance(error, Exception))
        except NwsException:
            pass  # then it comes back by itself, and the block's own exception tells more
