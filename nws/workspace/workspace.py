"""Named workspaces on a server: the interface of the original's user guide, appendix A.1.

::

    from nws.client import NetWorkSpace

    ws = NetWorkSpace("my space")
    ws.store("x", 42)
    ws.find("x")  # 42, and it is still there
    ws.fetch("x")  # 42, and it is gone

Every object here may be used by several threads, and after a fork: the child gets a session of its
own on first use. Blocking calls can be interrupted with Ctrl-C and take a ``timeout`` in seconds;
either way no value is lost and the object stays usable. (An original server can do neither: there
an interrupted call costs the connection, and a timeout is kept by asking again and again.)
"""

from __future__ import annotations

import json
import os
import webbrowser
from typing import Any, Final

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsDeclarationFailedException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsPicklingException,
    NwsProtocolException,
    NwsServerException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WEB_PORT, Endpoint
from nws.session.session import Session, encode_name
from nws.values import Encoder
from nws.wire.listings import VariableInfo, WorkspaceInfo, parse_variables, parse_workspaces
from nws.workspace.batches import WorkspaceExtensions
from nws.workspace.files import WorkspaceFiles
from nws.workspace.iterators import NwsValueIterator
from nws.workspace.leases import Lease
from nws.workspace.streams import Inbox, Outbox, Watch
from nws.workspace.textfile import NwsTextFile

__all__ = [
    "DICT",
    "FIFO",
    "LIFO",
    "MULTI",
    "SINGLE",
    "STRING",
    "V_FETCHERS",
    "V_FINDERS",
    "V_MODE",
    "V_VALUES",
    "V_VARIABLE",
    "WS_MINE",
    "WS_NAME",
    "WS_NUMVARS",
    "WS_OWNER",
    "WS_PERSISTENT",
    "WS_VARLIST",
    "Inbox",
    "Lease",
    "NetWorkSpace",
    "NwsConnectException",
    "NwsConnectionDroppedException",
    "NwsDeclarationFailedException",
    "NwsException",
    "NwsLeaseLostException",
    "NwsNoWorkSpaceException",
    "NwsOperationException",
    "NwsPicklingException",
    "NwsProtocolException",
    "NwsServer",
    "NwsServerException",
    "NwsTextFile",
    "NwsTimeoutException",
    "NwsUnpicklingException",
    "NwsUnsupportedOperationException",
    "NwsValueIterator",
    "Outbox",
    "VariableInfo",
    "Watch",
    "WorkspaceInfo",
]

