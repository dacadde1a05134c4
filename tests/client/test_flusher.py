"""Acknowledgements leave within milliseconds, also when no request follows with which to travel."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from nws.session.flusher import flush_soon
from tests.support.processes import until
from tests.support.server import PATIENCE
from tests.support.spaces import Opener, variable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs MSG_MORE")

ATTEMPTS = 20
"""The system sends after 200 ms what we should have sent after 3: on a busy machine it may win."""


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect two TCP sockets."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as ours,
        listener.accept()[0] as theirs,
    ):
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield ours, theirs


def hold_back(sock: socket.socket) -> None:
    """Send a byte that the system holds back."""
    sock.send(b"x", socket.MSG_MORE)


def comes_before(first: socket.socket, second: socket.socket) -> bool:
    """Tell whether something comes on one connection and not yet on another."""
    ready, _, _ = select.select([first, second], [], [], PATIENCE)
    return ready == [first]


def test_what_is_flushed_comes_before_what_was_held_back_earlier() -> None:
    for _ in range(ATTEMPTS):
        with connection() as (held, held_end), connection() as (flushed, flushed_end):
            hold_back(held)
            hold_back(flushed)
            flush_soon(flushed)
            if comes_before(flushed_end, held_end):
                return
    raise AssertionError("it was not flushed")


def test_a_socket_that_was_closed_meanwhile_is_left_alone() -> None:
    with connection() as (held, end):
        hold_back(held)
        flush_soon(held)
        held.close()
        assert end.recv(10) == b"x"
    test_what_is_flushed_comes_before_what_was_held_back_earlier()


def test_a_fork_finds_no_thread_and_both_go_on() -> None:
    """A process with several threads is not safely forked; newer Pythons warn of it."""
    test_what_is_flushed_comes_before_what_was_held_back_earlier()
    assert "nws flusher" in {thread.name for thread in threading.enumerate()}
    child = os.fork()
    if not child:
        try:
            test_what_is_flushed_comes_before_what_was_held_back_earlier()
            os._exit(0)
        finally:
            os._exit(1)
    assert "nws flusher" not in {thread.name for thread in threading.enumerate()}
    assert os.waitpid(child, 0)[1] == 0
    test_what_is_flushed_comes_before_what_was_held_back_earlier()


def acknowledged(sock: socket.socket) -> bool:
    """Tell whether the other machine has received all that was sent here."""
    import fcntl
    import termios

    return fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)) == bytes(4)


@pytest.mark.parametrize("operation", ["fetch", "fetch_many", "ifetch", "fetch of a pickle"])
def test_a_fetched_value_is_not_given_out_again(opened: Opener, operation: str) -> None:
    """The connection is reset right after its acknowledgement, before the system would have sent
    it."""
    witness = opened()
    for _ in range(ATTEMPTS):
        ws = opened()
        witness.store("x", ["a value"] if operation == "fetch of a pickle" else "a value")
        sock = ws.server.nwsSocket
        with connection() as (held, held_end):
            hold_back(held)
            if operation == "fetch_many":
                ws.fetch_many("x", 5)
            elif operation == "ifetch":
                next(ws.ifetch("x"))
            else:
                ws.fetch("x")
            until(lambda sock=sock: acknowledged(sock), "the acknowledgement has arrived")  # type: ignore[misc]
            was_early = not select.select([held_end], [], [], 0)[0]
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with closing(sock):
            pass
        until(lambda: variable(witness, "x").fetchers == 0, "nobody waits")
        assert witness.fetchTry("x", "nothing") == "nothing"
        if was_early:
            return
    raise AssertionError("the acknowledgement was never early")
