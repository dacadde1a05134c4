"""What a workspace offers beyond the original: batches, leases, and waits for several things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from nws.session.exchange import Field, Item
from nws.session.session import Session, encode_name, milliseconds
from nws.values import decode
from nws.workspace.leases import Lease
from nws.workspace.streams import Inbox, Outbox, Watch

__all__ = ["WorkspaceExtensions"]

_BATCH_VALUES: Final = 1000
_BATCH_BYTES: Final = 1024 * 1024


class WorkspaceExtensions:
    """The part of `nws.client.NetWorkSpace` that the original's user guide does not have.

    Batches also work on an original server, a value at a time; leases do not.
    """

    _session: Session
    _name: bytes

    # Batches

    def store_many(self, varName: str, values: Iterable[Any]) -> None:
        """Store values in order, many in one message. Each message's values are stored together."""
        name = encode_name(varName)
        fields: list[Field] = []
        size = 0
        for value in values:
            descriptor, pieces = self._session.encoder.encode(value)
            fields += (descriptor, pieces)
            size += sum(map(len, pieces))
            if len(fields) >= 2 * _BATCH_VALUES or size >= _BATCH_BYTES:
                self._store_batch(name, fields)
                fields, size = [], 0
        if fields:
            self._store_batch(name, fields)

    def _store_batch(self, name: bytes, fields: list[Field]) -> None:
        if self._session.extended:
            self._session.short([b"store many", self._name, name, *fields])
        else:
            for pair in zip(fields[::2], fields[1::2], strict=True):
                self._session.short([b"store", self._name, name, *pair])

    def fetch_many(self, varName: str, limit: int, *, timeout: float | None = None) -> list[Any]:
        """Remove and return what is there, at least one and at most ``limit`` values.

        It waits for the first one only. Raises what `fetch` raises; then no value is removed, not
        even one that cannot be read. An original server gives one value at a time: it could not
        take back those before one that fails.
        """
        if limit < 1:
            raise ValueError(f"limit {limit} is less than one")
        if not self._session.extended:
            return [self._session.get(b"fetch", self._name, varName, timeout=timeout)[1]]
        fields = [b"take", self._name, encode_name(varName), b"%d" % limit, milliseconds(timeout)]
        return self._session.many(
            fields, timeout, lambda item: decode(item.descriptor, item.payload)
        )

    # Leases

    def lease(self, varName: str, *, timeout: float | None = None, duration: float = 60.0) -> Lease:
        """Take a value for a time; it comes back to its place unless it is settled.

        ::

            with ws.lease("tasks") as task:
                work(task)  # settled at the end, given back on an exception

        It comes back when this session ends, for example because the process dies, and when
        ``duration`` has passed without `Lease.renew`.

        Args:
            varName: name of the variable.
            timeout: seconds to wait for a value; None to wait for ever.
            duration: seconds for which the lease lasts.

        Raises:
            NwsTimeoutException: no value came in time.
            NwsUnsupportedOperationException: the server speaks only the original protocol.
        """
        return self.lease_many(varName, 1, timeout=timeout, duration=duration)[0]

    def lease_many(
        self, varName: str, limit: int, *, timeout: float | None = None, duration: float = 60.0
    ) -> list[Lease]:
        """Take what is there, at least one and at most ``limit`` values, as `lease` does."""
        if limit < 1:
            raise ValueError(f"limit {limit} is less than one")
        self._session.require_extensions("leases")
        fields = [b"lease", self._name, encode_name(varName), b"%d" % limit]
        fields += (milliseconds(timeout), milliseconds(duration))

        def make(item: Item) -> Lease:
            value = decode(item.descriptor, item.payload)
            return Lease(self, varName, item.lease, item.attempt, value)

        return self._session.many(fields, timeout, make)

    def settle(
        self, leases: Iterable[Lease] | None, stores: Iterable[tuple[str, Any]] = ()
    ) -> None:
        """Remove leased values for good and store others, in one step: all of it or nothing.

        Args:
            leases: of any variables; None for all that the session holds.
            stores: pairs of a variable in this workspace and a value for it.

        Raises:
            NwsLeaseLostException: a lease has ended before; nothing was done.
        """
        fields: list[Field] = [b"settle", _ids(leases)]
        for varName, value in stores:
            fields += (self._name, encode_name(varName), *self._session.encoder.encode(value))
        self._session.short(fields)

    def release(self, leases: Iterable[Lease] | None, *, blame: bool = True) -> None:
        """Give leased values back to their places.

        Args:
            leases: of any variables; None for all that the session holds.
            blame: count this as an attempt at the value.

        Raises:
            NwsLeaseLostException: a lease has ended before; nothing was done.
        """
        self._session.short([b"release", _ids(leases), b"yes" if blame else b"no"])

    def renew(self, leases: Iterable[Lease] | None, duration: float) -> None:
        """Let leases last for ``duration`` seconds from now; raises like `release`."""
        self._session.short([b"renew", _ids(leases), milliseconds(duration)])

    # Requests that nobody waits for

    def watch(self, varName: str) -> Watch:
        """Return what `ifind` would, one value after the other, to be waited for with `select`."""
        self._session.require_extensions("watches")
        return Watch(self._session, self._name, encode_name(varName))

    def inbox(self, varName: str, limit: int = 1000) -> Inbox:
        """Return what fetches the values of a variable as they come, ``limit`` at a time.

        The server sends the first ones right away: nobody else gets them.
        """
        self._session.require_extensions("inboxes")
        return Inbox(self._session, self._name, encode_name(varName), limit)

    def outbox(self) -> Outbox:
        """Return what stores values without waiting for the server's word on each."""
        self._session.require_extensions("outboxes")
        return Outbox(self._session, self._name)


def _ids(leases: Iterable[Lease] | None) -> bytes:
    if leases is None:
        return b"all"
    return b" ".join(b"%d" % lease.id for lease in leases)
