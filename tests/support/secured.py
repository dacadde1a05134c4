"""A real server that speaks TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nws.client import NwsServer
from nws.connection_file import CONNECTION_FILE, ServerAddress, read_connection_file
from tests.support.server import Server, running
from tests.support.spaces import HOST


class Secured:
    """A server that speaks TLS.

    Attributes:
        login: by which clients speak it with the server, also on this machine.
        file: its connection file.
    """

    def __init__(self, server: Server, file: Path) -> None:
        self.server = server
        self.port = server.port
        self.file = file
        found = read_connection_file(file)
        assert found is not None
        self.content: ServerAddress = found
        self.login = f"{found.secret}@{found.certificate}"

    def connect(self, login: str = "") -> NwsServer:
        """Connect by TLS."""
        return NwsServer(HOST, self.port, login=login or self.login)


@contextmanager
def secured(folder: Path, *options: str, **variables: str) -> Iterator[Secured]:
    """Run one, with ``--tls`` if there are no other options, and with variables of its own."""
    file = folder / "connection.json"
    env = {CONNECTION_FILE: str(file), **variables}
    with running(folder, *(options or ("--tls",)), env=env) as server:
        yield Secured(server, file)
