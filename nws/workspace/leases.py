"""Leased values: taken, but not removed for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final

from nws.errors import NwsException
from nws.session.session import Session
from nws.workspace.requests import WorkspaceRequests

__all__ = ["ANY", "Lease", "Leasing"]

ANY: Final = "waiting for several variables"
"""What an original server has not."""


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

    def __init__(self, ws: Leasing, variable: str, number: int, attempt: int, value: Any) -> None:
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


class Leasing:
    """What `nws.client.NetWorkSpace` does with leases."""

    _session: Session
    _requests: WorkspaceRequests

    def lease(self, varName: str, *, timeout: float | None = None, duration: float = 60.0) -> Lease:
        """Take a value for a time; it comes back to its place unless it is settled. Used in a
        ``with`` statement it is settled at the end, and given back on an exception.

        It comes back when this session ends, for example because the process dies, and when
        ``duration`` has passed without `Lease.renew`.

        Args:
            varName: name of the variable.
            timeout: seconds to wait for a value at most; None or infinity for any time.
            duration: seconds for which the lease lasts.

        Raises:
            NwsTimeoutException: no value came in time.
            NwsUnpicklingException: the value cannot be read here; it went back, as an attempt.
            NwsUnsupportedOperationException: the server speaks only the original protocol.
            NwsException: as for `fetch`.
        """
        self._session.require_extensions("leases")
        make = partial(Lease, self)
        request = self._requests.lease_many(make, varName, 1, timeout=timeout, duration=duration)
        ((lease,),) = map(self._session.perform, (request,))
        return lease

    def lease_many(
        self,
        varName: str | Sequence[str],
        limit: int,
        *,
        timeout: float | None = None,
        duration: float = 60.0,
        keep_unreadable: bool = False,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Lease]:
        """Take from 1 to ``limit`` values, of the first variable that has any; see `lease`. If
        ``keep_unreadable``, one that cannot be unpickled is the NwsUnpicklingException. When it was
        asked for, ``meanwhile`` is called, before the wait; it must be quick."""
        self._session.require_extensions("leases" if isinstance(varName, str) else ANY)
        request = self._requests.lease_many(
            partial(Lease, self),
            varName,
            limit,
            timeout=timeout,
            duration=duration,
            keep_unreadable=keep_unreadable,
        )
        request.meanwhile = meanwhile
        (leases,) = map(self._session.perform, (request,))
        return leases

    def leaseAny(
        self, varNames: Iterable[str], *, timeout: float | None = None, duration: float = 60.0
    ) -> Lease:
        """Take a value for a time from the first of several variables that has one; see `fetchAny`
        and `lease`. Its ``variable`` says from which."""
        self._session.require_extensions(ANY)
        make = partial(Lease, self)
        request = self._requests.leaseAny(make, varNames, timeout=timeout, duration=duration)
        (lease,) = map(self._session.perform, (request,))
        return lease

    def settle(
        self, leases: Iterable[Lease] | None, stores: Iterable[tuple[str, Any]] = ()
    ) -> None:
        """Remove leased values for good and store others, in one step: all of it or nothing.

        Args:
            leases: of any variables of one workspace; None for all that the session holds.
            stores: pairs of a variable in this workspace and a value for it.

        Raises:
            NwsLeaseLostException: a lease has ended before; nothing was done.
            NwsOperationException: the leases are of several workspaces; nothing was done.
            ValueError: there are more than some 2,400 values to store; nothing was done.
            NwsException: as for `store`.
        """
        self._session.perform(self._requests.settle(leases, stores))

    def settle_and_lease(
        self,
        leases: Iterable[Lease],
        stores: Iterable[tuple[str, Any]],
        varName: str,
        limit: int,
        *,
        duration: float = 60.0,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Lease]:
        """Do `settle`, then `lease_many` with ``keep_unreadable``, in one message. It waits for a
        value for any time.

        An exception that strikes meanwhile, as Ctrl-C may, does not say whether the leases are
        settled: settle them again then; NwsLeaseLostException means that they are.

        Args:
            leases, stores: see `settle`.
            varName, limit, duration: see `lease_many`.
            meanwhile: is called when the message was sent, before the wait; must be quick.

        Raises:
            NwsException: as for `settle`; then nothing was done. As for `lease_many`: then the
                leases are settled.
        """
        self._session.require_extensions("leases")
        make = partial(Lease, self)
        request = self._requests.settle_and_lease(
            make, leases, stores, varName, limit, duration=duration
        )
        request.meanwhile = meanwhile
        (leased,) = map(self._session.perform, (request,))
        return leased

    def release(self, leases: Iterable[Lease] | None, *, blame: bool = True) -> None:
        """Give leased values back to their places.

        Args:
            leases: of any variables; None for all that the session holds.
            blame: count this as an attempt at the value.

        Raises:
            NwsLeaseLostException: a lease has ended before; nothing was done.
        """
        self._session.perform(self._requests.release(leases, blame=blame))

    def renew(self, leases: Iterable[Lease] | None, duration: float) -> None:
        """Let leases last for ``duration`` seconds from now.

        Args:
            leases: of any variables; None for all that the session holds.
            duration: in seconds.

        Raises:
            NwsLeaseLostException: a lease has ended before; nothing was done.
        """
        self._session.perform(self._requests.renew(leases, duration))
