"""Named workspaces on a server, for asyncio."""

from __future__ import annotations

from nws.aio.server import NwsServer
from nws.nonblocking.workspace import LoopWorkspace
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT

__all__ = ["NetWorkSpace"]


class NetWorkSpace(LoopWorkspace):
    """A workspace on a server. It is opened by ``async with``, or by `open`, on the loop on which
    it is used.

    What the operations promise is said in `nws.client.NetWorkSpace`. Where a task that waits for
    one is cancelled, what was to be removed stays in its place.

    Attributes:
        server: the `NwsServer` behind it.
    """

    server: NwsServer

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
    ) -> None:
        """Prepare a workspace; see `nws.client.NetWorkSpace`."""
        self._options = {"useUse": useUse, "persistent": persistent, "create": create}
        super().__init__(
            wsName, server or NwsServer(serverHost, serverPort, pickle_protocol=pickle_protocol)
        )

    async def open(self) -> NetWorkSpace:
        """Connect to the server and open the workspace.

        Raises:
            NwsConnectException: no server answers, or it speaks only the original protocol.
            NwsNoWorkSpaceException: there is no such workspace and ``create`` is false.
        """
        await self.server.open()
        try:
            await self.bind(**self._options)
        except BaseException:
            await self.server.close()
            raise
        return self

    async def close(self) -> None:
        """End the session; see `NwsServer.close`."""
        await self.server.close()

    async def __aenter__(self) -> NetWorkSpace:
        return await self.open()

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
