"""Tells whether a client's machine has gone while something was on its way to it.

Keepalive is silent then, and the system would send again and again for a quarter of an hour.
``TCP_USER_TIMEOUT`` is no way out: it also ends the connection of a client that lives but does not
read for that time. The system knows which of the two it is, and Linux tells.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

_HEAD: Final = struct.Struct("=8B13I")
"""The first fields of ``struct tcp_info``; see linux/tcp.h."""

_PROBES: Final = 3
"""Place of the number of probes that a client with a full buffer has not answered."""

_UNACKNOWLEDGED: Final = 12
"""Place of the number of packets that are under way."""

_SINCE_ANSWER: Final = 20
"""Place of the time since anything was acknowledged, in milliseconds."""


def has_vanished(sock: socket.socket, seconds: float) -> bool:
    """Tell whether a TCP connection has been sending for this time without any answer."""
    if sys.platform != "linux":
        return False
    info = _HEAD.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _HEAD.size))
    unacknowledged, probes, silence = info[_UNACKNOWLEDGED], info[_PROBES], info[_SINCE_ANSWER]
    return bool((unacknowledged or probes > 1) and silence > 1000 * seconds)
