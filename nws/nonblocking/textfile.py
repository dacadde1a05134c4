"""A variable as a file of text lines, on an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from nws.errors import NwsOperationException
from nws.workspace.lines import LineBuffer

__all__ = ["LoopTextFile"]


class _Workspace(Protocol):
    """What a text file needs of its workspace."""

    def declare(self, varName: str, mode: str) -> Awaitable[None]: ...
    def deleteVar(self, varName: str) -> Awaitable[None]: ...
    def store(self, varName: str, val: Any) -> Awaitable[None]: ...
    def ifindTry(self, varName: str) -> AsyncIterator[Any]: ...


class LoopTextFile:
    """Lines of text in a fifo variable, one value each; see `nws.client.NwsTextFile`.

    In ``async with`` it is closed at the end of the block; ``async for`` gives its lines.

    Attributes:
        name: of the variable.
        mode: ``r``, ``w`` or ``a``.
        closed: whether `close` was called.
    """

    def __init__(self, ws: _Workspace, varName: str, mode: str) -> None:
        """Made by the methods of a workspace; see `begin`."""
        self._buffer = LineBuffer(varName, mode)
        self.name = varName
        self.mode = mode
        self.closed = False
        self._workspace = ws
        self._values = ws.ifindTry(varName)

    async def begin(self) -> None:
        """Make the variable a fifo, and for ``w`` empty."""
        if self.mode == "w":
            try:
                await self._workspace.deleteVar(self.name)
            except NwsOperationException:
                pass  # there was none
        await self._workspace.declare(self.name, "fifo")

    async def write(self, text: str) -> int:
        """Store each complete line; see `nws.client.NwsTextFile.write`."""
        self._buffer.check(self.closed, not self._buffer.reads, "writing")
        for line in self._buffer.write(text):
            await self._workspace.store(self.name, line)
        return len(text)

    async def flush(self) -> None:
        """Store what was held back, as a line without a newline."""
        self._buffer.check(self.closed, True, "")
        if not self._buffer.reads and (text := self._buffer.take()):
            await self._workspace.store(self.name, text)

    async def close(self) -> None:
        """Store what was held back, and end the use of the file."""
        if not self.closed:
            await self.flush()
            self.closed = True

    async def read(self, n: int = -1) -> str:
        """Return ``n`` characters, or all to the end; see `nws.client.NwsTextFile.read`."""
        self._buffer.check(self.closed, self._buffer.reads, "reading")
        while not self._buffer.has(n) and await self._find():
            pass
        return self._buffer.cut(n)

    async def readline(self, n: int = -1) -> str:
        """Return the next line with its newline, or ``n`` characters of it; empty at the end."""
        self._buffer.check(self.closed, self._buffer.reads, "reading")
        while not self._buffer.has_line(n) and await self._find():
            pass
        return self._buffer.cut_line(n)

    async def _find(self) -> bool:
        """Find the next value; tell whether there is one."""
        async for value in self._values:
            self._buffer.add(value)
            return True
        return False

    def __aiter__(self) -> LoopTextFile:
        return self

    async def __anext__(self) -> str:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def __aenter__(self) -> LoopTextFile:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
