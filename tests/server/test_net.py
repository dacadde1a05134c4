"""The edge between Twisted and the connections: admission, handshakes in time, flow control."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.test import iosim

from nws_server import net
from nws_server.sockets import direct_send
from nws_server.spool import Spool
from tests.support.edge import Edge
from tests.support.frames import KINDS, PYTHON_TEXT, request
from tests.support.link import spool_files
from tests.support.transports import NarrowSocketTransport, NarrowTransport

MEBI: Final = 1024 * 1024
PIECE: Final = 256 * 1024
BUFFER: Final = 64 * 1024
"""Twisted asks who sends to pause when this many bytes wait."""


@pytest.fixture(params=[NarrowTransport, NarrowSocketTransport], ids=["plain", "socket"])
def edge(spool: Spool, request: pytest.FixtureRequest) -> Iterator[Edge]:
    """An edge; at the end no call may be pending, and the spool empty."""
    edge = Edge(spool, request.param)
    yield edge
    assert edge.clock.getDelayedCalls() == []
    edge.server.check()
    edge.server.space.close()


def dropped(transport: StringTransport) -> bool:
    """Whether the server has dropped a connection."""
    return transport.disconnected


@pytest.mark.parametrize("fast_io", [True, False])
def test_what_is_sent_past_twisted(spool: Spool, fast_io: bool) -> None:
    edge = Edge(spool, fast_io=fast_io)
    client = edge.client()
    client.store("x", 100_000 * b"v")
    client.send("find", "ws", "x")
    client.transport.take(1000)
    assert len(client.long().payload) == 100_000
    assert isinstance(client.transport, NarrowSocketTransport)
    assert bool(client.transport.sends) == fast_io
    client.transport.hang_up()
    edge.server.space.close()


@pytest.mark.parametrize("kind", [tcp.Server, unix.Server])
def test_twisteds_own_transports_are_sent_past(kind: Any) -> None:
    """Whatever version of Twisted this is."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = kind(ours, Protocol(), ("127.0.0.1", 1), None, 0, MemoryReactor())
        send = direct_send(transport)
        assert send is not None
        assert send(b"data") == 4
        assert theirs.recv(10) == b"data"


def test_nobody_can_open_a_socket_before_it_has_its_mode(tmp_path: Path) -> None:
    """Whatever version of Twisted this is, and whatever the umask."""
    path = tmp_path / "socket"
    modes = []

    class Observed(socket.socket):
        def listen(self, backlog: int = 0) -> None:
            modes.append(path.stat().st_mode & 0o777)

    class Port(unix.Port):
        def createInternetSocket(self) -> socket.socket:  # noqa: N802 - Twisted's name
            return Observed(socket.AF_UNIX)

    umask = os.umask(0)
    try:
        reactor: Any = MemoryReactor()
        port = Port(os.fsencode(path), Factory(), mode=0o600, reactor=reactor)
        port.startListening()
    finally:
        os.umask(umask)
    port.socket.close()
    assert modes == [0o600]


# Handshakes


@pytest.mark.parametrize("begun", [[b""], [b"X00"], [b"X000"], [b"X000", b"R0000001"]])
def test_a_client_has_so_long_to_say_what_it_is(edge: Edge, begun: list[bytes]) -> None:
    protocol, transport = edge.string()
    for piece in begun:
        protocol.dataReceived(piece)
    edge.clock.advance(29)
    assert not dropped(transport)
    edge.clock.advance(2)
    assert dropped(transport)
    assert edge.server.warnings == ["refused local: its handshake took too long"]
    protocol.connectionLost()


def test_a_trickle_does_not_give_it_longer(edge: Edge) -> None:
    protocol, transport = edge.string()
    for byte in b"X000R":
        edge.clock.advance(5.5)
        protocol.dataReceived(bytes([byte]))
    assert not dropped(transport)
    edge.clock.advance(5.5)
    assert dropped(transport)
    protocol.connectionLost()


