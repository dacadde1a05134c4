"""Workspaces of the real client on real servers, and waiting for what a server says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsOperationException
from nws.wire.listings import VariableInfo
from tests.support.processes import until

HOST = "127.0.0.1"


class Opener:
    """Opens workspaces on one server and closes them at the end.

    Attributes:
        port: of the server.
        name: of the workspace that is opened unless another is named.
    """

    def __init__(self, port: int, name: str) -> None:
        self.port = port
        self.name = name
        self._stack = ExitStack()

    def __call__(self, name: str | None = None, **options: Any) -> NetWorkSpace:
        """Open a workspace in a session of its own."""
        ws = NetWorkSpace(self.name if name is None else name, HOST, self.port, **options)
        self._stack.callback(ws.server.close)
        return ws

    def server(self, **options: Any) -> NwsServer:
        """Connect without opening any workspace."""
        server = NwsServer(HOST, self.port, **options)
        self._stack.callback(server.close)
        return server

    def close(self) -> None:
        """Close them all."""
        self._stack.close()


@contextmanager
def opening(port: int, name: str) -> Iterator[Opener]:
    """Make an opener for a while."""
    opener = Opener(port, name)
    try:
        yield opener
    finally:
        opener.close()


def variable(ws: NetWorkSpace, name: str) -> VariableInfo:
    """Return what the listing says of a variable; an empty one if it is not there."""
    listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    return listing.get(name, VariableInfo(name, 0, 0, 0, "unknown"))


def until_waiting(ws: NetWorkSpace, name: str, *, fetchers: int = 0, finders: int = 0) -> None:
    """Return once exactly this many operations wait for a variable."""

    def wait() -> bool:
        info = variable(ws, name)
        return (info.fetchers, info.finders) == (fetchers, finders)

    until(wait, f"{fetchers} fetchers and {finders} finders of {name!r}, not {variable(ws, name)}")


def fill(ws: NetWorkSpace) -> None:
    """Store into the variable ``ballast`` until the server refuses any more."""
    for size in (10_000, 1000, 100, 10, 0):
        with suppress(NwsOperationException):
            while True:
                ws.store("ballast", "x" * size)
