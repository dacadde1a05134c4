"""asyncio's event loop, as `nws.nonblocking` wants one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, cast

from nws.counted import counted
from nws.nonblocking.connection import Connection
from nws.session.endpoint import UNIX, Endpoint
from nws.session.sockets import is_tcp, local_socket, tune

__all__ = ["AsyncioLoop"]

_BUFFER_BYTES: Final = 256 * 1024


class _Promise(asyncio.Future[Any]):
    """A future whose task goes on at once, and not in the loop's next round, which would ask the
    system once more for what has come: a third of the time that a small operation takes."""

    _wakes: tuple[Callable[[Any], object], Context] | None = None

    def add_done_callback(
        self, fn: Callable[[Any], object], /, *, context: Context | None = None
    ) -> None:
        if self.done() or context is None or self._wakes is not None:
            super().add_done_callback(fn, context=context)
        else:
            self._wakes = (fn, context)

    def wake(self, *, at_once: bool) -> None:
        """Let the task go on; not at once where another task runs."""
        wakes, self._wakes = self._wakes, None
        if wakes is None:
            return
        fn, context = wakes
        loop = self.get_loop()
        if at_once and asyncio.current_task(loop) is None:
            context.run(fn, self)
        else:
            loop.call_soon(fn, self, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled:  # whoever cancels may have to note it before the task sees it
            self.wake(at_once=False)
        return cancelled


class AsyncioLoop:
    """The event loop that runs now."""

    def __init__(self) -> None:
        """Take the running loop.

        Raises:
            RuntimeError: none is running.
        """
        self._loop = asyncio.get_running_loop()

    def promise(self) -> _Promise:
        """Return a new promise."""
        return _Promise(loop=self._loop)

    def keep(self, promise: _Promise, value: Any) -> None:
        """Give whoever waits for a promise a value, unless the wait was cancelled."""
        if not promise.done():
            promise.set_result(value)
            promise.wake(at_once=True)

    def fail(self, promise: _Promise, error: Exception) -> None:
        """Raise an error where a promise is waited for, unless the wait was cancelled."""
        if not promise.done():
            promise.set_exception(error)
            promise.exception()  # or it is reported when nobody has waited
            promise.wake(at_once=False)

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call something after a time; return what prevents that."""
        return self._loop.call_later(seconds, call).cancel

    async def connect(self, endpoint: Endpoint, connection: Connection, timeout: float) -> None:
        """Connect to a server; see `nws.nonblocking.event_loop.EventLoop`."""

        def link() -> _AsyncioLink:
            return _AsyncioLink(connection)

        loop, host = self._loop, endpoint.dialed or endpoint.host
        connecting: Any
        local = local_socket(endpoint)
        if local is not None:
            connecting = loop.create_unix_connection(link, sock=local)
        elif host.startswith(UNIX):
            connecting = loop.create_unix_connection(link, host.removeprefix(UNIX))
        elif endpoint.is_encrypted:
            connecting = _connect_by_tls(link, endpoint, host)
        else:
            connecting = loop.create_connection(link, host, endpoint.port)
        task = asyncio.ensure_future(connecting)
        try:
            # Up to Python 3.11 `asyncio.wait_for` drops a cancellation that comes as it returns.
            await asyncio.wait([task], timeout=timeout)
        finally:
            if not task.done():
                task.cancel()
            task.add_done_callback(_take_note)
        if not task.done():
            raise TimeoutError(f"no answer for {counted(timeout, 'second')}")
        task.result()


def _take_note(task: asyncio.Task[Any]) -> None:
    """Look at how a task has ended: asyncio reports errors that nobody has looked at."""
    if not task.cancelled():
        task.exception()


async def _connect_by_tls(link: Callable[[], _AsyncioLink], endpoint: Endpoint, host: str) -> None:
    import ssl

    from nws.session.tls import TlsError, tls_context, tls_problem

    context, loop = tls_context(endpoint), asyncio.get_running_loop()
    try:
        await loop.create_connection(link, host, endpoint.port, ssl=context, server_hostname=host)
    except (ssl.SSLError, ConnectionResetError) as error:  # others come before TLS begins
        raise TlsError(tls_problem(error)) from error


class _AsyncioLink(asyncio.BufferedProtocol):
    """A stream of bytes. They come into one buffer: to make a new one each time takes longer than
    to read a small reply."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._room: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.write = self._transport.write
        self.abort = self._transport.abort
        self.close = self._transport.close
        self.socket = transport.get_extra_info("socket")
        encryption = transport.get_extra_info("ssl_object")
        self.certificate = encryption.getpeercert(binary_form=True) if encryption else b""
        if is_tcp(self.socket):
            tune(self.socket, self._connection.endpoint)
        self._connection.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.received(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.ended(str(exc or "the server closed the connection"))
        self.resume_writing()

    def pause_writing(self) -> None:
        self._room = self._room or asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)

    async def drained(self) -> None:
        """Wait until little is kept, or the connection has ended."""
        if self._room is not None:
            await asyncio.shield(self._room)
        elif self._transport.is_closing():
            await asyncio.sleep(0)  # in which the end is told
