"""Finding nodes by UDP broadcast: a master asks, and nodes that were started for it answer.

Question and answer are not signed: they only tell where to connect, and there both sides prove that
they know the secret.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from logging import Logger
from typing import Any, Final

from nws.session.address import Address, read_address

__all__ = ["answer_questions", "ask"]

_QUESTION: Final = b"nws: which nodes are there?"
_ANSWER: Final = "nws node at "

_EVERYWHERE: Final = "0.0.0.0"
_ALL_INTERFACES: Final = (_EVERYWHERE, "::")


class _Answerer(asyncio.DatagramProtocol):
    def __init__(self, answer: bytes, log: Logger) -> None:
        self._answer = answer
        self._log = log

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data == _QUESTION:
            self._log.debug("%s asks for nodes", Address(*addr[:2]))
            self._transport.sendto(self._answer, addr)


class _Asker(asyncio.DatagramProtocol):
    def __init__(self, found: Callable[[Address], None]) -> None:
        self._found = found
        self.problem: Exception | None = None

    def error_received(self, exc: Exception) -> None:
        self.problem = exc

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        word, _, place = data.decode(errors="replace").partition(_ANSWER)
        try:
            host, port = read_address(place, 0)
        except ValueError:
            return
        if not word and port:  # else somebody else uses this port
            self._found(Address(addr[0] if host in _ALL_INTERFACES else host, port))


async def answer_questions(
    interface: str, broadcast: str, port: int, log: Logger
) -> asyncio.BaseTransport:
    """Answer masters that ask for nodes, until what is returned is closed.

    Args:
        interface: on which the node listens.
        broadcast: address to which masters send their questions; 255.255.255.255 for any.
        port: of the node, and of the questions.
        log: is told who asks, as what is seldom of interest.

    Raises:
        OSError: the port is taken, or the address is none of this machine's networks.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Nodes on several addresses of one machine all get the questions.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(sock, broadcast, port)
        answer = f"{_ANSWER}{Address(interface or _EVERYWHERE, port)}".encode()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Answerer(answer, log), sock=sock
        )
    except BaseException:
        sock.close()
        raise
    return transport


def _bind(sock: socket.socket, broadcast: str, port: int) -> None:
    try:
        sock.bind((_EVERYWHERE if broadcast == "255.255.255.255" else broadcast, port))
    except OSError as error:
        raise OSError(
            error.errno,
            f"no questions can be heard that are sent to {broadcast}, port {port} of UDP: "
            f"{error.strerror}",
        ) from error


async def ask(
    broadcast: str, port: int, found: Callable[[Address], None], pause_seconds: float
) -> None:
    """Ask again and again for nodes.

    Args:
        broadcast, port: where the questions go.
        found: called with the address of each that answers, each time.
        pause_seconds: between questions.

    Raises:
        OSError: the system refuses such questions.
    """
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(
        lambda: _Asker(found), local_addr=(_EVERYWHERE, 0), allow_broadcast=True
    )
    try:
        while True:
            transport.sendto(_QUESTION, (broadcast, port))
            if asker.problem is not None:
                raise asker.problem
            await asyncio.sleep(pause_seconds)
    finally:
        transport.close()
