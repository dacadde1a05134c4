"""Large payloads of a reply while they are received: in their place, or on their way to a sink."""

from __future__ import annotations

import io
import sys
from typing import Final, Protocol

from nws.descriptors import is_direct

__all__ = ["PayloadInPlace", "PayloadSink", "PayloadStream"]

_BLOCK_BYTES: Final = 1024 * 1024
"""Of a payload that goes to a sink, at a time."""

_BYTES_IO_CRASHES: Final = (3, 12) <= sys.version_info < (3, 12, 2)
"""Python does when it finds a view of a BytesIO in garbage (gh-111049), where an exception may have
left one. A bytearray costs a copy instead."""


class PayloadSink(Protocol):
    """Where a payload goes that is not kept in memory."""

    def write(self, data: memoryview, /) -> object:
        """Take the next bytes."""


class PayloadInPlace:
    """A payload that is received where it will stay: bytes in bytes, a pickle in a bytearray.

    Attributes:
        size: in bytes.
        filled: how many bytes came, in pieces.
    """

    def __init__(self, size: int, descriptor: int, begun: bytes) -> None:
        self.size = size
        # A BytesIO takes over the bytes that it is given, and gives them back.
        as_bytes = is_direct(descriptor) and not _BYTES_IO_CRASHES
        self._memory = io.BytesIO(bytes(size)) if as_bytes else bytearray(size)
        self.filled = [len(begun)]
        self._view()[: len(begun)] = begun

    def _view(self) -> memoryview:
        memory = self._memory
        return memoryview(memory) if isinstance(memory, bytearray) else memory.getbuffer()

    def advance(self) -> bool:
        """Take note of what came; tell whether something is missing."""
        filled = self.filled
        if len(filled) > 1:
            filled[:] = [sum(filled)]
        return filled[0] < self.size

    def buffer(self) -> memoryview:
        """Return the memory for what is missing."""
        return self._view()[sum(self.filled) :]

    def drop(self) -> None:
        """Go on as before: the memory is there already."""

    def finish(self) -> bytes | bytearray:
        """Return the payload."""
        memory = self._memory
        return memory if isinstance(memory, bytearray) else memory.getvalue()


class PayloadStream:
    """A payload that goes to a sink block by block, or nowhere; see `PayloadInPlace`."""

    def __init__(self, size: int, sink: PayloadSink | None, begun: bytes) -> None:
        self.size = size
        self._sink = sink
        self.filled = [len(begun)]
        self._written = len(begun)
        self._block = memoryview(bytearray(min(size - len(begun), _BLOCK_BYTES)))
        if sink is not None and begun:
            sink.write(memoryview(begun))

    def advance(self) -> bool:
        filled = sum(self.filled)
        if self._sink is not None and filled > self._written:
            self._sink.write(self._block[: filled - self._written])
        self._written = filled
        self.filled[:] = [filled]
        return filled < self.size

    def buffer(self) -> memoryview:
        return self._block[: self.size - sum(self.filled)]

    def drop(self) -> None:
        """Pass nothing more to the sink."""
        self._sink = None

    def finish(self) -> bytes:
        """Return nothing: the payload is elsewhere."""
        return b""
