"""The edge of a server without sockets: a factory with a clock, and a hub that spools."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from nws_server.certificate import Certificate
from nws_server.hub import Limits
from nws_server.net import NwsFactory, NwsProtocol
from nws_server.spool import Spool
from tests.support.link import MemoryServer
from tests.support.transports import NarrowClient, NarrowSocketTransport, NarrowTransport

MEBI: Final = 1024 * 1024


class Edge:
    """A factory with a clock, and a hub that spools."""

    def __init__(
        self,
        spool: Spool,
        transport: type[NarrowTransport] = NarrowSocketTransport,
        *,
        max_connections: int = 100,
        reserved: int = 4,
        fast_io: bool = True,
        certificate: Certificate | None = None,
    ) -> None:
        self.transport = transport
        self.clock = Clock()
        self.server = MemoryServer(spool=spool, limits=Limits(spool_threshold=MEBI))
        self.server.hub.max_connections = max_connections
        self.factory = NwsFactory(
            self.server.hub,
            self.clock,
            reserved=reserved,
            handshake_timeout=30,
            fast_io=fast_io,
            certificate=certificate,
        )

    def client(self, kind: str | None = "cookie") -> NarrowClient:
        return NarrowClient(self.factory, kind, self.transport)

    def string(self, address: IAddress | None = None) -> tuple[NwsProtocol, StringTransport]:
        """Connect a string transport, which is never full."""
        protocol = self.factory.buildProtocol(address)
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    @property
    def reasons(self) -> list[str]:
        return [warning.partition(": ")[2] for warning in self.server.warnings]
