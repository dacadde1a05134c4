"""The clients of event loops behind the face of the blocking one, for the tests of all three.

A loop runs in a thread of its own; each call is made there, and waited for where it is used.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from inspect import isawaitable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor

import nws.aio
import nws.tx
from nws.nonblocking.leases import LoopLease
from tests.support.server import PATIENCE
from tests.support.spaces import HOST


class Loop(Protocol):
    """An event loop in a thread of its own, and the client for it."""

    def start(self, call: Callable[[], Any]) -> None:
        """Make a call on the loop that returns a coroutine, and run that."""

    def server(self, port: int, **options: Any) -> Any:
        """Return a server that is not open yet."""

    def workspace(self, name: str, port: int, **options: Any) -> Any:
        """Return a workspace that is not open yet."""


class AsyncioThread:
    """asyncio's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        """Run until `stop`."""
        self._loop.run_forever()
        self._loop.close()

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def start(self, call: Callable[[], Any]) -> None:
        """Make a call on the loop that returns a coroutine, and run that."""
        asyncio.run_coroutine_threadsafe(call(), self._loop)

    def server(self, port: int, **options: Any) -> Any:
        """Return a server that is not open yet."""
        return nws.aio.NwsServer(HOST, port, **options)

    def workspace(self, name: str, port: int, **options: Any) -> Any:
        """Return a workspace that is not open yet."""
        return nws.aio.NetWorkSpace(name, HOST, port, **options)


class ReactorThread:
    """A reactor of Twisted that is not the installed one.

    Attributes:
        reactor: that one.
    """

    def __init__(self) -> None:
        self.reactor: Any = SelectReactor()

    def result(self, call: Callable[[], Any]) -> Any:
        """Make a call on the reactor; wait for what it gives, and return that."""
        return wait(self, call)

    def run(self) -> None:
        """Run until `stop`."""
        self.reactor.run(installSignalHandlers=False)

    def stop(self) -> None:
        """End the reactor."""
        self.reactor.callFromThread(self.reactor.stop)

    def start(self, call: Callable[[], Any]) -> None:
        """Make a call on the loop that returns a coroutine, and run that."""
        self.reactor.callFromThread(lambda: Deferred.fromCoroutine(call()))

    def server(self, port: int, **options: Any) -> Any:
        """Return a server that is not open yet."""
        return nws.tx.NwsServer(HOST, port, reactor=self.reactor, **options)

    def workspace(self, name: str, port: int, **options: Any) -> Any:
        """Return a workspace that is not open yet."""
        return nws.tx.NetWorkSpace(name, HOST, port, reactor=self.reactor, **options)


@contextmanager
def running_loop(kind: str) -> Iterator[Loop]:
    """Run a loop, ``asyncio`` or ``twisted``, until the end of the block."""
    loop = AsyncioThread() if kind == "asyncio" else ReactorThread()
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(PATIENCE)


def wait(loop: Loop, call: Callable[[], Any]) -> Any:
    """Make a call on a loop; wait for what it gives, and return that as the blocking client
    would."""
    done: Future[Any] = Future()

    async def run() -> None:
        try:
            result = call()
            done.set_result(await result if isawaitable(result) else result)
        except StopAsyncIteration:
            done.set_exception(StopIteration())
        except BaseException as error:
            done.set_exception(error)

    loop.start(run)
    return _seen(loop, done.result(PATIENCE))


def _seen(loop: Loop, result: Any) -> Any:
    if isinstance(result, list) and any(isinstance(each, LoopLease) for each in result):
        return [_seen(loop, each) for each in result]
    ours = type(result).__module__.startswith(("nws.aio", "nws.tx", "nws.nonblocking"))
    return Blocking(loop, result) if ours else result


class Blocking:
    """An object of a loop's client, whose methods wait."""

    def __init__(self, loop: Loop, inner: Any) -> None:
        self._loop = loop
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return _seen(self._loop, attribute)

        def method(*arguments: Any, **options: Any) -> Any:
            return wait(self._loop, lambda: attribute(*arguments, **options))

        method.__name__ = name
        return method

    def __iter__(self) -> Blocking:
        return self

    def __next__(self) -> Any:
        return wait(self._loop, self._inner.__anext__)

    next = __next__

    def __enter__(self) -> Any:
        return wait(self._loop, self._inner.__aenter__)

    def __exit__(self, *exception: Any) -> Any:
        return wait(self._loop, lambda: self._inner.__aexit__(*exception))

    def __str__(self) -> str:
        return str(self._inner)

    __repr__ = __str__


class LoopOpener:
    """Opens workspaces of a loop's client, as `tests.support.spaces.Opener` does.

    Attributes:
        port: of the server.
        name: of the workspace that is opened unless another is named.
    """

    def __init__(self, loop: Loop, port: int, name: str) -> None:
        self.port = port
        self.name = name
        self._loop = loop
        self._stack = ExitStack()

    def __call__(self, name: str | None = None, **options: Any) -> Any:
        """Open a workspace in a session of its own."""
        name = self.name if name is None else name
        space = wait(self._loop, lambda: self._loop.workspace(name, self.port, **options).open())
        self._stack.callback(space.server.close)
        return space

    def server(self, **options: Any) -> Any:
        """Connect without opening any workspace."""
        server = wait(self._loop, lambda: self._loop.server(self.port, **options).open())
        self._stack.callback(server.close)
        return server

    def close(self) -> None:
        """Close them all."""
        self._stack.close()
