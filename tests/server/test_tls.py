"""TLS at the server's end, in memory: whatever the socket takes, the client understands it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from itertools import pairwise

import pytest

from nws_server.certificate import Certificate, make_certificate
from nws_server.tls import TlsLayer
from tests.support.certificates import trusting


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

    def __init__(self) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._in, self._out)

    def shake_hands(self, layer: TlsLayer) -> None:
        for _ in range(2):
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            assert layer.receive(self._out.read()) == b""
            self._in.write(layer.encrypt(b""))
        assert not layer.failure

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
