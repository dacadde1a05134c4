"""The small programs at the other end of a benchmark, each in a process of its own.

``echo``: answers requests over a bare socket. ``relay``: passes messages between two clients over
bare sockets. ``bounce-bare``, ``bounce-ours`` and ``bounce-redis``: the second client of a
ping-pong, through a relay, a server of ours, or a Redis. ``watch``: browsers that follow pages
of an inspector. Each says "ready" and its port.
"""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable
from typing import Final, cast

from nws.client import NetWorkSpace
from scripts.benchmarks.processes import HOST, redis_client

SPACE: Final = "benchmark"
_RECEIVE_BYTES: Final = 64 * 1024


def connect(port: int) -> socket.socket:
    """Connect without delays for small packets."""
    sock = socket.create_connection((HOST, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request(size: int, reply_size: int) -> bytes:
    """Form a request to the echo. Like all messages here it is small enough to come in one go."""
    return b"%04d" % reply_size + bytes(size - 4)


def ask(sock: socket.socket, message: bytes) -> bytes:
    """Send a message and wait for the answer."""
    sock.sendall(message)
    return sock.recv(_RECEIVE_BYTES)


def _accept(count: int) -> list[socket.socket]:
    with socket.create_server((HOST, 0)) as listener:
        _say_ready(listener.getsockname()[1])
        connections = [listener.accept()[0] for _ in range(count)]
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connections


def _say_ready(port: int = 0) -> None:
    print("ready", port, flush=True)


def _echo() -> None:
    (client,) = _accept(1)
    while message := client.recv(_RECEIVE_BYTES):
        client.sendall(bytes(int(message[:4])))


def _relay() -> None:
    first, second = _accept(2)
    while message := first.recv(_RECEIVE_BYTES):
        first.sendall(ask(second, message))


def _bounce_bare(port: int) -> None:
    relay = connect(port)
    _say_ready()
    while message := relay.recv(_RECEIVE_BYTES):
        relay.sendall(message)


def _bounce_ours(port: int) -> None:
    space = NetWorkSpace(SPACE, HOST, port, useUse=True)
    _say_ready()
    while True:
        space.store("pong", space.fetch("ping"))


def _bounce_redis(port: int, tuned: int) -> None:
    redis = redis_client(port, tuned=bool(tuned))
    _say_ready()
    while True:
        redis.rpush(f"pong {tuned}", redis.blpop(f"ping {tuned}")[1])


def _watch(web_port: int, browsers: int) -> None:
    from scripts.benchmarks.inspector import followed

    selector = selectors.DefaultSelector()
    for address in followed(browsers):
        browser = connect(web_port)
        browser.sendall(f"GET {address} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        while b"data: " not in browser.recv(_RECEIVE_BYTES):
            pass
        selector.register(browser, selectors.EVENT_READ)
    _say_ready()
    while True:
        for key, _ in selector.select():
            cast(socket.socket, key.fileobj).recv(_RECEIVE_BYTES)


_PROGRAMS: Final[dict[str, Callable[..., None]]] = {
    "echo": _echo,
    "relay": _relay,
    "bounce-bare": _bounce_bare,
    "bounce-ours": _bounce_ours,
    "bounce-redis": _bounce_redis,
    "watch": _watch,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*map(int, sys.argv[2:]))