@pytest.mark.parametrize("kind", KINDS)
def test_who_has_said_it_may_be_silent_for_ever(edge: Edge, kind: str) -> None:
    client = edge.client(kind)
    edge.clock.advance(1e6)
    client.store("x", "v")


def test_who_leaves_before_that_is_forgotten(edge: Edge) -> None:
    protocol, transport = edge.string()
    protocol.connectionLost()
    edge.clock.advance(60)
    assert not dropped(transport)
    assert edge.reasons == []


def test_who_is_refused_is_sent_away_after_the_answer(edge: Edge) -> None:
    client = edge.client(None)
    client.write(b"X000")
    client.transport.take_all()
    client.write(b"R0000001" + b"0005Bogus00011" + b"more")
    client.transport.take_all()
    assert client.transport.sent.endswith(b"F000")
    assert not client.transport.connected
    (warning,) = edge.server.warnings
    assert warning.endswith("its handshake asks for what this server does not offer")


# Listings


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (IPv4Address("TCP", "10.9.8.7", 1), "10.9.8.7"),
        (IPv6Address("TCP", "::1", 1), "::1"),
        (UNIXAddress("/run/nws.sock"), "local"),
        (UNIXAddress(None), "local"),
    ],
)
def test_listings_say_where_an_owner_comes_from(edge: Edge, address: IAddress, peer: str) -> None:
    protocol, transport = edge.string(address)
    protocol.dataReceived(b"1112")
    protocol.dataReceived(request("open ws", "mine", "42", "no"))
    transport.clear()
    protocol.dataReceived(request("list wss", "mine"))
    assert transport.value().endswith(f">mine\t{peer} (42)\tFalse\t0\t\n".encode())
    protocol.connectionLost()


def test_all_can_be_hung_up_on(edge: Edge) -> None:
    clients = [edge.client() for _ in range(3)]
    edge.factory.hang_up()
    for client in clients:
        client.transport.take_all()
        assert not client.transport.connected


# A conversation over Twisted's simulated network


class Talker(Protocol):
    """A client that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True


def test_a_conversation(edge: Edge) -> None:
    talker, protocol = Talker(), edge.factory.buildProtocol(None)
    pump = iosim.connect(
        protocol,
        iosim.FakeTransport(protocol, isServer=True),
        talker,
        iosim.FakeTransport(talker, isServer=False),
    )
    assert talker.transport is not None
    talker.transport.write(b"0000")
    pump.flush()
    talker.transport.write(request("use ws", "ws", "", "no"))
    talker.transport.write(
        request("store", "ws", "x", PYTHON_TEXT, "v") + request("fetch", "ws", "x")
    )
    pump.flush()
    assert talker.heard == b"2223" + b"0000" + b"0000" + b"0000%020d%020dv" % (PYTHON_TEXT, 1)
    talker.transport.write(b"garbage!")
    pump.flush()
    assert talker.lost
    assert edge.server.hub.sessions.connection_count() == 0


# A client that does not read


def test_nothing_is_done_for_a_client_that_does_not_read(edge: Edge) -> None:
    slow, other = edge.client(), edge.client()
    other.store("x", 200_000 * b"v")
    slow.write(3 * slow.form("find", "ws", "x") + slow.form("store", "ws", "y", "0", "w"))
    assert not slow.transport.is_read()
    assert slow.transport.held < 201_000
    assert other.get("findTry", "ws", "y").status == 1
    for _ in range(3):
        assert slow.long().payload == 200_000 * b"v"
    slow.transport.take_all()
    assert slow.short().status == 0
    assert slow.transport.is_read()
    assert other.get("fetch", "ws", "y").payload == b"w"


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("size", [1000, 60_000, 100_000, 700_000])
def test_what_is_held_for_one_client_is_bounded(edge: Edge, size: int) -> None:
    slow, other = edge.client(), edge.client()
    other.store("x", size * b"v")
    flood = 300 * slow.form("find", "ws", "x")
    for start in range(0, len(flood), BUFFER):
        if not slow.transport.is_read():
            slow.transport.take_all()
        slow.write(flood[start : start + BUFFER])
    slow.transport.take_all()
    assert slow.transport.most_held < 2 * BUFFER + 2 * size + 1000
    for _ in range(300):
        assert len(slow.long().payload) == size
    assert slow.transport.is_read()


def test_others_are_served_meanwhile(edge: Edge) -> None:
    slow, other = edge.client(), edge.client()
    other.store("x", 200_000 * b"v")
    slow.write(100 * slow.form("find", "ws", "x"))
    for n in range(100):
        other.store("y", n)
        assert other.get("fetch", "ws", "y").payload == b"%d" % n
    slow.transport.hang_up()


def test_readers_of_a_large_value_share_a_turn(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of very many would else get some megabytes before anybody else is served."""
    monkeypatch.setattr(net, "_TURN_BYTES", 400_000)
    edge = Edge(spool)
    readers = [edge.client() for _ in range(4)]
    readers[0].store("x", 900_000 * b"v")
    for reader in readers:
        reader.send("find", "ws", "x")
    for reader in readers:
        reader.transport.take_turn()
        assert len(reader.transport.sent) < 200_000
    for reader in readers[1:]:
        reader.transport.hang_up()
    readers[0].transport.take_turn()
    assert len(readers[0].transport.sent) > 400_000
    assert readers[0].long().payload == 900_000 * b"v"
    readers[0].transport.hang_up()
    assert not edge.factory.sending
    edge.server.space.close()


