"""The small programs at the other end of a benchmark, each in a process of its own.

``echo``: answers requests of a given size over a bare socket. ``relay``: passes messages between
two clients over bare sockets. ``bounce-bare``, ``bounce-ours`` and ``bounce-redis``: the second
client of a ping-pong, by way of a relay, a server of ours, a Redis. Each says "ready" and its port.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

from nws.client import NetWorkSpace
from scripts.benchmarks.processes import HOST, redis_client

SPACE: Final = "benchmark"
ORDER: Final = struct.Struct("!III")
"""What an echo is told before a round: number of requests, size of each, size of each reply."""


def receive(sock: socket.socket, size: int) -> bytes:
    """Receive exactly so many bytes, fewer only at the end of the connection."""
    return sock.recv(size, socket.MSG_WAITALL)


def connect(port: int) -> socket.socket:
    """Connect without delays for small packets."""
    sock = socket.create_connection((HOST, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


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
    while order := receive(client, ORDER.size):
        count, request_size, reply_size = ORDER.unpack(order)
        reply = bytes(reply_size)
        for _ in range(count):
            receive(client, request_size)
            client.sendall(reply)


def _relay(size: int) -> None:
    first, second = _accept(2)
    while message := receive(first, size):
        second.sendall(message)
        first.sendall(receive(second, size))


def _bounce_bare(port: int, size: int) -> None:
    relay = connect(port)
    _say_ready()
    while message := receive(relay, size):
        relay.sendall(message)


def _bounce_ours(port: int) -> None:
    space = NetWorkSpace(SPACE, HOST, port, useUse=True)
    _say_ready()
    while True:
        space.store("pong", space.fetch("ping"))


def _bounce_redis(port: int) -> None:
    redis = redis_client(port)
    _say_ready()
    while True:
        redis.rpush("pong", redis.blpop("ping")[1])


_PROGRAMS: Final[dict[str, Callable[..., None]]] = {
    "echo": _echo,
    "relay": _relay,
    "bounce-bare": _bounce_bare,
    "bounce-ours": _bounce_ours,
    "bounce-redis": _bounce_redis,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*map(int, sys.argv[2:]))
