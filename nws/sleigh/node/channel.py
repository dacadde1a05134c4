"""A connection between a master and a node: they say lines of JSON, until it is used for bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Final, NamedTuple, TypeVar

from nws.counted import counted
from nws.session.address import Address
from nws.session.endpoint import Endpoint
from nws.session.sockets import tune

__all__ = ["ANSWER_SECONDS", "Channel", "RefusedError", "in_time"]

ANSWER_SECONDS: Final = 5.0
"""For the other side to answer."""

_MAX_SHOWN_BYTES: Final = 80
"""Of what is no message."""

T = TypeVar("T")


class RefusedError(Exception):
    """The other side is not what it should be, or does not accept us."""


class Channel(NamedTuple):
    """The two directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def peer(self) -> str:
        """The address of the other side."""
        name = self.writer.get_extra_info("peername")
        return str(Address(*name[:2])) if name else "somebody who has left"

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        """Return the next message.

        Raises:
            ConnectionError: the connection has ended.
            RefusedError: it is none.
        """
        try:
            line = await self.reader.readline()
        except ValueError:  # it is too long
            line = b"?"
        if not line:
            raise ConnectionError("the other side has ended the connection")
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise RefusedError(
                f"it is neither a node nor a job server: it said {line[:_MAX_SHOWN_BYTES]!r}"
            )
        return message

    def keep_alive(self, seconds: int) -> None:
        """Let the connection end if the other machine does not answer for this time."""
        tune(self.writer.get_extra_info("socket"), Endpoint("", 0, seconds))

    def close(self) -> None:
        """End the connection once what was written has gone out."""
        self.writer.close()


async def in_time(answer: Awaitable[T], seconds: float) -> T:
    """Wait for the other side.

    Raises:
        TimeoutError: it takes longer.
    """
    waiting = asyncio.ensure_future(answer)
    try:
        # Not wait_for: before Python 3.12 it goes on if it is cancelled just as the answer comes.
        await asyncio.wait([waiting], timeout=seconds)
        if not waiting.done():
            raise TimeoutError(f"it has said nothing for {counted(seconds, 'second')}")
        return waiting.result()
    finally:
        waiting.cancel()
