"""A connection to a server, for Twisted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from nws.nonblocking.server import LoopServer
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT
from nws.tx.deferring import Deferring, deferred
from nws.tx.reactor import ReactorLoop

if TYPE_CHECKING:
    from nws.tx.workspace import NetWorkSpace

__all__ = ["NwsServer"]


class NwsServer(Deferring[LoopServer]):
    """A connection to a server; see `nws.client.NwsServer`. `open` connects, and so
    does ``async with`` in a coroutine."""

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        pickle_protocol: int = 5,
        session: str = "",
        peer_timeout: float | None = None,
        login: str = "",
        reactor: Any = None,
    ) -> None:
        """Prepare a connection; see `nws.client.NwsServer`.

        Args:
            reactor: None for the one that is installed.

        Raises:
            NwsConnectException: there is a connection file that cannot be used.
        """
        make_loop = partial(ReactorLoop, reactor)
        super().__init__(
            LoopServer(make_loop, host, port, pickle_protocol, session, peer_timeout, login)
        )

    @property
    def serverHost(self) -> str:
        """Host name, or ``unix:`` and the path of a socket."""
        return self._inner.serverHost

    @property
    def serverPort(self) -> int:
        """Port number."""
        return self._inner.serverPort

    @property
    def session(self) -> str:
        """The secret by which another process can join this session."""
        return self._inner.session

    def open(self) -> Deferred[NwsServer]:
        """Connect; give this object.

        Raises:
            NwsConnectException: no server answers there, or it speaks only the original protocol.
            NwsOperationException: there is no such session.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> NwsServer:
        await self._inner.connect()
        return self

    def openWs(
        self, wsName: str, *, persistent: bool = False, create: bool = True
    ) -> Deferred[NetWorkSpace]:
        """Open a workspace, and own it if nobody does; see `nws.client.NwsServer.openWs`."""
        options = {"useUse": False, "persistent": persistent, "create": create}
        return Deferred.fromCoroutine(self._space(wsName, options))

    def useWs(self, wsName: str, *, create: bool = True) -> Deferred[NetWorkSpace]:
        """Use a workspace without owning it; see `openWs`."""
        options = {"useUse": True, "persistent": False, "create": create}
        return Deferred.fromCoroutine(self._space(wsName, options))

    async def _space(self, wsName: str, options: dict[str, bool]) -> NetWorkSpace:
        from nws.tx.workspace import NetWorkSpace  # which makes servers, too

        space = NetWorkSpace(wsName, server=self)
        await space._inner.bind(**options)
        return space

    close = deferred(LoopServer.close)
    mktempWs = deferred(LoopServer.mktempWs)
    deleteWs = deferred(LoopServer.deleteWs)
    listWss = deferred(LoopServer.listWss)
    status = deferred(LoopServer.status)

    def __aenter__(self) -> Deferred[NwsServer]:
        return self.open()

    def __aexit__(self, *exception: object) -> Deferred[None]:
        return self.close()

    def __str__(self) -> str:
        return str(self._inner)
