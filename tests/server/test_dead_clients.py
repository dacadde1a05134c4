"""Clients that die without a word, in processes of their own."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.frames import KINDS, framed_dict, request
from tests.support.server import Client, Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")

# Sends what it is given, piece by piece, after each of which something must come back; reads what
# is to come, says so, and then waits to be killed.
VICTIM = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
wanted = int(sys.argv[2])
for piece in sys.argv[3:]:
    sock.sendall(bytes.fromhex(piece))
    wanted -= len(sock.recv(wanted))
while wanted:
    wanted -= len(sock.recv(wanted))
print("ready", flush=True)
sock.recv(1)
"""


@contextmanager
def victim(server: Server, answers: int, *pieces: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client that has sent these and has read this many bytes; it is killed at the end."""
    sent = [piece.hex() for piece in pieces]
    command = [sys.executable, "-S", "-c", VICTIM, str(server.port), str(answers), *sent]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_workspaces_of_a_killed_client_are_purged(process: Server) -> None:
    stream = request("open ws", "its", "42", "no") + request("use ws", "x", "", "no")
    stream += request("open ws", "kept", "42", "yes") + request("store", "its", "a", "0", "v")
    with process.client() as witness, victim(process, 5 * 4, b"1112", stream) as killed:
        assert witness.ask("use ws", "its", "", "no", "no").status == 0
        assert witness.get("find", "its", "a").payload == b"v"
        witness.send("fetch", "its", "b")
        killed.send_signal(signal.SIGKILL)
        assert witness.long().status == 1  # the purge ends the wait
        assert witness.get("list wss", "its").payload == b"\n"
        assert witness.get("list wss", "kept").payload.startswith(b" kept\t127.0.0.1 (42)\tTrue")
        assert witness.ask("delete ws", "kept").status == 0


@pytest.mark.parametrize("hello", [b"1112", b"0000"])
def test_a_killed_client_leaves_the_line(process: Server, hello: bytes) -> None:
    stream = request("use ws", "ws", "", "no") + request("fetch", "ws", "x")
    with (
        process.client(ws="ws") as witness,
        victim(process, 8, hello, stream) as killed,
        process.client(ws="ws") as second,
    ):
        witness.until_waiting("ws", 1)
        second.send("fetch", "ws", "x")
        witness.until_waiting("ws", 2)
        killed.send_signal(signal.SIGKILL)
        witness.until_waiting("ws", 1)
        witness.store("x", "for the living")
        assert second.long().payload == b"for the living"


def test_what_was_sent_to_a_killed_client_comes_back(process: Server) -> None:
    """It had the value, but did not say so."""
    with process.client("extended", ws="ws") as witness, process.client(ws="ws") as heir:
        witness.store("x", "v")
        kind = KINDS["extended"]
        options = b"R000" + framed_dict(dict.fromkeys(kind.wanted, b"1"))
        stream = request("use ws", "ws", "", "no") + request("fetch", "ws", "x")
        with process.client(None) as sample:
            offers = framed_dict(sample.shake_hands(kind))
        answers = len(b"P000" + offers + b"A000" + b"00000000") + 4 + 84 + 1
        with victim(process, answers, kind.hello, options, stream) as killed:
            assert witness.get("findTry", "ws", "x").status == witness.no_value
            heir.send("fetch", "ws", "x")
            witness.until_waiting("ws", 1)
            killed.send_signal(signal.SIGKILL)
            assert heir.long().payload == b"v"


def test_a_connection_that_is_reset_is_like_a_death(process: Server) -> None:
    with process.client(ws="ws") as witness:
        reset = process.client(ws="ws")
        reset.send("fetch", "ws", "x")
        witness.until_waiting("ws", 1)
        reset.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        witness.until_waiting("ws", 0)


def test_a_client_that_shuts_only_its_own_side_has_left(process: Server) -> None:
    """The end of what it sends is its goodbye; there is no other."""
    with process.client(ws="ws") as witness:
        leaver: Client = process.client(ws="ws")
        leaver.send("fetch", "ws", "x")
        witness.until_waiting("ws", 1)
        leaver.socket.shutdown(socket.SHUT_WR)
        assert leaver.at_end()
        witness.until_waiting("ws", 0)
        leaver.close()
