"""How a server and a node prove to each other that they know the secret, and what they say then.

All messages are lines of JSON. The secret itself does not travel; what follows is not encrypted.

::

    node    {"nws-pp": version, "nws": ..., "nonce": n}
    server  {"nws-pp": version, "nws": ..., "nonce": s, "proof": HMAC-SHA-256(secret, "server" n s)}
    node    {"proof": HMAC-SHA-256(secret, "node" n s)}, or {"refused": why}
    server  {"join": [...]}, or {"tunnel": token}

A server joins once, and keeps that connection: with its end the node's workers end. The node
answers ``{"workers": count}``. Whenever something on the node wants to connect to the server's
space it says ``{"open": token}``, and the server makes another connection for that, a tunnel. So
only the server needs to reach the node, not the node the server.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from nws.session.endpoint import Endpoint
from nws.session.sockets import tune
from nws.sleigh.shared.protocol import VERSION
from nws.version import __version__

__all__ = [
    "HANDSHAKE_SECONDS",
    "RefusedError",
    "Streams",
    "in_time",
    "introduce",
    "keep_alive",
    "receive",
    "send",
    "welcome",
]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""The two directions of a connection."""

HANDSHAKE_SECONDS: Final = 5.0
"""For the other side to answer."""

_KEY: Final = "nws-pp"
_VERSION: Final = f"1.{VERSION}"
"""Of what is said here, and of what the processes of a sleigh tell each other."""


T = TypeVar("T")


class RefusedError(Exception):
    """The other side is not what it should be, or does not accept us."""


async def receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Return the next message.

    Raises:
        ConnectionError: the connection has ended.
        RefusedError: it is none.
    """
    try:
        line = await reader.readline()
    except ValueError:  # it is too long
        line = b"?"
    if not line:
        raise ConnectionError("the other side has ended the connection")
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise RefusedError(f"it is no node or server of this kind: it said {line[:80]!r}")
    return message


def send(writer: asyncio.StreamWriter, **message: Any) -> None:
    """Send a message."""
    writer.write(json.dumps(message).encode() + b"\n")


async def in_time(answer: Awaitable[T]) -> T:
    """Wait for the other side.

    Raises:
        TimeoutError: it takes longer than `HANDSHAKE_SECONDS`.
    """
    try:
        return await asyncio.wait_for(answer, HANDSHAKE_SECONDS)
    except asyncio.TimeoutError as error:  # in Python 3.10 it is another one
        raise TimeoutError from error


async def introduce(streams: Streams, secret: str) -> None:
    """Be the server at the beginning of a connection.

    Raises:
        RefusedError: the node does not know the secret, says that we do not, or is of another kind.
        ConnectionError: the connection has ended.
        TimeoutError: it does not answer.
    """
    reader, writer = streams
    theirs = _checked_nonce(await in_time(receive(reader)))
    ours = secrets.token_hex(16)
    send(writer, **_greeting(ours), proof=_proof(secret, "server", theirs, ours))
    answer = await in_time(receive(reader))
    if "refused" in answer:
        raise RefusedError(f"it refuses us: {answer['refused']}")
    if not _is_proof(answer, _proof(secret, "node", theirs, ours)):
        raise RefusedError("the node does not know the secret")


async def welcome(streams: Streams, secret: str) -> dict[str, Any]:
    """Be the node at the beginning of a connection; return what the server says then.

    Raises:
        RefusedError: the server does not know the secret, or is of another kind. It was told.
        ConnectionError: the connection has ended.
        TimeoutError: it does not answer.
    """
    reader, writer = streams
    ours = secrets.token_hex(16)
    send(writer, **_greeting(ours))
    try:
        message = await in_time(receive(reader))
        theirs = _checked_nonce(message)
        if not _is_proof(message, _proof(secret, "server", ours, theirs)):
            raise RefusedError("wrong secret")
    except RefusedError as error:
        send(writer, refused=str(error))
        raise
    send(writer, proof=_proof(secret, "node", ours, theirs))
    return await in_time(receive(reader))


def keep_alive(streams: Streams, seconds: int) -> None:
    """Let a connection end if the other machine does not answer for this time."""
    sock: socket.socket | None = streams[1].get_extra_info("socket")
    if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
        tune(sock, Endpoint("", 0, seconds))


def _greeting(nonce: str) -> dict[str, str]:
    return {_KEY: _VERSION, "nws": __version__, "nonce": nonce}


def _checked_nonce(message: dict[str, Any]) -> str:
    """Return what the other side's proofs have to contain."""
    version, nonce = message.get(_KEY), message.get("nonce")
    if version is None or not isinstance(nonce, str):
        raise RefusedError(f"it is no node or server of this kind: it said {str(message)[:80]}")
    if version != _VERSION:
        raise RefusedError(
            f"nws {message.get('nws')} there and nws {__version__} here do not understand each "
            "other: install the same version of networkspaces on both"
        )
    return nonce


def _proof(secret: str, who: str, of_node: str, of_server: str) -> str:
    return hmac.new(secret.encode(), f"{who} {of_node} {of_server}".encode(), "sha256").hexdigest()


def _is_proof(message: dict[str, Any], expected: str) -> bool:
    given = message.get("proof")
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
