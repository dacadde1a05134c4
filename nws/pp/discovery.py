"""Finding nodes by UDP broadcast: a server asks, and nodes that were started for it answer.

Question and answer are not signed: they only tell where to connect, and there both sides prove that
they know the secret.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any, Final

from nws.pp.addresses import NodeAddress

__all__ = ["answer_questions", "ask"]

_QUESTION: Final = b"nws-pp: which nodes are there?"
_ANSWER: Final = "nws-pp node"

_EVERYWHERE: Final = "0.0.0.0"
_MAX_PORT: Final = 65535


class _Node(asyncio.DatagramProtocol):
    """Answers questions."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data == _QUESTION:
            self._transport.sendto(self._answer, addr)


class _Asker(asyncio.DatagramProtocol):
    """Reads answers."""

    def __init__(self, found: Callable[[NodeAddress], None]) -> None:
        self._found = found
        self.problem: Exception | None = None

    def error_received(self, exc: Exception) -> None:
        self.problem = exc

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            host, port = json.loads(data)[_ANSWER]
        except (ValueError, TypeError, LookupError):
            return  # somebody else uses this port
        if isinstance(host, str) and type(port) is int and 0 < port <= _MAX_PORT:
            self._found(NodeAddress(host or addr[0], port))


async def answer_questions(interface: str, broadcast: str, port: int) -> asyncio.BaseTransport:
    """Answer servers that ask for nodes, until what is returned is closed.

    Args:
        interface: on which the node listens.
        broadcast: address to which servers send their questions; 255.255.255.255 for any.
        port: of the node, and of the questions.

    Raises:
        OSError: the port is taken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Nodes on several addresses of one machine all get the questions.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((_EVERYWHERE if broadcast == "255.255.255.255" else broadcast, port))
        host = "" if interface in ("", _EVERYWHERE) else interface
        answer = json.dumps({_ANSWER: [host, port]}).encode()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Node(answer), sock=sock)
    except BaseException:
        sock.close()
        raise
    return transport


async def ask(pattern: NodeAddress, found: Callable[[NodeAddress], None], pause: float) -> None:
    """Ask again and again for nodes.

    Args:
        pattern: see `nws.pp.addresses.NodeAddress.broadcast`.
        found: called with the address of each that answers, each time.
        pause: seconds between questions.

    Raises:
        OSError: the system refuses such questions.
    """
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(
        lambda: _Asker(found), local_addr=(_EVERYWHERE, 0), allow_broadcast=True
    )
    try:
        while True:
            transport.sendto(_QUESTION, (pattern.broadcast, pattern.port))
            if asker.problem is not None:
                raise asker.problem
            await asyncio.sleep(pause)
    finally:
        transport.close()
