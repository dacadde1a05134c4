"""A connection to a server: its workspaces, and what it reports about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nws.session.endpoint import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    DEFAULT_WEB_PORT,
    Endpoint,
    find_endpoint,
    remember,
)
from nws.session.inspector import inspector_address, open_in_browser
from nws.session.request import Request
from nws.session.session import Session
from nws.values import Encoder
from nws.wire.arguments import encode_name
from nws.wire.listings import WorkspaceInfo
from nws.workspace.constants import STRING
from nws.workspace.server_requests import ServerRequests, ServerStatus

if TYPE_CHECKING:
    from nws.workspace.workspace import NetWorkSpace

__all__ = ["NwsServer"]


class NwsServer:
    """A connection to a server.

    Attributes:
        serverHost: host name, or ``unix:`` and the path of a socket.
        serverPort: port number.
    """

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
        """Connect to a server.

        Args:
            host: host name or address; or ``unix:`` and the path of a socket.
            port: TCP port; not used for a socket.
            pickle_protocol: for values that are neither text nor bytes. Use 2 if programs in
                Python 2 read them.
            session: the `session` of another process, to join that one rather than begin a new one.
                Ownership and leases are shared. It ends when the last of its processes leaves.
            peer_timeout: seconds after which this program and the server give each other up if the
                other's machine does not answer; less than 3 are 3. By default, and at most, what
                ``NWS_PEER_TIMEOUT`` says here and ``--peer-timeout`` there.
            login: the server's secret; ``SECRET@sha256:FINGERPRINT`` if it speaks TLS, by the
                certificate that has this fingerprint; ``SECRET@ADDRESS`` if something forwards the
                connection to that address of the server. By default what ``NWS_SECRET`` says, or
                the server's connection file. This process remembers it for further connections.

        Raises:
            NwsConnectException: no NetWorkSpaces server answers there, it does not let us in, or
                has not proved that it knows the secret.
            NwsOperationException: there is no such session.
            ValueError: ``peer_timeout`` is no number, or not more than zero.
        """
        self.serverHost = host
        self.serverPort = port
        endpoint = find_endpoint(host, port, peer_timeout, login)
        self._session = Session(endpoint, Encoder(pickle_protocol), session.encode())
        if login:
            remember(endpoint)

    @property
    def nwsSocket(self) -> Any:  # noqa: N802 - the original's name
        """The socket of the session's first connection, to look at; do not read or write it."""
        return self._session.pool.main.socket

    @property
    def endpoint(self) -> Endpoint:
        """Where the server is, and what lets us in."""
        return self._session.endpoint

    @property
    def address(self) -> str:
        """The address that the server has for this session's first connection, as in ``login=``."""
        return self._session.pool.main.address

    @property
    def session(self) -> str:
        """The secret by which another process can join this session; empty on an original
        server."""
        return self._session.pool.token.decode()

    def close(self) -> None:
        """End the session, and with it its inboxes, outboxes and watches.

        Workspaces that it owns are deleted unless they are persistent, and its leases end. Threads
        that wait for the server get an NwsConnectionDroppedException. A session that other
        processes have joined lasts as long as they do.
        """
        self._session.close()

    def openWs(
        self,
        wsName: str,
        space: NetWorkSpace | None = None,
        *,
        persistent: bool = False,
        create: bool = True,
    ) -> NetWorkSpace:
        """Open a workspace, and own it if nobody does.

        Args:
            wsName: name of the workspace.
            space: for internal use; must have that name.
            persistent: it outlives this session; only the one who becomes the owner decides.
            create: make it if there is none.

        Raises:
            NwsNoWorkSpaceException: there is none and ``create`` is false.
            NwsOperationException: the name has control characters, or there is no memory for it.
            ValueError: ``space`` has another name.
        """
        request = ServerRequests.openWs(wsName, persistent=persistent, create=create)
        options = {"useUse": False, "persistent": persistent, "create": create}
        return self._bind(request, wsName, space, options)

    def useWs(
        self, wsName: str, space: NetWorkSpace | None = None, *, create: bool = True
    ) -> NetWorkSpace:
        """Use a workspace without owning it; see `openWs`."""
        request = ServerRequests.useWs(wsName, create=create)
        options = {"useUse": True, "persistent": False, "create": create}
        return self._bind(request, wsName, space, options)

    def mktempWs(self, wsName: str = "__pyws__%d") -> str:
        """Make a workspace that nobody owns, under a name that is not used yet.

        Args:
            wsName: template with one ``%d`` in it.

        Returns:
            The name. Open it to own it.

        Raises:
            NwsOperationException: the template has not exactly one ``%d``, or it has control
                characters.
        """
        name = self._session.perform(ServerRequests.mktempWs(wsName))
        self._session.bound[name.encode()] = None
        return name

    def deleteWs(self, wsName: str) -> None:
        """Delete a workspace, whoever owns it, and all that is in it.

        Raises:
            NwsOperationException: there is none.
        """
        request = ServerRequests.deleteWs(wsName)
        self._session.bound.pop(wsName.encode(), None)
        self._session.perform(request)

    def listWss(self, format: str = STRING) -> str | dict[str, WorkspaceInfo]:
        """List the workspaces of the server.

        Args:
            format: ``string`` or ``dict``.

        Returns:
            Text with a line per workspace: ``>`` if this session owns it, name, owner, whether it
            is persistent, number of variables, their names; or a dict of `WorkspaceInfo` by name.

        Raises:
            ValueError: the format is neither ``string`` nor ``dict``.
        """
        return self._session.perform(ServerRequests.listWss(format))

    def status(self) -> ServerStatus:
        """Return what the server reports about itself.

        Raises:
            NwsUnsupportedOperationException: the server speaks only the original protocol.
        """
        self._session.require_extensions("status")
        return self._session.perform(ServerRequests.status())

    def view(self, port: int = DEFAULT_WEB_PORT) -> None:
        """Open the server's inspector in a web browser.

        Args:
            port: of the inspector, if the server does not report it.
        """
        if self._session.extended:
            port = self.status()["web"] or port
        open_in_browser(inspector_address(self._session.endpoint, port))

    def __enter__(self) -> NwsServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"NwsServer({self._session.endpoint})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _connect, (self.serverHost, self.serverPort, self._session.encoder.protocol)

    def _bind(
        self,
        request: Request[None],
        wsName: str,
        space: NetWorkSpace | None,
        options: dict[str, bool],
    ) -> NetWorkSpace:
        if space is not None and space.currentWs() != wsName:
            raise ValueError(f"the space is {space.currentWs()!r}, not {wsName!r}")
        self._session.perform(request)
        self._session.bound[encode_name(wsName, "workspace")] = None
        if space is None:
            from nws.workspace.workspace import NetWorkSpace  # which makes servers, too

            space = NetWorkSpace(wsName, server=self)
        space._options = options
        return space


def _connect(host: str, port: int, pickle_protocol: int) -> NwsServer:
    return NwsServer(host, port, pickle_protocol=pickle_protocol)
