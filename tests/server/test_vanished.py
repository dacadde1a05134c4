"""Machines that vanish: who waits for them, or sends to them, knows within a bound."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from twisted.internet import tcp
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from nws import keepalive
from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsConnectionDroppedException
from nws.session import transport
from nws.session.exchange import Exchange
from nws_server.net import NwsFactory
from nws_server.spool import Spool
from nws_server.vanished import has_vanished
from tests.support.link import MemoryServer
from tests.support.machines import HERE, another_machine
from tests.support.processes import Aside, until
from tests.support.server import PATIENCE, Client, Server, running
from tests.support.spaces import HOST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="socket options of Linux")


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect two TCP sockets."""
    with (
        socket.create_server((HOST, 0)) as listener,
        socket.create_connection(listener.getsockname()) as ours,
        listener.accept()[0] as theirs,
    ):
        yield ours, theirs


def tcp_option(sock: socket.socket, name: str) -> int:
    return sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


@pytest.mark.parametrize("seconds", [3, 4, 5, 7, 10, 30, 31, 100, 86400, 10**9])
def test_keepalive_ends_within_its_bound(seconds: int) -> None:
    with connection() as (sock, _):
        keepalive.keep_alive(sock, seconds)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert all(tcp_option(sock, f"TCP_KEEP{name}") >= 1 for name in ("IDLE", "INTVL", "CNT"))
        assert 0.6 * min(seconds, 86400) < bound_of(sock) <= seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 30), ("10", 10), ("1", 3), (" 60 ", 60), ("x", 30), ("-5", 30), ("9" * 9, 86400)],
)
def test_the_bound_can_be_set(monkeypatch: pytest.MonkeyPatch, text: str, seconds: int) -> None:
    monkeypatch.setenv(keepalive.PEER_TIMEOUT, text)
    assert keepalive.peer_timeout() == seconds


def test_who_lives_but_does_not_read_has_not_vanished() -> None:
    with connection() as (sock, other):
        sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sock.send(bytes(65536))
        # The other machine has taken what it has room for.
        until(lambda: not has_vanished(sock, 0), "all of that is acknowledged")
        del other


def test_a_client_knows_in_each_state(process: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "local_socket", lambda _: None)
    for setting, seconds in (("", 30), ("12", 12)):
        monkeypatch.setenv(keepalive.PEER_TIMEOUT, setting)
        with NwsServer(HOST, process.port) as server:
            sock = server.nwsSocket
            assert tcp_option(sock, "TCP_KEEPIDLE") == seconds // 3
            assert tcp_option(sock, "TCP_USER_TIMEOUT") == 1000 * seconds


@pytest.mark.parametrize("code", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH])
def test_the_first_to_know_ends_the_session(
    process: Server, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The other connections, and attempts to make one, would wait as long once more."""

    def fail(_: Exchange) -> NoReturn:
        error = OSError(code, os.strerror(code))
        raise NwsConnectionDroppedException(str(error)) from error

    with NetWorkSpace("vanishing", HOST, process.port) as ws:
        waiting = Aside(lambda: ws.fetch("x"))
        until(lambda: "x\t0\t1" in str(ws.listVars()), "the fetch waits")
        with monkeypatch.context() as patched:
            patched.setattr(Exchange, "read", fail)
            with pytest.raises(NwsConnectionDroppedException, match=os.strerror(code)):
                ws.findTry("y")
        for call in (lambda: ws.findTry("y"), waiting.result):
            with pytest.raises(NwsConnectionDroppedException):
                call()
        with pytest.raises(NwsConnectionDroppedException, match="its machine does not answer"):
            ws.store("y", 1)


def bound_of(sock: socket.socket) -> int:
    """Return the seconds after which keepalive gives up."""
    idle, interval, count = (
        tcp_option(sock, f"TCP_KEEP{name}") for name in ("IDLE", "INTVL", "CNT")
    )
    return idle + interval * count


def test_a_client_can_ask_for_a_shorter_bound(
    process: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "local_socket", lambda _: None)
    for asked, agreed in ((7.2, 8), (0.1, 3), (1e9, 30), (float("inf"), 30), (None, 30)):
        with NwsServer(HOST, process.port, peer_timeout=asked) as server:
            assert tcp_option(server.nwsSocket, "TCP_USER_TIMEOUT") == 1000 * agreed
            with NwsServer(HOST, process.port, session=server.session, peer_timeout=asked) as more:
                assert bound_of(more.nwsSocket) in (agreed, agreed - 1)


def test_a_server_takes_the_shorter_bound(spool: Spool) -> None:
    factory = NwsFactory(MemoryServer(spool=spool).hub, Clock(), handshake_timeout=30)
    with connection() as (_, sock):
        protocol = factory.buildProtocol(None)
        assert protocol is not None
        reactor: Any = MemoryReactorClock()
        protocol.makeConnection(tcp.Server(sock, protocol, (HOST, 1), None, 0, reactor))  # type: ignore[arg-type]
        for asked, agreed in ((60, 30), (12, 12), (20, 12), (1, 3)):
            protocol.limit_silence(asked)
            assert bound_of(sock) == agreed
        protocol.connectionLost()


# Real machines: network namespaces, if this user may make some

CLIENT = """
import socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for piece in sys.argv[3:]:
    sock.sendall(bytes.fromhex(piece))
    if piece != sys.argv[-1]:
        sock.recv(65536)
print("ready", flush=True)
sys.stdin.read()
"""


OPTIONS: Final = ("--peer-timeout", "3", "--plain", "--original", "anyone")


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("under_way", [False, True])
def test_a_client_on_a_machine_that_vanishes_is_given_up(tmp_path: Path, under_way: bool) -> None:
    """While it waits, and while a value is on its way to it."""
    from tests.support.frames import KINDS, framed_dict, request

    kind = KINDS["extended"]
    options = b"R000" + framed_dict(dict.fromkeys(kind.wanted, b"1"))
    work = request("open ws", "its", "42", "no") + request("fetch", "its", "x")
    with (
        another_machine() as link,
        running(tmp_path, *OPTIONS, listen="tcp:0") as server,
        witness_of(server) as witness,
    ):
        command = ["ip", "netns", "exec", link, sys.executable, "-S", "-c", CLIENT]
        pieces = [piece.hex() for piece in (kind.hello, options, work)]
        with subprocess.Popen(
            [*command, HERE, str(server.port), *pieces],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"ready\n"
            assert witness.ask("use ws", "its", "", "no", "no").status == 0
            witness.until_waiting("its", 1)
            subprocess.run(f"ip link set {link} down".split(), check=True)
            if under_way:
                assert witness.ask("store", "its", "x", "0", "v").status == 0
            # It owned the workspace.
            until(
                lambda: witness.get("list wss", "its").payload == b"\n",
                "the client is given up",
            )
            client.kill()


@contextmanager
def witness_of(server: Server) -> Iterator[Client]:
    with server.client("extended") as client:
        client.socket.settimeout(PATIENCE)
        yield client
