"""Named workspaces on a server, for Twisted."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from nws.nonblocking.workspace import LoopWorkspace
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT
from nws.tx.deferring import Deferring, Inbox, Outbox, TextFile, ValueIterator, Watch, deferred
from nws.tx.server import NwsServer

__all__ = ["NetWorkSpace"]


class NetWorkSpace(Deferring[LoopWorkspace]):
    """A workspace on a server; `open` connects, and so
    does ``async with`` in a coroutine.

    What the operations promise is said in `nws.client.NetWorkSpace`. Where a Deferred is cancelled
    that waits for one, what was to be removed stays in its place.

    Attributes:
        server: the `NwsServer` behind it.
    """

    def __init__(
        self,
        wsName: str = "__default",
        serverHost: str = DEFAULT_HOST,
        serverPort: int = DEFAULT_PORT,
        useUse: bool = False,
        server: NwsServer | None = None,
        *,
        persistent: bool = False,
        create: bool = True,
        pickle_protocol: int = 5,
        reactor: Any = None,
    ) -> None:
        """Prepare a workspace; see `nws.client.NetWorkSpace`.

        Args:
            reactor: None for the one that is installed.
        """
        self._options = {"useUse": useUse, "persistent": persistent, "create": create}
        self.server = server or NwsServer(
            serverHost, serverPort, pickle_protocol=pickle_protocol, reactor=reactor
        )
        super().__init__(LoopWorkspace(wsName, self.server._inner, self))

    def open(self) -> Deferred[NetWorkSpace]:
        """Connect to the server and open the workspace; give this object.

        Raises:
            NwsConnectException: no server answers, or it speaks only the original protocol.
            NwsNoWorkSpaceException: there is no such workspace and ``create`` is false.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> NetWorkSpace:
        await self.server.open()
        try:
            await self._inner.bind(**self._options)
        except BaseException:
            await self.server.close()
            raise
        return self

    def close(self) -> Deferred[None]:
        """End the session; see `NwsServer.close`."""
        return self.server.close()

    def currentWs(self) -> str:
        """Return the name of the workspace."""
        return self._inner.currentWs()

    declare = deferred(LoopWorkspace.declare)
    deleteVar = deferred(LoopWorkspace.deleteVar)
    listVars = deferred(LoopWorkspace.listVars)
    store = deferred(LoopWorkspace.store)
    fetch = deferred(LoopWorkspace.fetch)
    fetchTry = deferred(LoopWorkspace.fetchTry)
    find = deferred(LoopWorkspace.find)
    findTry = deferred(LoopWorkspace.findTry)
    storeFile = deferred(LoopWorkspace.storeFile)
    fetchFile = deferred(LoopWorkspace.fetchFile)
    fetchTryFile = deferred(LoopWorkspace.fetchTryFile)
    findFile = deferred(LoopWorkspace.findFile)
    findTryFile = deferred(LoopWorkspace.findTryFile)
    store_many = deferred(LoopWorkspace.store_many)
    fetch_many = deferred(LoopWorkspace.fetch_many)
    lease = deferred(LoopWorkspace.lease_one)
    lease_many = deferred(LoopWorkspace.lease_many)
    leaseAny = deferred(LoopWorkspace.lease_any)
    settle = deferred(LoopWorkspace.settle)
    settle_and_lease = deferred(LoopWorkspace.settle_and_lease)
    withdraw = deferred(LoopWorkspace.withdraw)
    release = deferred(LoopWorkspace.release)
    renew = deferred(LoopWorkspace.renew)
    fetchAny = deferred(LoopWorkspace.fetchAny)
    findAny = deferred(LoopWorkspace.findAny)

    def ifetch(self, varName: str, *, timeout: float | None = None) -> ValueIterator:
        """Return an iterator that fetches value after value, waiting for each; see
        `nws.client.NetWorkSpace.ifetch`."""
        return ValueIterator(self._inner.ifetch(varName, timeout=timeout))

    def ifetchTry(self, varName: str) -> ValueIterator:
        """Return an iterator that fetches value after value until there is none."""
        return ValueIterator(self._inner.ifetchTry(varName))

    def ifind(self, varName: str, *, timeout: float | None = None) -> ValueIterator:
        """Return an iterator that finds each value once, removing none, and waits for new ones; see
        `nws.client.NetWorkSpace.ifind`."""
        return ValueIterator(self._inner.ifind(varName, timeout=timeout))

    def ifindTry(self, varName: str) -> ValueIterator:
        """Return an iterator that finds each value once until there is none."""
        return ValueIterator(self._inner.ifindTry(varName))

    def makefile(self, varName: str, mode: str = "r") -> Deferred[TextFile]:
        """Give a text file whose lines are the values of a fifo variable; see
        `nws.client.NetWorkSpace.makefile`."""
        return Deferred.fromCoroutine(self._inner.makefile(varName, mode)).addCallback(TextFile)

    def watch(self, varName: str) -> Deferred[Watch]:
        """Give what `ifind` would, on a connection of its own."""
        return Deferred.fromCoroutine(self._inner.watch(varName)).addCallback(Watch)

    def inbox(self, varName: str, limit: int = 1000) -> Deferred[Inbox]:
        """Give what fetches the values of a variable as they come; see
        `nws.client.NetWorkSpace.inbox`."""
        return Deferred.fromCoroutine(self._inner.inbox(varName, limit)).addCallback(Inbox)

    def outbox(self) -> Deferred[Outbox]:
        """Give what stores values without waiting for each reply; see
        `nws.client.NetWorkSpace.outbox`."""
        return Deferred.fromCoroutine(self._inner.outbox()).addCallback(Outbox)

    def __aenter__(self) -> Deferred[NetWorkSpace]:
        return self.open()

    def __aexit__(self, *exception: object) -> Deferred[None]:
        return self.close()

    def __str__(self) -> str:
        return str(self._inner)
