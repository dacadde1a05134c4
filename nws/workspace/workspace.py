"""Named workspaces on a server: the interface of the original's user guide, and ours beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nws.errors import NwsUnsupportedOperationException
from nws.session.endpoint import DEFAULT_HOST, DEFAULT_PORT
from nws.session.request import Request
from nws.wire.arguments import encode_limit, encode_name
from nws.wire.listings import VariableInfo
from nws.workspace.constants import STRING
from nws.workspace.cursor import Cursor
from nws.workspace.file_transfers import FileTransfers
from nws.workspace.iterators import NwsValueIterator
from nws.workspace.leases import ANY, Leasing
from nws.workspace.requests import WorkspaceRequests
from nws.workspace.server import NwsServer
from nws.workspace.streams import Inbox, Outbox, Watch
from nws.workspace.textfile import NwsTextFile

__all__ = ["NetWorkSpace"]


class NetWorkSpace(FileTransfers, Leasing):
    """A workspace on a server: variables that hold values, for any process to store and fetch.

    What any call can raise is listed in `nws.client`.

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
        self.server = server or NwsServer(serverHost, serverPort, pickle_protocol=pickle_protocol)
        self._session = self.server._session
        self._requests = WorkspaceRequests(self._name, self._session.encoder)
        if server is not None:
            return
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
        """Give a variable its mode.

        Args:
            varName: name of the variable.
            mode: ``fifo``, the default of variables that are just stored into; ``lifo``; ``multi``,
                any order; or ``single``, the last value only.

        Raises:
            ValueError: there is no such mode.
            NwsDeclarationFailedException: the variable has another mode already.
        """
        self._session.perform(self._requests.declare(varName, mode))

    def deleteVar(self, varName: str) -> None:
        """Delete a variable with its values, leased ones too.

        Whoever waits for it gets an NwsOperationException.

        Raises:
            NwsOperationException: there is none.
        """
        self._session.perform(self._requests.deleteVar(varName))

    def listVars(
        self, wsName: str | None = None, format: str = STRING
    ) -> str | dict[str, VariableInfo]:
        """List the variables of this workspace, or another one that is open here.

        Args:
            wsName: name of the other one.
            format: ``string`` or ``dict``.

        Returns:
            Text with a line per variable: name, values, fetchers, finders and mode, with tabs
            between them; or a dict of `VariableInfo` by name, which also tells what is leased.

        Raises:
            NwsOperationException: the workspace is not open.
            ValueError: the format is neither ``string`` nor ``dict``.
        """
        return self._session.perform(self._requests.listVars(wsName, format))

    # Values

    def store(self, varName: str, val: Any) -> None:
        """Add a value to a variable, or replace that of a ``single`` variable.

        ``str`` is stored as UTF-8 text and ``bytes`` as they are, for programs in any language; all
        else is pickled.

        When it returns, the server holds the value, or has given it to whoever was waiting for it,
        and everybody sees it. It lasts until it is fetched, its variable or workspace is deleted,
        or the server ends. After an exception nothing was stored, but for two cases: when the
        connection is lost (NwsConnectionDroppedException), or when the call is interrupted, as by
        Ctrl-C, the value was stored or was not.

        Raises:
            NwsPicklingException: the value cannot be pickled.
            NwsOperationException: the server refuses it: it is over a limit of the server, or the
                variable's name has control characters.
            NwsNoWorkSpaceException: the workspace was deleted.
            NwsConnectionDroppedException: the server is gone, or the session was closed.
        """
        self._session.perform(self._requests.store(varName, val))

    def fetch(self, varName: str, *, timeout: float | None = None) -> Any:
        """Remove and return a value; wait until there is one.

        The value is delivered to exactly one fetch. After an exception it stays in, or returns to,
        its place in the variable.

        Args:
            varName: name of the variable.
            timeout: seconds to wait at most; None or infinity for any time.

        Raises:
            NwsTimeoutException: no value came in time. It is a TimeoutError.
            NwsOperationException: the variable or the workspace was deleted while this waited.
            NwsNoWorkSpaceException: the workspace was deleted before.
            NwsUnpicklingException: the value cannot be read here. It stays in its place (but on an
                original server); `fetchFile` takes it out, and the exception carries its bytes.
        """
        request = self._requests.fetch(varName, timeout=timeout)
        (value,) = map(self._session.perform, (request,))
        return value

    def fetchTry(self, varName: str, missing: Any = None) -> Any:
        """Remove and return a value, or return ``missing`` if there is none; see `fetch`.

        An original server gives no reasons: there ``missing`` may also mean that the workspace was
        deleted.

        Raises:
            NwsNoWorkSpaceException: the workspace was deleted.
            NwsUnpicklingException: as for `fetch`.
        """
        request = self._requests.fetchTry(varName, missing)
        (value,) = map(self._session.perform, (request,))
        return value

    def find(self, varName: str, *, timeout: float | None = None) -> Any:
        """Return a value without removing it; wait until there is one.

        Args:
            varName: name of the variable.
            timeout: seconds to wait at most; None or infinity for any time.

        Raises:
            NwsTimeoutException: no value came in time. It is a TimeoutError.
            NwsOperationException: the variable or the workspace was deleted while this waited.
            NwsNoWorkSpaceException: the workspace was deleted before.
            NwsUnpicklingException: the value cannot be read here; the exception carries its bytes.
        """
        return self._session.perform(self._requests.find(varName, timeout=timeout))

    def findTry(self, varName: str, missing: Any = None) -> Any:
        """Return a value without removing it, or ``missing`` if there is none; see `fetchTry`."""
        return self._session.perform(self._requests.findTry(varName, missing))

    # Iterators

    def ifetch(self, varName: str, *, timeout: float | None = None) -> NwsValueIterator:
        """Return an iterator that fetches value after value, waiting for each.

        Args:
            varName: name of a fifo or single variable.
            timeout: seconds to wait for each value at most; None or infinity for any time.

        Raises:
            NwsUnsupportedOperationException: the server is too old for iterators. What the iterator
                raises is said in `NwsValueIterator`.
        """
        return self._iterator(varName, "ifetch", timeout)

    def ifetchTry(self, varName: str) -> NwsValueIterator:
        """Return an iterator that fetches value after value until there is none; see `ifetch`."""
        return self._iterator(varName, "ifetchTry", None)

    def ifind(self, varName: str, *, timeout: float | None = None) -> NwsValueIterator:
        """Return an iterator that finds each value once, removing none, and waits for new ones;
        see `ifetch`. Values that others remove first are left out."""
        return self._iterator(varName, "ifind", timeout)

    def ifindTry(self, varName: str) -> NwsValueIterator:
        """Return an iterator that finds each value once until there is none; see `ifind`."""
        return self._iterator(varName, "ifindTry", None)

    def _iterator(self, varName: str, operation: str, timeout: float | None) -> NwsValueIterator:
        cursor = Cursor(self._name, varName, operation, timeout)
        if not self._session.pool.dialect.cookie:
            raise NwsUnsupportedOperationException(
                f"the server at {self._session.endpoint} is too old for iterators"
            )
        return NwsValueIterator(self._session, cursor)

    # Text files

    def makefile(self, varName: str, mode: str = "r") -> NwsTextFile:
        """Return a text file whose lines are the values of a fifo variable.

        Args:
            varName: name of the variable.
            mode: ``r`` to read; ``w`` to delete what is there and write; ``a`` to add to it.

        Raises:
            ValueError: the mode is another one.
            NwsDeclarationFailedException: the variable is not a fifo.
        """
        return NwsTextFile(self, varName, mode)

    # Batches

    def store_many(self, varName: str, values: Iterable[Any]) -> None:
        """Store values in order, many in one message; see `store`.

        A message has at most 1,000 values, and no more once it has a mebibyte. Its values are
        stored together or not at all; but when this raises, the messages before it have been
        stored. On an original server each value goes by itself.

        Args:
            varName: name of the variable.
            values: of any number; they are taken from the iterable as they are sent.

        Raises:
            NwsException: as for `store`.
        """
        for request in self._requests.store_many(varName, values):
            if self._session.extended:
                self._session.perform(request)
            else:
                self._store_singly(request)

    def _store_singly(self, batch: Request[None]) -> None:
        """Store the values of a batch on an original server."""
        _, workspace, name, *fields = batch.fields
        for pair in zip(fields[::2], fields[1::2], strict=True):
            self._session.perform(Request([b"store", workspace, name, *pair], batch.read))

    def fetch_many(self, varName: str, limit: int, *, timeout: float | None = None) -> list[Any]:
        """Remove and return what is there, at least one and at most ``limit`` values.

        It waits for the first one only. When it raises, no value was removed, not even one that
        cannot be read. The server stops at a mebibyte or 9,999 values; an original server gives one
        value at a time.

        Args:
            varName: name of the variable.
            limit: at least 1.
            timeout: seconds to wait for the first value at most; None or infinity for any time.

        Raises:
            ValueError: the limit is no whole number, or less than one.
            NwsException: as for `fetch`.
        """
        request = self._requests.fetch_many(varName, limit, timeout=timeout)
        if not self._session.extended:
            return [self.fetch(varName, timeout=timeout)]
        (values,) = map(self._session.perform, (request,))
        return values

    def withdraw(self, varName: str, indexes: Iterable[int], *, keep: bool = False) -> list[int]:
        """Remove values for good unless somebody has taken or leased them. Return the indexes of
        those that were there.

        Args:
            varName: the variable.
            indexes: of the values: how many it was given before each; see `Outbox.indexes`.
            keep: remove nothing.
        """
        self._session.require_extensions("withdrawing values")
        return self._session.perform(self._requests.withdraw(varName, indexes, keep=keep))

    # Several variables

    def fetchAny(self, varNames: Iterable[str], *, timeout: float | None = None) -> tuple[str, Any]:
        """Remove a value from the first of several variables that has one; wait until one has.

        Who waits stands in the lines of all of them, and is served once.

        Args:
            varNames: names of up to 1,000 variables, the preferred ones first.
            timeout: seconds to wait at most; None or infinity for any time.

        Returns:
            The name of the variable, and the value.

        Raises:
            ValueError: no name is given.
            NwsTimeoutException: no value came in time.
            NwsOperationException: one of the variables was deleted.
            NwsUnsupportedOperationException: the server speaks only the original protocol.
            NwsException: as for `fetch`.
        """
        self._session.require_extensions(ANY)
        request = self._requests.fetchAny(varNames, timeout=timeout)
        (got,) = map(self._session.perform, (request,))
        return got

    def findAny(self, varNames: Iterable[str], *, timeout: float | None = None) -> tuple[str, Any]:
        """Return the name and a value of the first of several variables that has one, without
        removing it; see `fetchAny`."""
        self._session.require_extensions(ANY)
        return self._session.perform(self._requests.findAny(varNames, timeout=timeout))

    # Streams

    def watch(self, varName: str) -> Watch:
        """Return what `ifind` would, one value after the other, to be waited for with `select`.

        Raises:
            NwsUnsupportedOperationException: the server speaks only the original protocol.
            NwsConnectException: there can be no further connection.
        """
        self._session.require_extensions("watches")
        return Watch(self._session, self._name, encode_name(varName))

    def inbox(self, varName: str, limit: int = 1000) -> Inbox:
        """Return what fetches the values of a variable as they come; raises what `watch` does.

        The server sends the first ones right away: nobody else gets them.

        Args:
            varName: name of the variable.
            limit: the most values at a time.
        """
        self._session.require_extensions("inboxes")
        return Inbox(self._session, self._name, encode_name(varName), int(encode_limit(limit)))

    def outbox(self) -> Outbox:
        """Return what stores values without waiting for each reply; raises what `watch` does."""
        self._session.require_extensions("outboxes")
        return Outbox(self._session, self._name)

    def __enter__(self) -> NetWorkSpace:
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.close()

    def __str__(self) -> str:
        return f"NetWorkSpace({self.currentWs()!r} on {self._session.endpoint})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.server.__reduce__()[1], self.currentWs(), self._options)


def _reopen(server: tuple[str, int, int], name: str, options: dict[str, Any]) -> NetWorkSpace:
    host, port, protocol = server
    return NetWorkSpace(name, host, port, pickle_protocol=protocol, **options)
