"""A connection to a server, for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nws.aio.event_loop import AsyncioLoop
from nws.nonblocking.server import LoopServer
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT

if TYPE_CHECKING:
    from nws.aio.workspace import NetWorkSpace

__all__ = ["NwsServer"]


class NwsServer(LoopServer):
    """A connection to a server; see `nws.client.NwsServer`. It is opened by ``async with``, or by
    `open`, on the loop on which it is used."""

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        pickle_protocol: int = 5,
        session: str = "",
        peer_timeout: float | None = None,
        login: str = "",
    ) -> None:
        """Prepare a connection; see `nws.client.NwsServer`.

        Raises:
            NwsConnectException: there is a connection file that cannot be used.
        """
        super().__init__(AsyncioLoop, host, port, pickle_protocol, session, peer_timeout, login)

    async def open(self) -> NwsServer:
        """Connect.

        Raises:
            NwsConnectException: no server answers there, or it speaks only the original protocol.
            NwsOperationException: there is no such session.
        """
        await self.connect()
        return self

    async def openWs(
        self, wsName: str, *, persistent: bool = False, create: bool = True
    ) -> NetWorkSpace:
        """Open a workspace, and own it if nobody does; see `nws.client.NwsServer.openWs`."""
        return await self._space(wsName, useUse=False, persistent=persistent, create=create)

    async def useWs(self, wsName: str, *, create: bool = True) -> NetWorkSpace:
        """Use a workspace without owning it; see `openWs`."""
        return await self._space(wsName, useUse=True, persistent=False, create=create)

    async def _space(
        self, wsName: str, *, useUse: bool, persistent: bool, create: bool
    ) -> NetWorkSpace:
        from nws.aio.workspace import NetWorkSpace  # which makes servers, too

        space = NetWorkSpace(wsName, server=self)
        await space.bind(useUse=useUse, persistent=persistent, create=create)
        return space

    async def __aenter__(self) -> NwsServer:
        return await self.open()

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
