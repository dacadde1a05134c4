"""How a master and a node prove to each other that they know the secret, and what they say then.

The secret itself does not travel; what follows is neither encrypted nor signed. The proofs are
those of `nws.wire.login` for ``nws-node-1 n m``, where the master is the client::

    node    {"nws-node": version, "nws": ..., "nonce": n}
    master  {"nws-node": version, "nws": ..., "nonce": m, "proof": the client's}
    node    {"proof": the server's}, or {"refused": why}
    master  {"join": settings}, or {"tunnel": token}

A master joins once, with the settings of a supervisor, and keeps that connection: with its end the
node's workers end. The node answers ``{"workers": count}``, and ``{}`` once a second. Whenever
something on the node wants to connect to the master's space it says ``{"open": token}``, and the
master makes another connection for that, a tunnel. So only the master needs to reach the node, not
the node the master.
"""

from __future__ import annotations

from typing import Any, Final

from nws.sleigh.node.channel import ANSWER_SECONDS, Channel, RefusedError, in_time
from nws.sleigh.shared.protocol import VERSION
from nws.version import __version__
from nws.wire.login import is_proof, new_nonce, proofs

__all__ = ["introduce", "welcome"]

_KEY: Final = "nws-node"
_PURPOSE: Final = "nws-node-1"
_VERSION: Final = f"2.{VERSION}"
"""Of what is said here, and of what the processes of a sleigh tell each other."""


async def introduce(channel: Channel, secret: str) -> None:
    """Be the master at the beginning of a connection.

    Raises:
        RefusedError: the node does not know the secret, says that we do not, or is of another kind.
        ConnectionError: the connection has ended.
        TimeoutError: it does not answer.
    """
    greeting = await in_time(channel.receive(), ANSWER_SECONDS)
    ours = new_nonce()
    try:
        theirs = _checked_nonce(greeting)
    except RefusedError:
        channel.send(**_greeting(ours))  # so that a node of another version can say why as well
        raise
    proof, expected = proofs(secret, _PURPOSE, theirs, ours)
    channel.send(**_greeting(ours), proof=proof.decode())
    answer = await in_time(channel.receive(), ANSWER_SECONDS)
    if "refused" in answer:
        raise RefusedError(f"it refuses us: {answer['refused']}")
    if not _has_proof(answer, expected):
        raise RefusedError("the node does not know the secret")


async def welcome(channel: Channel, secret: str) -> dict[str, Any]:
    """Be the node at the beginning of a connection; return what the master says then.

    Raises:
        RefusedError: the master does not know the secret, or is of another kind. It was told.
        ConnectionError: the connection has ended.
        TimeoutError: it does not answer.
    """
    ours = new_nonce()
    channel.send(**_greeting(ours))
    try:
        message = await in_time(channel.receive(), ANSWER_SECONDS)
        expected, proof = proofs(secret, _PURPOSE, ours, _checked_nonce(message))
        if not _has_proof(message, expected):
            raise RefusedError("wrong secret")
    except RefusedError as error:
        channel.send(refused=str(error))
        raise
    channel.send(proof=proof.decode())
    return await in_time(channel.receive(), ANSWER_SECONDS)


def _greeting(nonce: str) -> dict[str, str]:
    return {_KEY: _VERSION, "nws": __version__, "nonce": nonce}


def _checked_nonce(message: dict[str, Any]) -> str:
    """Return what the other side's proofs have to contain."""
    version, nonce = message.get(_KEY), message.get("nonce")
    if version is None or not isinstance(nonce, str):
        raise RefusedError(f"it is neither a node nor a job server: it said {str(message)[:80]}")
    if version != _VERSION:
        raise RefusedError(
            f"nws {message.get('nws')} there and nws {__version__} here do not understand each "
            "other: install the same version of networkspaces on both"
        )
    return nonce


def _has_proof(message: dict[str, Any], expected: bytes) -> bool:
    given = message.get("proof")
    return isinstance(given, str) and is_proof(given.encode(), expected)
