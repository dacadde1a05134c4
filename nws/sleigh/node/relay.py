"""Joins two connections: what comes from one goes to the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from nws.sleigh.node.channel import Channel

__all__ = ["relay"]

_READ_BYTES: Final = 256 * 1024


async def relay(one: Channel, other: Channel) -> None:
    """Pass on what comes until one of them ends; then close both."""
    copies = [
        asyncio.create_task(_copy(one.reader, other.writer)),
        asyncio.create_task(_copy(other.reader, one.writer)),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        one.close()
        other.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
