"""Many, mad and greedy clients, while an honest one goes on with its work."""

from __future__ import annotations

import errno
import json
import random
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from nws_server.operations import EXTENDED_OPERATIONS
from tests.support.frames import Text, request
from tests.support.server import Client, Server, running

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads the memory in use from /proc"
)

MEBI: Final = 1024 * 1024


def work(client: Client, n: int) -> None:
    """Do two operations that must succeed."""
    client.store("x", n)
    assert client.get("fetch", "ws", "x").payload == b"%d" % n


# Garbage


class Madman:
    """Sends bytes without sense, from a seed, and connects again when it is thrown out."""

    HELLOS = ((), (b"0000",), (b"1112",), (b"X000",), (b"X000", b"R0000000"))

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._socket = self._connect()
        self.sent = 0

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._server.port))
        for piece in self._random.choice(self.HELLOS):
            sock.sendall(piece)
            sock.recv(MEBI)  # the handshake goes in turns
        sock.setblocking(False)
        return sock

    def rave(self, size: int) -> None:
        """Send this many bytes."""
        data = self._nonsense(size)
        try:
            self._socket.send(data)
            self._socket.recv(MEBI)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EPIPE, errno.ECONNRESET):
                raise
            if error.errno != errno.EAGAIN:
                self._socket.close()
                self._socket = self._connect()
        self.sent += len(data)

    def _nonsense(self, size: int) -> bytes:
        """Make pure noise, or something that is nearly a request."""
        choose = self._random
        if choose.random() < 0.3:
            return choose.randbytes(size)
        data = bytearray()
        while len(data) < size:
            name = choose.choice(sorted(EXTENDED_OPERATIONS))
            fields = [choose.randbytes(choose.randrange(12)) for _ in range(choose.randrange(7))]
            data += request(name, *fields)
            if choose.random() < 0.3:
                data[choose.randrange(len(data))] = choose.randrange(256)
        return bytes(data[:size])

    def close(self) -> None:
        self._socket.close()


@pytest.mark.slow
def test_a_million_bytes_of_garbage(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client("extended", ws="ws") as honest:
        madmen = [Madman(server, seed) for seed in range(100)]
        for n in range(1000):
            for offset in (0, 50):
                madmen[(n + offset) % 100].rave(500)
            if n % 5 == 0:  # each costs two turns of both processes, which a busy machine delays
                work(honest, n)
        assert sum(madman.sent for madman in madmen) == 1_000_000
        for madman in madmen:
            madman.close()
        work(honest, 0)
        status = json.loads(honest.get("server status").payload)
        assert status["refused_requests"] > 90, "some of them are thrown out"
        assert len(server.log()) < 20, "which fills no log"


# Floods


def stuff(client: Client, data: bytes, most: int, meanwhile: Callable[[], None]) -> int:
    """Send data again and again, without reading, until the server takes no more of it, or hangs
    up; return how much was sent."""
    # Its system shall not take in millions of small answers first.
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.socket.setblocking(False)
    sent = blocked = place = 0
    while sent < most and blocked < 20:
        try:
            count = client.socket.send(data[place:])
        except BlockingIOError:
            blocked += 1
            meanwhile()
        except (BrokenPipeError, ConnectionResetError):
            break
        else:
            sent += count
            blocked = 0
            place = (place + count) % len(data)
    return sent


FLOODS: Final[dict[str, tuple[Text, ...]]] = {
    "large answers": ("find", "ws", "large"),
    "middling answers": ("find", "ws", "middling"),
    "listings": ("list vars", "ws"),
    "failures": ("no such operation",),
    "small answers": ("findTry", "ws", "nothing"),
    "waits": ("fetch", "ws", "never"),
    "values behind a wait": ("store", "ws", "never", "0", 1000 * "v"),
}


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with something to ask for."""
    folder = tmp_path_factory.mktemp("flooded")
    with running(folder) as server, server.client(ws="ws") as keeper:
        keeper.store("large", 3 * MEBI * b"v")
        keeper.store("middling", 50_000 * b"v")
        for n in range(500):
            keeper.store(f"one of many variables {n}", "v")
        yield server


# Each by one kind of client in turn, and by night by both.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("flood", "kind"),
    [
        pytest.param(flood, kind, marks=[pytest.mark.nightly] * ((row + column) % 2))
        for row, flood in enumerate(FLOODS)
        for column, kind in enumerate(("plain", "everything"))
    ],
)
def test_a_flood_does_not_fill_the_memory(flooded: Server, flood: str, kind: str) -> None:
    with flooded.client(kind, ws="ws") as greedy, flooded.client(ws="ws") as honest:
        counter = iter(range(1_000_000))
        work(honest, next(counter))
        before = flooded.memory()
        if flood == "values behind a wait":
            greedy.send("fetch", "ws", "never")
        data = 1000 * greedy.form(*FLOODS[flood])
        sent = stuff(greedy, data, 64 * MEBI, lambda: work(honest, next(counter)))
        grown = flooded.memory() - before
        assert sent < 64 * MEBI, "the server takes in whatever comes"
        assert grown < 16 * MEBI, f"{grown} bytes are held for {sent} that came"
        for _ in range(50):
            work(honest, next(counter))


# Crowds


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process and its children open as many files as they may."""
    import resource  # only Unix has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this user may not open that many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096 if hard > 4096 else hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_idle_connections(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client("extended", ws="ws") as honest:
        before = server.memory()
        idle = [server.client(kind) for kind in 500 * ("cookie", "extended")]
        status = json.loads(honest.get("server status").payload)
        assert status["connections"] == 1001
        assert server.memory() - before < 1000 * 20_000
        for n in range(200):
            work(honest, n)
        for client in idle[::100]:
            assert client.get("list wss").status == 0
        for client in idle:
            client.close()
        for _ in range(10_000):
            if json.loads(honest.get("server status").payload)["connections"] == 1:
                break
        else:
            raise AssertionError("closed connections are still counted")


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_a_thousand_waits_are_each_served_once(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client(ws="ws") as honest:
        waiting = [server.client(ws="ws") for _ in range(1000)]
        for client in waiting:
            client.send("fetch", "ws", "x")
        honest.until_waiting("ws", 1000)
        for n in range(1000):
            honest.store("x", n)
        assert sorted(int(client.long().payload) for client in waiting) == list(range(1000))
        assert honest.get("findTry", "ws", "x").status == 1
        for client in waiting:
            client.close()
