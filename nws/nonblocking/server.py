"""A connection to a server, on an event loop: its workspaces, and what it reports about itself."""

from __future__ import annotations

from collections.abc import Callable

from nws.nonblocking.event_loop import EventLoop
from nws.nonblocking.session import LoopSession
from nws.session.endpoint import find_endpoint, remember
from nws.values import Encoder
from nws.wire.listings import WorkspaceInfo
from nws.workspace.constants import STRING
from nws.workspace.server_requests import ServerRequests, ServerStatus

__all__ = ["LoopServer"]


class LoopServer:
    """What `nws.client.NwsServer` does, but for opening workspaces, as coroutines."""

    def __init__(
        self,
        make_loop: Callable[[], EventLoop],
        host: str,
        port: int,
        pickle_protocol: int,
        session: str,
        peer_timeout: float | None,
        login: str,
    ) -> None:
        """Prepare a session; see `nws.client.NwsServer`.

        Args:
            make_loop: called when the session is opened.
        """
        endpoint = find_endpoint(host, port, peer_timeout, login)
        self._has_login = bool(login)
        self._token = session.encode()
        self._session = LoopSession(endpoint, Encoder(pickle_protocol), make_loop)

    @property
    def serverHost(self) -> str:
        """Host name, or ``unix:`` and the path of a socket."""
        return self._session.endpoint.host

    @property
    def serverPort(self) -> int:
        """Port number."""
        return self._session.endpoint.port

    @property
    def session(self) -> str:
        """The secret by which another process can join this session."""
        return self._session.token.decode()

    async def connect(self) -> None:
        """Connect, and begin the session or join it."""
        await self._session.open(self._token)
        if self._has_login:  # else a wrong one would be remembered
            remember(self._session.endpoint)

    async def close(self) -> None:
        """End the session; see `nws.client.NwsServer.close`. It returns when all connections have
        ended."""
        await self._session.close()

    async def mktempWs(self, wsName: str = "__pyws__%d") -> str:
        """Make a workspace that nobody owns; see `nws.client.NwsServer.mktempWs`."""
        return await self._session.perform(ServerRequests.mktempWs(wsName))

    async def deleteWs(self, wsName: str) -> None:
        """Delete a workspace; see `nws.client.NwsServer.deleteWs`."""
        await self._session.perform(ServerRequests.deleteWs(wsName))

    async def listWss(self, format: str = STRING) -> str | dict[str, WorkspaceInfo]:
        """List the workspaces of the server; see `nws.client.NwsServer.listWss`."""
        return await self._session.perform(ServerRequests.listWss(format))

    async def status(self) -> ServerStatus:
        """Return what the server reports about itself."""
        return await self._session.perform(ServerRequests.status())

    def __str__(self) -> str:
        return f"NwsServer({self._session.endpoint})"
