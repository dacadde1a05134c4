"""Sockets for the blocking client: how they are made, tuned, and how long they block."""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from nws.keepalive import MAX_PEER_TIMEOUT, keep_alive, peer_timeout
from nws.session.endpoint import UNIX, Endpoint

__all__ = [
    "Timeouts",
    "candidate_sockets",
    "is_closed_here",
    "is_system_error",
    "is_tcp",
    "local_socket",
    "raised_by_handler",
    "set_poll_interval",
    "tune",
    "waiting_for",
]

_MAX_POLL_SECONDS: Final = 24 * 3600
"""The system takes no more than some weeks."""

_SEND_BUFFER_BYTES: Final = 1024 * 1024
"""That the system may hold for a server on this machine; often it lets us have less. By itself it
holds a fifth of a mebibyte, and each fill of that wakes the other side."""


class Timeouts(NamedTuple):
    """Timeouts for an unresponsive server, in seconds."""

    reply: float = 60.0
    """Without a byte of a reply that is due, or without room for one of the request."""
    recovery: float = 5.0
    """The same for the reply to an operation that was interrupted."""
    poll_interval: float = 5.0
    """How often a blocked send or receive checks these timeouts."""


def candidate_sockets(endpoint: Endpoint) -> Iterator[tuple[socket.socket, Any]]:
    """Make a socket for each way to an endpoint; give it with the address to connect it to."""
    if endpoint.host.startswith(UNIX):
        yield _unix_socket(), endpoint.host.removeprefix(UNIX)
        return
    host = endpoint.dialed or endpoint.host
    found = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        yield socket.socket(family, kind, protocol), address


def _unix_socket() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return sock


def local_socket(endpoint: Endpoint) -> socket.socket | None:
    """Return a socket that is connected to a server on this machine by its Unix socket. None if it
    has none, or that cannot be used just now: then it is reached by its port."""
    if not endpoint.local or not hasattr(socket, "AF_UNIX"):
        return None
    sock = _unix_socket()
    try:
        sock.setblocking(False)  # it is accepted at once, or refused, as when too many do that
        sock.connect(endpoint.local)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError) and is_system_error(error):
            return None
        raise
    return sock


def is_tcp(sock: socket.socket) -> bool:
    """Tell whether this is a TCP socket: not one of Unix, or in memory."""
    return sock.family in (socket.AF_INET, socket.AF_INET6)


def waiting_for(sock: socket.socket) -> Callable[[float], bool]:
    """Return what waits up to so many seconds until something can be received, and tells whether it
    can."""
    if not hasattr(select, "poll"):  # as on Windows
        return lambda seconds: bool(select.select([sock], [], [], seconds)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda seconds: bool(poll.poll(1000 * min(seconds, _MAX_POLL_SECONDS)))


def tune(sock: socket.socket, endpoint: Endpoint) -> None:
    """Send at once; notice within `peer_timeout`, or what the endpoint says, that the server's
    machine has gone, while a fetch is blocked or a request is under way."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seconds = min(peer_timeout(), endpoint.peer_timeout or MAX_PEER_TIMEOUT)
    keep_alive(sock, seconds)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * seconds)


def set_poll_interval(sock: socket.socket, seconds: float) -> None:
    """Make blocking sends and receives fail with BlockingIOError every ``seconds``."""
    sock.settimeout(None)
    if sys.platform != "win32":  # there only the end of the connection ends a blocked call
        interval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)


def is_system_error(error: OSError) -> bool:
    """Tell whether the system reported an error about a socket, or the handler of a signal raised
    it: such ones, like TimeoutError, have no number."""
    return error.errno is not None


def is_closed_here(error: BaseException | None) -> bool:
    """Tell whether an error comes from a socket whose descriptor this process has closed, and
    perhaps given to another file."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EBADF, errno.ENOTSOCK):
            return True
        error = error.__cause__
    return False


def raised_by_handler(error: Exception, deadline: float) -> bool:
    """Tell whether a TimeoutError came from the handler of a signal: ours was not due yet."""
    early = time.monotonic() < deadline
    return early and isinstance(error, TimeoutError) and not is_system_error(error)