def test_a_slow_reader_that_waits_is_answered_in_turn(edge: Edge) -> None:
    slow, other = edge.client(), edge.client()
    other.store("x", 200_000 * b"v")
    slow.write(slow.form("find", "ws", "x") + slow.form("fetch", "ws", "y"))
    other.store("y", "w")
    assert len(slow.long().payload) == 200_000
    slow.transport.take_all()
    assert slow.long().payload == b"w"


# Long values, in files


def stored(edge: Edge, size: int, var: str = "x") -> bytes:
    """Store a long value, and return it."""
    client = edge.client()
    value = bytes(range(251)) * (size // 251 + 1)
    client.store(var, value[:size])
    client.transport.hang_up()
    return value[:size]


@pytest.mark.parametrize("name", ["find", "fetch"])
def test_a_long_value_leaves_piece_by_piece(edge: Edge, spool: Spool, name: str) -> None:
    value = stored(edge, 5 * MEBI + 17)
    client = edge.client()
    client.write(client.form(name, "ws", "x") + client.form("store", "ws", "y", "0", "w"))
    assert client.long().payload == value
    assert client.short().status == 0
    assert client.transport.most_held <= BUFFER + PIECE
    assert spool.used == (0 if name == "fetch" else len(value))


def test_replies_keep_their_order_around_long_values(edge: Edge) -> None:
    long, longer = stored(edge, MEBI), stored(edge, 2 * MEBI, "y")
    client = edge.client("extended")
    client.store("z", "short")
    names = ["x", "z", "y", "z", "x", "y", "nothing", "z"]
    client.write(b"".join(client.form("findTry", "ws", name) for name in names))
    expected = {"x": long, "y": longer, "z": b"short", "nothing": b""}
    for name in names:
        assert client.long().payload == expected[name]
        client.transport.take(1)


def test_a_taken_batch_with_long_values(edge: Edge) -> None:
    value = stored(edge, MEBI)
    client = edge.client("extended")
    client.store("x", "short")
    assert stored(edge, MEBI) == value
    # A take stops once it has a mebibyte.
    assert [len(i.payload) for i in client.get_many("take", "ws", "x", "9", "").items] == [MEBI]
    items = client.get_many("take", "ws", "x", "9", "").items
    assert [len(item.payload) for item in items] == [5, MEBI]
    client.send("ack")
    client.transport.hang_up()


def test_many_readers_of_one_long_value(edge: Edge) -> None:
    value = stored(edge, 3 * MEBI)
    clients = [edge.client() for _ in range(5)]
    for client in clients:
        client.send("find", "ws", "x")
    for _ in range(4):
        for client in clients:
            client.transport.take(500_000)
    for client in clients:
        assert client.long().payload == value


@pytest.mark.parametrize("kind", ["cookie", "extended"])
@pytest.mark.parametrize("taken", [0, 50, 100_000, 2 * MEBI])
def test_a_client_that_leaves_in_the_middle(
    edge: Edge, spool: Spool, kind: str, taken: int
) -> None:
    stored(edge, 3 * MEBI)
    client = edge.client(kind)
    client.send("fetch", "ws", "x")
    client.transport.take(taken)
    client.transport.hang_up()
    if client.kind.extended:
        assert len(edge.client().get("fetch", "ws", "x").payload) == 3 * MEBI
    assert spool.used == 0
    assert list(spool_files(spool)) == []


def test_a_value_that_was_waited_for_and_is_cut_off(edge: Edge, spool: Spool) -> None:
    client = edge.client()
    client.send("fetch", "ws", "x")
    stored(edge, 3 * MEBI)
    client.transport.take(1000)
    client.transport.hang_up()
    assert spool.used == 0


@pytest.mark.parametrize("damage", ["removed", "cut short"])
@pytest.mark.parametrize("waits", [True, False])
def test_a_file_that_cannot_be_read_ends_the_connection(
    edge: Edge, spool: Spool, damage: str, waits: bool
) -> None:
    """Its head is on its way by then: no other answer can be given."""
    client, storer = edge.client("extended"), edge.client()
    if waits:
        client.send("find", "ws", "x")
        client.send("find", "ws", "x")
    stored(edge, 2 * MEBI)
    if waits:
        client.transport.take(100)
    damage_files(spool, damage)
    if not waits:
        client.send("find", "ws", "x")
    client.transport.take_all()
    assert not client.transport.connected
    assert len(client.transport.sent) < 2 * (2 * MEBI + 84)
    assert edge.reasons == [
        "a value that is being sent to it cannot be read: " + READ_ERRORS[damage]
    ]
    storer.store("y", "all is well")
    for path in spool_files(spool):
        path.touch()


READ_ERRORS: Final = {
    "removed": "No such file or directory",
    "cut short": "its file is too short",
}


def damage_files(spool: Spool, damage: str) -> None:
    """Do what somebody who clears a folder does, or a bad disk."""
    for path in spool_files(spool):
        if damage == "removed":
            path.unlink()
        else:
            with path.open("r+b") as file:
                file.truncate(MEBI)


# Closing


def test_what_was_answered_before_an_error_is_sent(edge: Edge) -> None:
    client = edge.client()
    client.write(5 * client.form("list wss") + b"garbage")
    client.transport.take_all()
    for _ in range(5):
        assert client.long().status == 0
    assert not client.transport.connected


def test_a_slow_client_is_hung_up_on_when_it_has_read_all(edge: Edge) -> None:
    client = edge.client()
    client.store("x", 500_000 * b"v")
    client.write(client.form("find", "ws", "x") + b"garbage")
    assert client.transport.connected
    client.transport.take(100_000)
    assert client.transport.connected
    client.transport.take_all()
    assert len(client.long().payload) == 500_000
    assert not client.transport.connected


def test_a_client_is_hung_up_on_behind_a_long_value(edge: Edge) -> None:
    value = stored(edge, 2 * MEBI)
    client = edge.client()
    client.write(client.form("find", "ws", "x") + b"garbage")
    client.transport.take_all()
    assert client.long().payload == value
    assert not client.transport.connected


def test_hanging_up_on_all_waits_for_no_slow_reader_for_ever(edge: Edge) -> None:
    client = edge.client()
    client.store("x", 500_000 * b"v")
    client.send("find", "ws", "x")
    edge.factory.hang_up()
    client.transport.take_all()
    assert not client.transport.connected


def test_spooled_uploads_end_with_the_connection(edge: Edge, tmp_path: Path) -> None:
    del tmp_path
    client = edge.client()
    data = client.form("store", "ws", "x", "0", 2 * MEBI * b"v")
    client.write(data[: MEBI // 2])
    client.transport.hang_up()
