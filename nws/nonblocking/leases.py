"""Leased values on an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from types import TracebackType
from typing import Any, Protocol

from nws.errors import NwsException

__all__ = ["LeaseCall", "LeasingWorkspace", "LoopLease"]


class LeasingWorkspace(Protocol):
    """What a lease needs of its workspace."""

    def settle(
        self, leases: Iterable[LoopLease] | None, stores: Iterable[tuple[str, Any]] = ()
    ) -> Awaitable[None]: ...
    def release(
        self, leases: Iterable[LoopLease] | None, *, blame: bool = True
    ) -> Awaitable[None]: ...
    def renew(self, leases: Iterable[LoopLease] | None, duration: float) -> Awaitable[None]: ...


class LoopLease:
    """A value that was taken, but comes back unless it is settled; see `nws.client.Lease`.

    In ``async with`` it gives the value, settles at the end, and gives the value back if the block
    ends with an exception.

    Attributes:
        value: what was taken.
        variable: the name of its variable.
        id: by which the server knows the lease.
        attempt: 1 for the first time that this value is leased, one more each time it came back.
    """

    def __init__(
        self, ws: LeasingWorkspace, variable: str, number: int, attempt: int, value: Any
    ) -> None:
        """Made by the methods of a workspace."""
        self._workspace = ws
        self.variable = variable
        self.id = number
        self.attempt = attempt
        self.value = value

    def settle(self, stores: Iterable[tuple[str, Any]] = ()) -> Awaitable[None]:
        """Remove the value for good, and store others in the same step; see `nws.client.Lease`."""
        return self._workspace.settle([self], stores)

    def release(self, *, blame: bool = True) -> Awaitable[None]:
        """Give the value back to its place, for others to take; see `nws.client.Lease`."""
        return self._workspace.release([self], blame=blame)

    def renew(self, duration: float) -> Awaitable[None]:
        """Let the lease last for ``duration`` seconds from now; see `nws.client.Lease`."""
        return self._workspace.renew([self], duration)

    def __repr__(self) -> str:
        return f"<Lease {self.id} of {self.variable!r}, attempt {self.attempt}>"

    async def __aenter__(self) -> Any:
        return self.value

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self.settle()
            return
        try:
            # That a task is cancelled is not the value's fault.
            await self.release(blame=isinstance(error, Exception))
        except NwsException:
            pass  # then it comes back by itself, and the block's own exception tells more


class LeaseCall:
    """A lease that is asked for when this is awaited, or entered by ``async with``."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, LoopLease]]) -> None:
        self._ask = ask

    def __await__(self) -> Generator[Any, Any, LoopLease]:
        return self._ask().__await__()

    async def __aenter__(self) -> Any:
        self._lease = await self._ask()
        return self._lease.value

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._lease.__aexit__(kind, error, traceback)
