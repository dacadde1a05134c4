"""Joins two connections: what comes from one goes to the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from nws.pp.handshake import Streams

__all__ = ["close", "relay"]

_READ_BYTES: Final = 256 * 1024


async def relay(one: Streams, other: Streams) -> None:
    """Pass on what comes until one of them ends; then close both."""
    copies = [
        asyncio.create_task(_copy(one[0], other[1])),
        asyncio.create_task(_copy(other[0], one[1])),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        close(one)
        close(other)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()


def close(streams: Streams) -> None:
    """Close a connection once what was written has gone out."""
    streams[1].close()
