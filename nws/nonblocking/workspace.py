"""Named workspaces on a server, as coroutines: the operations of `nws.client.NetWorkSpace`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial, update_wrapper
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from nws.nonblocking.iterators import LoopValueIterator
from nws.nonblocking.leases import LeaseCall, LeasingWorkspace, LoopLease
from nws.nonblocking.server import LoopServer
from nws.nonblocking.streams import LoopInbox, LoopOutbox, LoopWatch
from nws.nonblocking.textfile import LoopTextFile
from nws.session.request import Request
from nws.wire.arguments import encode_name
from nws.workspace.cursor import Cursor
from nws.workspace.files import upload_of
from nws.workspace.requests import WorkspaceRequests
from nws.workspace.server_requests import ServerRequests
from nws.workspace.workspace import NetWorkSpace

__all__ = ["LoopWorkspace"]

P = ParamSpec("P")
R = TypeVar("R")


def _operation(
    make: Callable[Concatenate[WorkspaceRequests, P], Request[R]],
) -> Callable[Concatenate[LoopWorkspace, P], Coroutine[Any, Any, R]]:
    """Return the method that carries out the requests which another one makes."""

    async def perform(self: LoopWorkspace, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._session.perform(make(self._requests, *args, **kwargs))

    update_wrapper(perform, make)
    perform.__doc__ = getattr(NetWorkSpace, make.__name__).__doc__
    return perform


class LoopWorkspace:
    """A workspace on a server: variables that hold values, for any process to store and fetch.

    What the operations promise is said in `nws.client.NetWorkSpace`. Where one that removes a value
    is cancelled, the value stays in its place.

    Attributes:
        server: the server behind it.
    """

    def __init__(
        self, name: str, server: LoopServer, leasing: LeasingWorkspace | None = None
    ) -> None:
        """Take a name and a server; see `bind`.

        Args:
            leasing: whose methods leases call; None for those of this object.
        """
        self._leasing = leasing or self
        self._name = encode_name(name, "workspace")
        self.server = server
        self._session = server._session
        self._requests = WorkspaceRequests(self._name, self._session.encoder)

    async def bind(self, *, useUse: bool, persistent: bool, create: bool) -> None:
        """Open the workspace; see `nws.client.NwsServer.openWs` and ``useWs``."""
        name = self.currentWs()
        if useUse:
            request = ServerRequests.useWs(name, create=create)
        else:
            request = ServerRequests.openWs(name, persistent=persistent, create=create)
        await self._session.perform(request)

    def currentWs(self) -> str:
        """Return the name of the workspace."""
        return self._name.decode()

    declare = _operation(WorkspaceRequests.declare)
    deleteVar = _operation(WorkspaceRequests.deleteVar)
    listVars = _operation(WorkspaceRequests.listVars)
    store = _operation(WorkspaceRequests.store)
    fetch = _operation(WorkspaceRequests.fetch)
    fetchTry = _operation(WorkspaceRequests.fetchTry)
    find = _operation(WorkspaceRequests.find)
    findTry = _operation(WorkspaceRequests.findTry)
    fetchFile = _operation(WorkspaceRequests.fetchFile)
    fetchTryFile = _operation(WorkspaceRequests.fetchTryFile)
    findFile = _operation(WorkspaceRequests.findFile)
    findTryFile = _operation(WorkspaceRequests.findTryFile)
    fetch_many = _operation(WorkspaceRequests.fetch_many)
    settle = _operation(WorkspaceRequests.settle)
    withdraw = _operation(WorkspaceRequests.withdraw)
    release = _operation(WorkspaceRequests.release)
    renew = _operation(WorkspaceRequests.renew)
    fetchAny = _operation(WorkspaceRequests.fetchAny)
    findAny = _operation(WorkspaceRequests.findAny)

    async def storeFile(self, varName: str, fobj: BinaryIO, n: int = 0) -> int:
        """Store the bytes of a file as one value; see `nws.client.NetWorkSpace.storeFile`.

        The file is read on the thread of the event loop, in pieces.
        """
        body = upload_of(fobj, n)
        request = self._requests.storeFile(varName, body)
        return await self._session.perform(request) if len(body) else 0

    async def store_many(self, varName: str, values: Iterable[Any]) -> None:
        """Store values in order, many in one message; see
        `nws.client.NetWorkSpace.store_many`."""
        for request in self._requests.store_many(varName, values):
            await self._session.perform(request)

    def lease(
        self, varName: str, *, timeout: float | None = None, duration: float = 60.0
    ) -> LeaseCall:
        """Take a value for a time; see `nws.client.NetWorkSpace.lease`. Awaited, it gives the
        lease; in ``async with`` the value, which is settled at the end of the block, and given back
        on an exception."""

        return LeaseCall(partial(self.lease_one, varName, timeout=timeout, duration=duration))

    async def lease_one(
        self, varName: str, *, timeout: float | None = None, duration: float = 60.0
    ) -> LoopLease:
        """Take a value for a time; see `lease`."""
        (lease,) = await self.lease_many(varName, 1, timeout=timeout, duration=duration)
        return lease

    async def lease_many(
        self,
        varName: str,
        limit: int,
        *,
        timeout: float | None = None,
        duration: float = 60.0,
        keep_unreadable: bool = False,
    ) -> list[LoopLease]:
        """Take what is there, at least one and at most ``limit`` values; see
        `nws.client.NetWorkSpace.lease_many`."""
        request = self._requests.lease_many(
            partial(LoopLease, self._leasing),
            varName,
            limit,
            timeout=timeout,
            duration=duration,
            keep_unreadable=keep_unreadable,
        )
        return await self._session.perform(request)

    async def settle_and_lease(
        self,
        leases: Iterable[LoopLease],
        stores: Iterable[tuple[str, Any]],
        varName: str,
        limit: int,
        *,
        duration: float = 60.0,
    ) -> list[LoopLease]:
        """Settle, then take what is there, in one message; see
        `nws.client.NetWorkSpace.settle_and_lease`."""
        make = partial(LoopLease, self._leasing)
        return await self._session.perform(
            self._requests.settle_and_lease(make, leases, stores, varName, limit, duration=duration)
        )

    def leaseAny(
        self, varNames: Iterable[str], *, timeout: float | None = None, duration: float = 60.0
    ) -> LeaseCall:
        """Take a value for a time from the first of several variables that has one; see `lease`
        and `nws.client.NetWorkSpace.leaseAny`."""

        return LeaseCall(partial(self.lease_any, varNames, timeout=timeout, duration=duration))

    async def lease_any(
        self, varNames: Iterable[str], *, timeout: float | None = None, duration: float = 60.0
    ) -> LoopLease:
        """Take a value for a time; see `leaseAny`."""
        make = partial(LoopLease, self._leasing)
        request = self._requests.leaseAny(make, varNames, timeout=timeout, duration=duration)
        return await self._session.perform(request)

    # Iterators

    def ifetch(self, varName: str, *, timeout: float | None = None) -> LoopValueIterator:
        """Return an iterator that fetches value after value, waiting for each; see
        `nws.client.NetWorkSpace.ifetch`."""
        return self._iterator(varName, "ifetch", timeout)

    def ifetchTry(self, varName: str) -> LoopValueIterator:
        """Return an iterator that fetches value after value until there is none."""
        return self._iterator(varName, "ifetchTry", None)

    def ifind(self, varName: str, *, timeout: float | None = None) -> LoopValueIterator:
        """Return an iterator that finds each value once, removing none, and waits for new ones; see
        `nws.client.NetWorkSpace.ifind`."""
        return self._iterator(varName, "ifind", timeout)

    def ifindTry(self, varName: str) -> LoopValueIterator:
        """Return an iterator that finds each value once until there is none."""
        return self._iterator(varName, "ifindTry", None)

    def _iterator(self, varName: str, operation: str, timeout: float | None) -> LoopValueIterator:
        return LoopValueIterator(self._session, Cursor(self._name, varName, operation, timeout))

    async def makefile(self, varName: str, mode: str = "r") -> LoopTextFile:
        """Return a text file whose lines are the values of a fifo variable; see
        `nws.client.NetWorkSpace.makefile`."""
        file = LoopTextFile(self, varName, mode)
        await file.begin()
        return file

    # Streams

    async def watch(self, varName: str) -> LoopWatch:
        """Return what `ifind` would, with a connection of its own, on which the server sends each
        value as it comes."""
        variable = encode_name(varName)
        connection = await self._session.connect()
        watch = LoopWatch(self._session, connection, self._name, variable)
        await watch.begin()
        return watch

    async def inbox(self, varName: str, limit: int = 1000) -> LoopInbox:
        """Return what fetches the values of a variable as they come; see
        `nws.client.NetWorkSpace.inbox`."""
        fields = self._requests.fetch_many(varName, limit).fields
        inbox = LoopInbox(self._session, await self._session.connect(), fields)
        await inbox.begin()
        return inbox

    async def outbox(self) -> LoopOutbox:
        """Return what stores values without waiting for each reply; see
        `nws.client.NetWorkSpace.outbox`."""
        return LoopOutbox(self._session, await self._session.connect(), self._requests)

    def __str__(self) -> str:
        return f"NetWorkSpace({self.currentWs()!r} on {self._session.endpoint})"