FIFO: Final = "fifo"
LIFO: Final = "lifo"
MULTI: Final = "multi"
SINGLE: Final = "single"
STRING: Final = "string"
DICT: Final = "dict"
WS_NAME, WS_MINE, WS_OWNER, WS_PERSISTENT, WS_NUMVARS, WS_VARLIST = range(6)
V_VARIABLE, V_VALUES, V_FETCHERS, V_FINDERS, V_MODE = range(5)


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
    ) -> None:
        """Connect to a server.

        Args:
            host: host name or address; or ``unix:`` and the path of a socket.
            port: TCP port; not used for a socket.
            pickle_protocol: for values that are neither text nor bytes. Use 2 if programs in
                Python 2 read them.
            session: join this session, of which another process gave us the `session`, rather than
                begin one. Ownership and leases are shared. It lasts as long as one of us does.

        Raises:
            NwsConnectException: no NetWorkSpaces server answers there.
            NwsOperationException: there is no such session.
        """
        self.serverHost = host
        self.serverPort = port
        self._session = Session(Endpoint(host, port), Encoder(pickle_protocol), session.encode())

    @property
    def nwsSocket(self) -> Any:  # noqa: N802 - the original's name
        """The socket of the session's first connection, to look at; do not read or write it."""
        return self._session.pool.main.socket

    @property
    def session(self) -> str:
        """The secret by which another process can join this session; empty on an original
        server."""
        return self._session.pool.token.decode()

    def close(self) -> None:
        """End the session: workspaces that it owns are purged unless they are persistent."""
        self._session.pool.close()

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
        """
        return self._bind(b"open ws", wsName, space, persistent, create)

    def useWs(
        self, wsName: str, space: NetWorkSpace | None = None, *, create: bool = True
    ) -> NetWorkSpace:
        """Use a workspace without owning it; see `openWs`."""
        return self._bind(b"use ws", wsName, space, False, create)

    def mktempWs(self, wsName: str = "__pyws__%d") -> str:
        """Make a workspace that nobody owns, under a name that is not used yet.

        Args:
            wsName: template with one ``%d`` in it.

        Returns:
            The name; open it to own it.

        Raises:
            NwsOperationException: the template is no good.
        """
        name = self._session.text([b"mktemp ws", encode_name(wsName, "workspace template")])
        self._session.bound[name.encode()] = None
        return name

    def deleteWs(self, wsName: str) -> None:
        """Delete a workspace, whoever owns it, and all that is in it.

        Raises:
            NwsOperationException: there is none.
        """
        name = encode_name(wsName, "workspace")
        self._session.bound.pop(name, None)
        self._session.short([b"delete ws", name])

    def listWss(self, format: str = STRING) -> str | dict[str, WorkspaceInfo]:
        """List the workspaces of the server, as text or as a dict of tuples.

        Raises:
            ValueError: the format is neither ``string`` nor ``dict``.
        """
        _check_format(format)
        text = self._session.text([b"list wss"])
        return text if format == STRING else parse_workspaces(text)

    def status(self) -> dict[str, Any]:
        """Return what the server says of itself.

        Returns:
            ``version``, ``pid``, ``uptime`` in seconds; how many ``connections``, ``sessions``,
            ``workspaces``, ``variables``, ``values``, ``leases`` and ``waiting`` operations there
            are; ``bytes`` in values, ``memory`` they cost, bytes ``spooled`` to files; the port
            of the inspector, ``web``, or None.

        Raises:
            NwsUnsupportedOperationException: the server speaks only the original protocol.
        """
        self._session.require_extensions("status")
        text = self._session.text([b"server status"])
        try:
            status = json.loads(text)
        except ValueError:
            status = None
        if not isinstance(status, dict):
            raise NwsProtocolException(f"the status cannot be read: {text[:100]!r}")
        return status

    def view(self, port: int = DEFAULT_WEB_PORT) -> None:
        """Show the server's inspector in a web browser.

        Args:
            port: where it is, if the server does not say.
        """
        if self._session.extended:
            port = self.status().get("web") or port
        webbrowser.open(self._session.address.web(port))

    def __enter__(self) -> NwsServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"NwsServer({self._session.address})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _connect, (self.serverHost, self.serverPort, self._session.encoder.protocol)

    def _bind(
        self,
        operation: bytes,
        wsName: str,
        space: NetWorkSpace | None,
        persistent: bool,
        create: bool,
    ) -> NetWorkSpace:
        name = encode_name(wsName, "workspace")
        if space is not None and space.currentWs() != wsName:
            raise ValueError(f"the space is {space.currentWs()!r}, not {wsName!r}")
        owns = operation == b"open ws"
        label = str(os.getpid()).encode() if owns else b""
        fields = [operation, name, label, b"yes" if persistent else b"no"]
        if not create:
            fields.append(b"no")
        self._session.short(fields, NwsNoWorkSpaceException)
        self._session.bound[name] = None
        if space is None:
            space = NetWorkSpace(wsName, server=self, useUse=not owns)
        space._options = {"useUse": not owns, "persistent": persistent, "create": create}
        return space


class NetWorkSpace(WorkspaceFiles, WorkspaceExtensions):
    """A workspace on a server: variables that hold values, for any process to store and fetch.

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
    ) -> None:
        """Connect to a server and open a workspace.

        Args:
            wsName: name of the workspace.
            serverHost, serverPort: where the server is; see `NwsServer`.
            useUse: do not own it, even if nobody does.
            server: for internal use: nothing is sent then. See `NwsServer.openWs`.
            persistent, create: see `NwsServer.openWs`.
            pickle_protocol: see `NwsServer`.

        Raises:
            NwsConnectException: no server answers.
            NwsNoWorkSpaceException: there is no such workspace and ``create`` is false.
        """
        self._name = encode_name(wsName, "workspace")
        self._options: dict[str, bool] = {
            "useUse": useUse,
            "persistent": persistent,
            "create": create,
        }
        if server is not None:
            self.server, self._session = server, server._session
            return
        self.server = NwsServer(serverHost, serverPort, pickle_protocol=pickle_protocol)
        self._session = self.server._session
        try:
            if useUse:
                self.server.useWs(wsName, self, create=create)
            else:
                self.server.openWs(wsName, self, persistent=persistent, create=create)
        except BaseException:
            self.server.close()
            raise

    def currentWs(self) -> str:
        """Return the name of the workspace."""
        return self._name.decode()

    # Variables

    def declare(self, varName: str, mode: str) -> None:
        """Give a variable its mode: ``fifo`` (the default of variables that are just stored into),
        ``lifo``, ``multi`` (any order) or ``single`` (the last value only).

        Raises:
            ValueError: there is no such mode.
            NwsDeclarationFailedException: the variable has another mode already.
        """
        if mode not in (FIFO, LIFO, MULTI, SINGLE) and not mode.startswith("__"):
            raise ValueError(f"mode {mode!r} is not one of 'fifo', 'lifo', 'multi' and 'single'")
        fields = [b"declare var", self._name, encode_name(varName), mode.encode()]
        self._session.short(fields, NwsDeclarationFailedException)

    def deleteVar(self, varName: str) -> None:
        """Delete a variable with its values. Whoever waits for it gets an NwsOperationException.

        Raises:
            NwsOperationException: there is none.
        """
        self._session.short([b"delete var", self._name, encode_name(varName)])

    def listVars(
        self, wsName: str | None = None, format: str = STRING
    ) -> str | dict[str, VariableInfo]:
        """List the variables of this workspace, or another one that is open here.

        Returns:
            Text with a line per variable: name, values, fetchers, finders, mode and (but for an
            original server) leased values; or a dict of `VariableInfo`.

        Raises:
            NwsOperationException: the workspace is not open.
            ValueError: the format is neither ``string`` nor ``dict``.
        """
        _check_format(format)
        name = self._name if wsName is None else encode_name(wsName, "workspace")
        text = self._session.text([b"list vars", name])
        return text if format == STRING else parse_variables(text)

    # Values

    def store(self, varName: str, val: Any) -> None:
        """Add a value to a variable, or replace that of a ``single`` variable.

        ``str`` is stored as UTF-8 text and ``bytes`` as they are, for programs in any language; all
        else is pickled.

        Raises:
            NwsPicklingException: the value cannot be pickled.
        """
        descriptor, pieces = self._session.encoder.encode(val)
        self._session.short([b"store", self._name, encode_name(varName), descriptor, pieces])

    def fetch(self, varName: str, *, timeout: float | None = None) -> Any:
        """Remove and return a value; wait until there is one.

        Args:
            varName: name of the variable.
            timeout: seconds to wait at most; None to wait for ever.

        Raises:
            NwsTimeoutException: no value came in time. It is a TimeoutError.
            NwsOperationException: the variable or the workspace was deleted.
            NwsUnpicklingException: the value cannot be read here; the exception carries its bytes.
        """
        return self._session.get(b"fetch", self._name, varName, timeout=timeout)[1]

    def fetchTry(self, varName: str, missing: Any = None) -> Any:
        """Remove and return a value, or return ``missing`` if there is none."""
        return self._try(b"fetchTry", varName, missing)

    def find(self, varName: str, *, timeout: float | None = None) -> Any:
        """Return a value without removing it; wait until there is one. See `fetch`."""
        return self._session.get(b"find", self._name, varName, timeout=timeout)[1]

    def findTry(self, varName: str, missing: Any = None) -> Any:
        """Return a value without removing it, or ``missing`` if there is none."""
        return self._try(b"findTry", varName, missing)

    # Iterators

    def ifetch(self, varName: str, *, timeout: float | None = None) -> NwsValueIterator:
        """Return an iterator that fetches value after value, waiting for each.

        Args:
            varName: name of a fifo or single variable.
            timeout: seconds to wait for each value; NwsTimeoutException beyond it.
        """
        return self._iterator(varName, "ifetch", timeout)

    def ifetchTry(self, varName: str) -> NwsValueIterator:
        """Return an iterator that fetches value after value until there is none."""
        return self._iterator(varName, "ifetchTry", None)

    def ifind(self, varName: str, *, timeout: float | None = None) -> NwsValueIterator:
        """Return an iterator that finds each value once, removing none; it waits for new ones."""
        return self._iterator(varName, "ifind", timeout)

    def ifindTry(self, varName: str) -> NwsValueIterator:
        """Return an iterator that finds each value once until there is none."""
        return self._iterator(varName, "ifindTry", None)

    def _iterator(self, varName: str, operation: str, timeout: float | None) -> NwsValueIterator:
        encode_name(varName)
        if not self._session.pool.dialect.cookie:
            raise NwsUnsupportedOperationException(
                f"the server at {self._session.address} is too old for iterators"
            )
        return NwsValueIterator(self._session, self._name, varName, operation, timeout)

    def makefile(self, varName: str, mode: str = "r") -> NwsTextFile:
        """Return a text file whose lines are the values of a fifo variable.

        Args:
            varName: name of the variable.
            mode: ``r`` to read, ``w`` to write it anew, ``a`` to add to it.
        """
        return NwsTextFile(self, varName, mode)

    def __enter__(self) -> NetWorkSpace:
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.close()

    def __str__(self) -> str:
        return f"NetWorkSpace({self.currentWs()!r} on {self._session.address})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.server.__reduce__()[1], self.currentWs(), self._options)

    def _try(self, operation: bytes, varName: str, missing: Any) -> Any:
        try:
            return self._session.get(operation, self._name, varName, missing=missing)[1]
        except NwsUnpicklingException:
            raise
        except NwsOperationException:
            return missing


def _check_format(format: str) -> None:
    if format not in (STRING, DICT):
        raise ValueError(f"format {format!r} is neither 'string' nor 'dict'")


def _connect(host: str, port: int, pickle_protocol: int) -> NwsServer:
    return NwsServer(host, port, pickle_protocol=pickle_protocol)


def _reopen(server: tuple[str, int, int], name: str, options: dict[str, Any]) -> NetWorkSpace:
    host, port, protocol = server
    return NetWorkSpace(name, host, port, pickle_protocol=protocol, **options)
