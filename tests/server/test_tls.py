"""TLS at the server's end, in memory: whatever the socket takes, the client understands it, and who
does not go on is given up."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from itertools import pairwise

import pytest

from nws_server import net
from nws_server.certificate import Certificate, make_certificate
from nws_server.spool import Spool
from nws_server.tls import TlsLayer
from tests.support.certificates import trusting
from tests.support.edge import Edge
from tests.support.transports import NarrowClient


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


class Narrow:
    """A socket that takes few bytes at a time, and none each third time.

    Attributes:
        taken: what it took.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.taken = bytearray()
        self._calls = 0

    def send(self, data: bytes | memoryview) -> int:
        self._calls += 1
        if self._calls % 3 == 0:
            raise BlockingIOError
        self.taken += data[: self.width]
        return min(self.width, len(data))


class Peer:
    """A client of `ssl`, in memory."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = (context or trusting()).wrap_bio(self._in, self._out)

    def shake_hands(self, layer: TlsLayer) -> None:
        for _ in range(2):
            assert layer.receive(self.go_on()) == b""
            self._in.write(layer.encrypt(b""))
        assert not layer.failure

    def go_on(self, heard: bytes | bytearray = b"") -> bytes:
        """Take what came of the handshake; return what follows."""
        self._in.write(heard)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self._out.read()

    def say(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._out.read()

    def hear(self, data: bytes | bytearray) -> bytes:
        self._in.write(data)
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        try:
            while piece := self._tls.read():
                yield piece
        except ssl.SSLWantReadError:
            pass

    @property
    def cipher(self) -> str:
        found = self._tls.cipher()
        assert found is not None
        return found[0]

    @property
    def has_ended(self) -> bool:
        return self._tls.read() == b""


@pytest.mark.parametrize("width", [1000, 16_000, 10_000_000])
def test_what_the_socket_does_not_take_at_once_is_sent_in_its_order(
    certificate: Certificate, width: int
) -> None:
    socket, peer, data = Narrow(width), Peer(), os.urandom(700_000)
    layer = TlsLayer(certificate.context, socket.send)
    peer.shake_hands(layer)
    left = memoryview(data)
    while left:
        left = left[layer.send(left) :]
    assert peer.hear(socket.taken) == data


def test_what_came_is_understood_however_it_was_cut(certificate: Certificate) -> None:
    layer, peer, data = TlsLayer(certificate.context, None), Peer(), os.urandom(40_000)
    peer.shake_hands(layer)
    encrypted = peer.say(data)
    cuts = (0, 1, 4, 5, 17_000, 17_001, len(encrypted))
    heard = [layer.receive(encrypted[a:b]) for a, b in pairwise(cuts)]
    assert b"".join(heard) == data


def test_each_side_is_told_of_the_end(certificate: Certificate) -> None:
    layer, peer = TlsLayer(certificate.context, None), Peer()
    peer.shake_hands(layer)
    assert not layer.ended
    peer.hear(layer.end())
    assert peer.has_ended


def test_who_names_other_protocols_as_browsers_do_is_understood(certificate: Certificate) -> None:
    """What it says then is refused, as without TLS."""
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    layer, peer = TlsLayer(certificate.context, None), Peer(context)
    peer.shake_hands(layer)
    assert layer.receive(peer.say(b"GET / HTTP/1.1\r\n")) == b"GET / HTTP/1.1\r\n"


def test_many_records_are_made_at_once_by_the_quickest_cipher(certificate: Certificate) -> None:
    layer, peer, data = TlsLayer(certificate.context, None), Peer(), os.urandom(200_000)
    peer.shake_hands(layer)
    assert peer.hear(layer.encrypt(data)) == data
    assert peer.cipher == "TLS_AES_128_GCM_SHA256"


@pytest.mark.parametrize("begun", [False, True])
def test_garbage_is_a_failure_and_no_answer_follows(certificate: Certificate, begun: bool) -> None:
    layer, peer = TlsLayer(certificate.context, None), Peer()
    if begun:
        peer.shake_hands(layer)
    assert layer.receive(b"\x17\x03\x03\x00\x20" + 32 * b"x") == b""
    assert layer.failure
    layer.encrypt(b"")  # the alert
    assert layer.encrypt(b"an answer") == b""
    assert layer.end() == b""


# Who does not go on


@pytest.fixture
def edge(spool: Spool, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Edge:
    """A server that speaks TLS with who begins it, as over TCP."""
    monkeypatch.setattr(net, "tcp_socket", lambda _: True)
    monkeypatch.setattr(net, "keep_alive", lambda *_: None)
    return Edge(spool, fast_io=False, certificate=certificate)


def taken(client: NarrowClient) -> bytes:
    """Let a client read all that there is."""
    client.transport.take_all()
    said = bytes(client.transport.sent)
    client.transport.sent.clear()
    return said


def is_there(client: NarrowClient) -> bool:
    client.transport.take_all()
    return bool(client.transport.connected)


def begun(edge: Edge, how: str) -> NarrowClient:
    """Begin TLS up to some point."""
    client, peer = edge.client(None), Peer()
    hello = peer.go_on()
    if how == "half a hello":
        client.write(hello[: len(hello) // 2])
        return client
    client.write(hello)
    if how == "a hello":
        return client
    client.write(peer.go_on(taken(client)))
    if how == "half of ours":
        client.write(peer.say(b"X0"))
    return client


@pytest.mark.parametrize("how", ["half a hello", "a hello", "a handshake", "half of ours"])
def test_it_has_as_long_as_without_tls_to_say_what_it_is(edge: Edge, how: str) -> None:
    """There is one line in the log for all of them, and others are not disturbed."""
    other = edge.client()
    slow = [begun(edge, how) for _ in range(3)]
    edge.clock.advance(29)
    assert all(map(is_there, slow))
    other.store("x", "v")
    edge.clock.advance(2)
    assert not any(map(is_there, slow))
    assert edge.server.warnings == ["refused 10.0.0.1: its handshake took too long"]
    other.store("x", "v")
    assert is_there(begun(edge, "a handshake"))


def test_a_trickle_does_not_give_it_longer(edge: Edge) -> None:
    client, hello = edge.client(None), Peer().go_on()
    for byte in hello[:30]:
        client.write(bytes([byte]))
        edge.clock.advance(1)
    assert not is_there(client)
    assert edge.server.warnings == ["refused 10.0.0.1: its handshake took too long"]
