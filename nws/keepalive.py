"""Lets the system notice that the machine at the other end of a TCP connection has gone."""

from __future__ import annotations

import os
import socket
from typing import Final

__all__ = [
    "DEFAULT_PEER_TIMEOUT",
    "MAX_PEER_TIMEOUT",
    "MIN_PEER_TIMEOUT",
    "PEER_TIMEOUT",
    "keep_alive",
    "peer_timeout",
]

PEER_TIMEOUT: Final = "NWS_PEER_TIMEOUT"
"""Environment variable: seconds after which a machine that does not answer is gone."""

DEFAULT_PEER_TIMEOUT: Final = 30
MIN_PEER_TIMEOUT: Final = 3
MAX_PEER_TIMEOUT: Final = 24 * 3600
"""Systems take no much longer times."""


def peer_timeout() -> int:
    """Return the setting of the environment, in seconds; the default if it is no such number."""
    text = os.environ.get(PEER_TIMEOUT, "").strip()
    if not text.isdecimal() or len(text) > 9:
        return DEFAULT_PEER_TIMEOUT
    return max(MIN_PEER_TIMEOUT, min(int(text), MAX_PEER_TIMEOUT))


def keep_alive(sock: socket.socket, seconds: int) -> None:
    """Let a connection on which nothing is under way fail when the other machine does not answer
    for this time, at least 3 seconds and at most a day."""
    seconds = min(seconds, MAX_PEER_TIMEOUT)
    idle, interval = seconds // 3, max(1, seconds // 6)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    times = {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": (seconds - idle) // interval,
    }
    for name, value in times.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
