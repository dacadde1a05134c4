"""A whole server in memory: a hub, and connections whose bytes are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from nws.wire.requests import LongBody, Sink
from nws_server.connection import Connection
from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.hub import Hub, Limits
from nws_server.spool import Spool
from tests.support.frames import KINDS, Speaker


class MemoryOutlet:
    """Keeps what a connection sends; an `Outlet`.

    Attributes:
        writes_left: how many more writes succeed; None for all.
    """

    def __init__(self) -> None:
        self.writes_left: int | None = None
        self.sent = bytearray()
        self.bodies = 0
        self.admitted = False
        self.silence = 0
        self.closed = False
        self.reading = True

    def write(self, data: bytes) -> None:
        assert not self.closed
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise OSError("nothing can be sent")
        self.sent += data

    def expect(self, much: bool) -> None:
        pass

    def write_body(self, body: LongBody) -> None:
        assert not self.closed
        self.bodies += 1
        with cast(Any, body).open() as file:
            self.sent += file.read()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def limit_silence(self, seconds: int) -> None:
        self.silence = seconds

    def admit(self) -> None:
        self.admitted = True


class Link(Speaker):
    """A client of a server in memory."""

    def __init__(self, hub: Hub, peer: bytes) -> None:
        self.outlet = MemoryOutlet()
        self.connection = Connection(hub, self.outlet, peer)
        self.gone = False

    def write(self, data: bytes) -> None:
        self.connection.receive(data)

    def read(self, size: int) -> bytes:
        sent = self.outlet.sent
        assert len(sent) >= size, f"{size} bytes are expected, there are {bytes(sent)!r}"
        data = bytes(sent[:size])
        del sent[:size]
        return data

    @property
    def silent(self) -> bool:
        """Whether the server has said nothing more."""
        return not self.outlet.sent

    @property
    def closed(self) -> bool:
        """Whether the server has hung up."""
        return self.outlet.closed

    def reads(self) -> bool:
        """Whether the server takes in what this client sends."""
        return self.outlet.reading

    def lose(self) -> None:
        """End the connection."""
        if not self.gone:
            self.gone = True
            self.connection.lost()


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class MemoryServer:
    """A hub with a clock of its own; its connections are `Link` objects.

    Attributes:
        crashed: what the hub reported, as pairs of peer and text.
        warnings: what it logged.
    """

    def __init__(
        self,
        *,
        extensions: bool = True,
        limits: Limits | None = None,
        memory_limit: int | None = None,
        spool: Spool | None = None,
        open_spool: Callable[[int], Sink] | None = None,
    ) -> None:
        self.clock = Clock()
        self.crashed: list[tuple[bytes, str]] = []
        self.warnings: list[str] = []
        self.links: list[Link] = []
        self.spool = spool
        self.space = MemorySpace(token=b"Ab12Cd", memory_limit=memory_limit)
        self.hub = Hub(
            self.space,
            extensions=extensions,
            limits=limits,
            open_spool=spool.open if spool is not None else open_spool,
            spooled=lambda: 0 if spool is None else spool.used,
            clock=self.clock,
            log_crash=lambda peer, what: self.crashed.append((peer, what)),
            log_warning=self.warnings.append,
        )

    def link(self, peer: bytes = b"10.0.0.1") -> Link:
        """Begin a connection that has said nothing yet."""
        link = Link(self.hub, peer)
        self.links.append(link)
        return link

    def connect(self, kind: str = "cookie", *, ws: str | None = "ws") -> Link:
        """Begin a connection that has shaken hands and uses a workspace."""
        link = self.link()
        link.shake_hands(KINDS[kind])
        if ws is not None:
            assert link.ask("use ws", ws, "", "no").status == 0
        return link

    def advance(self, seconds: float) -> None:
        """Let time pass, as the service does it."""
        self.clock.now += seconds
        self.hub.expire()

    def check(self) -> None:
        """Hold the server to what must be true at any time."""
        check_invariants(self.space)
        assert not self.crashed
        for link in self.links:
            assert link.silent, f"nobody read {bytes(link.outlet.sent)!r}"


def spool_files(spool: Spool) -> Iterator[Path]:
    """Walk the values in a spool folder."""
    return (path for path in spool.folder.iterdir() if path.name != "lock")
