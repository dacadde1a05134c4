"""Machines that vanish: who waits for them, or sends to them, knows within a bound."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from nws import keepalive
from nws.client import NwsServer
from nws_server.vanished import has_vanished
from tests.support.server import PATIENCE, Client, Server, running
from tests.support.spaces import HOST, until

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
        idle, interval, count = (
            tcp_option(sock, f"TCP_KEEP{name}") for name in ("IDLE", "INTVL", "CNT")
        )
        assert min(idle, interval, count) >= 1
        assert 0.6 * min(seconds, 86400) < idle + interval * count <= seconds


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
    for setting, seconds in (("", 30), ("12", 12)):
        monkeypatch.setenv(keepalive.PEER_TIMEOUT, setting)
        with NwsServer(HOST, process.port) as server:
            sock = server.nwsSocket
            assert tcp_option(sock, "TCP_KEEPIDLE") == seconds // 3
            assert tcp_option(sock, "TCP_USER_TIMEOUT") == 1000 * seconds


# Real machines: network namespaces, if this user may make some


@contextmanager
def another_machine() -> Iterator[str]:
    """Make a network namespace, linked to this one; its name is that of the link, too."""
    name, here = f"nwstest{os.getpid() % 10000}", "10.213.97.1"
    commands = [
        f"ip netns add {name}",
        f"ip link add {name} type veth peer name far netns {name}",
        f"ip addr add {here}/24 dev {name}",
        f"ip link set {name} up",
        f"ip -n {name} addr add 10.213.97.2/24 dev far",
        f"ip -n {name} link set far up",
    ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, check=False)
            if done.returncode:
                pytest.skip(f"cannot make a network namespace: {done.stderr.decode()}")
        yield name
    finally:
        subprocess.run(f"ip link del {name}".split(), capture_output=True, check=False)
        subprocess.run(f"ip netns del {name}".split(), capture_output=True, check=False)


CLIENT = """
import socket, sys
sock = socket.create_connection(("10.213.97.1", int(sys.argv[1])))
for piece in sys.argv[2:]:
    sock.sendall(bytes.fromhex(piece))
    if piece != sys.argv[-1]:
        sock.recv(65536)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("under_way", [False, True])
def test_a_client_on_a_machine_that_vanishes_is_given_up(tmp_path: Path, under_way: bool) -> None:
    """While it waits, and while a value is on its way to it."""
    from tests.support.frames import KINDS, framed_dict, request

    kind = KINDS["extended"]
    options = b"R000" + framed_dict(dict.fromkeys(kind.wanted, b"1"))
    work = request("open ws", "its", "42", "no") + request("fetch", "its", "x")
    with (
        another_machine() as link,
        running(tmp_path, "--peer-timeout", "3", listen="tcp:0") as server,
        witness_of(server) as witness,
    ):
        command = ["ip", "netns", "exec", link, sys.executable, "-S", "-c", CLIENT]
        pieces = [piece.hex() for piece in (kind.hello, options, work)]
        with subprocess.Popen(
            [*command, str(server.port), *pieces],
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
