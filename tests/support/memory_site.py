"""An inspector without sockets, whose clock is moved by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from nws_server.config import Config
from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.hub import Hub
from nws_server.web.babelfish_process import BabelfishProcess
from nws_server.web.inspector import Inspector
from nws_server.web.site import InspectorSite
from tests.support.clients import WS, Client, Company
from tests.support.web import Event, Reply, form, read_event, read_reply, target


class _Transport(StringTransport):
    """As forgiving as real ones are."""

    def unregisterProducer(self) -> None:
        self.producer = None


class Link:
    """A browser's connection.

    Attributes:
        protocol: the inspector's side.
        transport: what was sent; it can be told that the browser does not read.
    """

    def __init__(self, site: InspectorSite) -> None:
        host, peer = IPv4Address("TCP", "127.0.0.1", 8766), IPv4Address("TCP", "127.0.0.1", 1)
        self.transport = _Transport(host, peer)
        self.protocol: Any = site.buildProtocol(peer)
        self.protocol.makeConnection(self.transport)
        self._read = 0
        self._is_open = True

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.protocol.dataReceived(data)

    @property
    def unread(self) -> bytes:
        """What has come and was not read yet."""
        data: bytes = self.transport.value()[self._read :]
        return data

    def reply(self, method: str = "GET") -> Reply:
        """Read a reply that is there."""
        file = io.BytesIO(self.unread)
        reply = read_reply(io.BufferedReader(file), method)
        # http.client closes what it read to the end, so count by the length
        head = self.unread.index(b"\r\n\r\n") + 4
        self._read += head + len(reply.body)
        return reply

    def follow(self, page: str, **fields: str | bytes | int) -> None:
        """Follow a page."""
        self.send(form("GET", target("events", **fields, of=page)))

    def events(self) -> list[Event]:
        """Read the events that have come since the last time."""
        data = self.unread
        self._read += len(data)
        if data.startswith(b"HTTP/"):
            head, _, data = data.partition(b"\r\n\r\n")
            assert b"text/event-stream" in head, head
        text = b"".join(_chunks(data)).decode()
        blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
        return [read_event(block) for block in blocks]

    def hang_up(self) -> None:
        """Close the connection, as a browser does that has gone."""
        if self._is_open:
            self._is_open = False
            self.protocol.connectionLost(Failure(ConnectionDone()))


def _chunks(data: bytes) -> list[bytes]:
    chunks = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(data[:length])
        data = data[length + 2 :]
    return chunks


class MemorySite:
    """An inspector, its space, and a clock.

    Attributes:
        clock: of everything.
        space, hub, inspector, site: the parts.
        client: somebody who uses the workspace of a `Company`.
    """

    def __init__(
        self,
        folder: Path,
        babelfish: BabelfishProcess | None = None,
        max_connections: int = 1000,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.space = MemorySpace(memory_limit=settings.get("memory_limit"))
        self.hub = Hub(self.space, clock=self.clock.seconds)
        self.company = Company(self.space)
        self.client: Client = self.company.client()
        config = Config(tmp_dir=folder, **settings)
        self.inspector = Inspector(
            *(self.hub, config, ["127.0.0.1:8765"], self.clock, babelfish),
            wall=lambda: 1e9 + self.clock.seconds(),
        )
        self.site = InspectorSite(self.inspector, self.clock, max_connections=max_connections)
        self.inspector.start()
        self._links: list[Link] = []

    def connect(self) -> Link:
        """Let a browser connect."""
        self._links.append(Link(self.site))
        return self._links[-1]

    def ask(self, request: bytes) -> Reply:
        """Answer one request at once."""
        link = self.connect()
        link.send(request)
        return link.reply()

    def stop(self) -> None:
        """End it, as the server does."""
        self.site.stop()
        self.inspector.stop()

    def __enter__(self) -> MemorySite:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for link in self._links:
            link.hang_up()
        check_invariants(self.space)


def make_sleigh(memory: MemorySite, ws: bytes = WS, **reports: Any) -> None:
    """Make a workspace that looks like that of a sleigh.

    Args:
        memory: where.
        ws: its name.
        reports: by the name of the variable, with "_" for a space; a list holds several values.
    """
    client = memory.client
    client.open_ws(ws)
    for name in (b"task", b"result", b"rankCount", b"workerCount"):
        client.declare_var(name, b"fifo", ws=ws)
    for key, report in reports.items():
        variable = key.replace("_", " ").encode()
        is_list = isinstance(report, list)
        client.declare_var(variable, b"fifo" if is_list else b"single", ws=ws)
        for value in report if is_list else [report]:
            client.store(variable, json.dumps(value).encode(), ws=ws)
