"""Tells whose process is at the other end of a connection, as far as the system knows.

Of a Unix socket it says so itself. Of TCP it does not; but if the other end is on this machine, its
socket has an owner, and Linux tells that to whoever asks for exactly these two addresses. Where it
does not, nobody is anybody: `peer_user` returns None.

In a user namespace, as containers have it, the kernel has one number for all users who have none
there. Whoever owns a socket and has that number may be anybody. (A Unix socket has a mode: who can
open it at all was chosen.)
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

__all__ = ["own_user", "peer_user"]

_CREDENTIALS: Final = struct.Struct("=iII")
"""Linux: ``struct ucred``, process, user and group."""

_XUCRED: Final = struct.Struct("=II")
"""macOS: the beginning of ``struct xucred``, version and user."""

_XUCRED_BYTES: Final = 76

_SOCK_DIAG: Final = 4
"""``NETLINK_SOCK_DIAG``, see sock_diag(7)."""

_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_HEAD: Final = struct.Struct("=IHHII")
"""``struct nlmsghdr``: length, type, flags, number, port."""

_QUESTION: Final = struct.Struct("=BBBxI")
"""The beginning of ``struct inet_diag_req_v2``: family, protocol, extensions, states."""

_SOCKET_ID: Final = struct.Struct("!HH16s16sI8s")
"""``struct inet_diag_sockid``: both ports, both addresses, interface, cookie."""

_ANSWER: Final = struct.Struct("=BBBB48xIIIII")
"""``struct inet_diag_msg``: family, state, two fields of a timer, the socket's id, three fields of
queues, user and inode."""

_ANY_STATE: Final = 0xFFFFFFFF
_ANY_COOKIE: Final = b"\xff" * 8
_ESTABLISHED: Final = 1
_SECONDS: Final = 1.0
"""For the kernel's answer, which comes within microseconds."""

_ALL_USERS: Final = 2**32 - 1
"""How many users there are outside of all namespaces."""


def own_user() -> int | None:
    """Return the user of this process, None on systems that do not number them."""
    return None if sys.platform == "win32" else os.geteuid()


def peer_user(sock: socket.socket) -> int | None:
    """Return the number of the user whose process has the other end of a connection.

    Returns:
        None if the system does not tell: of another machine, of a connection that is ending, of TCP
        on other systems than Linux.
    """
    with suppress(OSError, struct.error, ValueError):
        if sock.family == getattr(socket, "AF_UNIX", None):
            return _unix_peer(sock)
        if sys.platform == "linux":
            user = _owner(sock.getpeername(), sock.getsockname())
            return None if user == _stand_in() else user
    return None


def _unix_peer(sock: socket.socket) -> int | None:
    if hasattr(socket, "SO_PEERCRED"):
        answer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(answer)[1])
    if hasattr(socket, "LOCAL_PEERCRED"):
        answer = sock.getsockopt(0, socket.LOCAL_PEERCRED, _XUCRED_BYTES)
        return int(_XUCRED.unpack_from(answer)[1])
    return None


def _owner(its: Any, other: Any) -> int | None:
    """Return who owns the TCP socket of this machine that has these addresses for its own and its
    other end; None if there is none."""
    question = _question(its, other)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_SECONDS)
        kernel.send(
            _HEAD.pack(_HEAD.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
            + question
        )
        answer = kernel.recv(4096)
    if _HEAD.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket
    _, state, _, _, _, _, _, user, inode = _ANSWER.unpack_from(answer, _HEAD.size)
    # One that its process has closed has no inode any more, and says that its user is root.
    return int(user) if state == _ESTABLISHED and inode else None


@lru_cache(maxsize=1)
def _stand_in() -> int | None:
    """Return the number of all users who have none in this user namespace; None if all have one."""
    counts = Path("/proc/self/uid_map").read_text().split()[2::3]
    if sum(map(int, counts)) >= _ALL_USERS:
        return None
    return int(Path("/proc/sys/kernel/overflowuid").read_text())


def _question(its: Any, other: Any) -> bytes:
    hosts = [ip_address(address[0].partition("%")[0]) for address in (its, other)]
    hosts = [getattr(host, "ipv4_mapped", None) or host for host in hosts]
    family = socket.AF_INET if hosts[0].version == 4 else socket.AF_INET6
    id = _SOCKET_ID.pack(
        its[1], other[1], *(host.packed.ljust(16, b"\0") for host in hosts), 0, _ANY_COOKIE
    )
    return _QUESTION.pack(family, socket.IPPROTO_TCP, 0, _ANY_STATE) + id
