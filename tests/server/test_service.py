"""A server put together on Twisted's memory reactor: its start, its timer, its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.testing import MemoryReactorClock, StringTransport

from nws.errors import Status
from nws_server.config import Config, ConfigError
from nws_server.net import NwsProtocol
from nws_server.service import NwsService, address_text, make_service
from tests.support.frames import KINDS, Answer, Speaker

TWO_PORTS: Final = ("tcp:1:interface=127.0.0.1", "tcp:2:interface=127.0.0.1")


def connect(reactor: MemoryReactorClock) -> NwsProtocol:
    """Build the protocol of a new connection to a service on a memory reactor."""
    factory: Any = reactor.tcpServers[0][1]
    protocol: NwsProtocol = factory.buildProtocol(None)
    return protocol


class StringClient(Speaker):
    """A raw client of a service on a memory reactor."""

    def __init__(
        self, reactor: MemoryReactorClock, kind: str = "extended", ws: str | None = "ws"
    ) -> None:
        self.protocol = connect(reactor)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self._read = 0
        self.shake_hands(KINDS[kind])
        if ws is not None:
            assert self.ask("use ws", ws, "", "no").status == 0

    def write(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def read(self, size: int) -> bytes:
        data: bytes = self.transport.value()[self._read : self._read + size]
        self._read += size
        assert len(data) == size, f"{size} bytes are expected, there are {data!r}"
        return data

    @property
    def silent(self) -> bool:
        return len(self.transport.value()) == self._read


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def service(reactor: MemoryReactorClock, tmp_path: Path) -> Iterator[NwsService]:
    """A service that runs; after its end nothing may be left of it."""
    service = make_service(Config(tmp_dir=tmp_path, original="anyone"), reactor)
    service.startService()
    yield service
    service.stopService()
    assert reactor.getDelayedCalls() == []
    assert list(tmp_path.iterdir()) == []


def test_it_listens_where_it_was_told_to(
    service: NwsService, reactor: MemoryReactorClock, tmp_path: Path
) -> None:
    assert [(port, interface) for port, _, _, interface in reactor.tcpServers] == [
        (8765, "127.0.0.1")
    ]
    assert [address_text(port) for port in service.ports] == ["0.0.0.0:8765"]  # says the fake
    assert len(list(tmp_path.glob("nws-spool-*"))) == 1


def test_it_listens_in_several_places(reactor: MemoryReactorClock, tmp_path: Path) -> None:
    listen = (
        "tcp:1:interface=127.0.0.1",
        r"tcp:2:interface=\:\:1",
        f"unix:{tmp_path}/socket:mode=600",
    )
    service = make_service(Config(listen=listen, tmp_dir=tmp_path), reactor)
    service.startService()
    assert len(reactor.tcpServers) == 2
    assert reactor.unixServers[0][0] == f"{tmp_path}/socket"
    assert len(service.ports) == 3
    service.stopService()


def test_waits_and_leases_end_by_its_timer(
    service: NwsService, reactor: MemoryReactorClock
) -> None:
    del service
    first, second = StringClient(reactor), StringClient(reactor)
    first.send("fetch", "ws", "x", "", "", "5000")
    second.send("fetch", "ws", "x", "", "", "2000")
    reactor.advance(1.9)
    assert second.silent
    reactor.advance(0.2)
    assert second.long() == Answer(3001)
    second.store("y", "v")
    second.get_many("lease", "ws", "y", "1", "0", "4000")
    second.send("fetch", "ws", "y")
    reactor.advance(2.8)
    assert first.silent
    reactor.advance(0.2)
    assert first.long() == Answer(3001)
    assert second.silent
    reactor.advance(1)
    assert second.long().payload == b"v"


def test_without_deadlines_there_is_no_timer(
    service: NwsService, reactor: MemoryReactorClock
) -> None:
    del service
    client = StringClient(reactor)
    client.send("fetch", "ws", "x")
    assert reactor.getDelayedCalls() == []
    client.send("cancel")
    client.long()
    client.send("fetch", "ws", "x", "", "", "5000")
    assert len(reactor.getDelayedCalls()) == 1
    client.send("cancel")
    client.long()
    reactor.advance(6)
    assert reactor.getDelayedCalls() == []


def test_the_clock_of_the_reactor_is_the_clock(
    service: NwsService, reactor: MemoryReactorClock
) -> None:
    del service
    client = StringClient(reactor)
    reactor.advance(100)
    client.store("x", "v")
    client.get_many("lease", "ws", "x", "1", "0", "7000")
    reactor.advance(2)
    assert client.get("list leases", "ws").payload.endswith(b"\t5000")


def test_stopping_hangs_up(service: NwsService, reactor: MemoryReactorClock) -> None:
    client = StringClient(reactor)
    client.send("fetch", "ws", "x", "", "", "5000")
    service.stopService()
    assert client.transport.disconnecting
    assert client.long().status == Status.SHUT_DOWN


def test_settings_reach_the_server(reactor: MemoryReactorClock, tmp_path: Path) -> None:
    config = Config(
        tmp_dir=tmp_path,
        original="anyone",
        long_value_size=100,
        max_value_size=1000,
        memory_limit=20_000,
        spool_limit=1500,
        max_connections=2,
        handshake_timeout=3,
        extensions=False,
    )
    service = make_service(config, reactor)
    service.startService()
    client = StringClient(reactor, "metadata")
    answers = [client.ask("store", "ws", "x", "0", size * "v") for size in (1001, 1000, 900, 500)]
    assert [answer.status for answer in answers] == [1, 0, 1, 0]
    assert "over the limit of 1000" in answers[0].reason
    assert "exceeds the spool limit of 1500" in answers[2].reason
    while (answer := client.ask("store", "ws", "x", "0", 99 * "v")).status == 0:
        pass
    assert "memory limit of 20000" in answer.reason
    assert b"NwsExtensions" not in client.transport.value()
    late, late_transport = connect(reactor), StringTransport()
    late.makeConnection(late_transport)
    refused = StringClient(reactor, "metadata", ws=None)
    assert refused.ask("use ws", "ws", "", "no").reason.startswith("2 clients are connected")
    reactor.advance(4)
    assert late_transport.disconnected
    late.connectionLost()
    service.stopService()
    assert reactor.getDelayedCalls() == []


# Starts that fail


class BusyReactor(MemoryReactorClock):
    """A reactor on which the second port is taken."""

    # Twisted's name.
    def listenTCP(self, *arguments: Any, **named: Any) -> IListeningPort:  # noqa: N802
        if self.tcpServers:
            raise CannotListenError("127.0.0.1", 2, OSError(98, "Address already in use"))
        return super().listenTCP(*arguments, **named)  # type: ignore[no-any-return]


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    service = make_service(Config(listen=TWO_PORTS, tmp_dir=tmp_path), BusyReactor())
    failures: list[Any] = []
    service.start().addErrback(failures.append)
    (failure,) = failures
    failure.trap(ConfigError)
    message = failure.getErrorMessage()
    assert message.startswith(f"it cannot listen on {TWO_PORTS[1]!r}: ")
    assert "Address already in use" in message
    service.stopService()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("running", [True, False])
def test_under_twistd_a_start_that_fails_ends_the_process(tmp_path: Path, running: bool) -> None:
    reactor = BusyReactor()
    reactor.running = running
    service = make_service(Config(listen=TWO_PORTS, tmp_dir=tmp_path), reactor)
    if running:
        service.startService()
        assert reactor.hasStopped
        service.stopService()
    else:
        with pytest.raises(SystemExit) as stopped:
            service.startService()
        assert stopped.value.code == 1
    assert list(tmp_path.iterdir()) == []


def test_where_no_spool_can_be_made(
    reactor: MemoryReactorClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_folder(*_: object, **__: object) -> str:
        raise PermissionError(13, os.strerror(13), str(tmp_path))

    monkeypatch.setattr("nws_server.spool.tempfile.mkdtemp", no_folder)
    service = make_service(Config(tmp_dir=tmp_path, original="anyone"), reactor)
    failures: list[Any] = []
    service.start().addErrback(failures.append)
    assert "Permission denied" in failures[0].getErrorMessage()
    assert reactor.tcpServers == []
    service.stopService()
