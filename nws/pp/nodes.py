"""The nodes of a server: a thread keeps the connections to them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from nws.pp.addresses import NodeAddress
from nws.pp.discovery import ask
from nws.pp.handshake import (
    HANDSHAKE_SECONDS,
    RefusedError,
    Streams,
    in_time,
    introduce,
    keep_alive,
    receive,
    send,
)
from nws.pp.relay import close, relay
from nws.session.endpoint import UNIX
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.shared.settings import Where

__all__ = ["Nodes"]

_log = logging.getLogger("pp")

_RETRY_SECONDS: Final = 2.0
"""Between tries to reach a node."""

_COME_SECONDS: Final = 5.0
_RETURN_SECONDS: Final = 30.0
"""For a node that cannot be reached to come, and for one that was lost to come back, when there are
no other workers."""

_END_SECONDS: Final = 2.0
"""For the thread to end."""


class Nodes:
    """Some nodes. Each is connected to as soon as it can be, and again when it was lost."""

    def __init__(self, addresses: Sequence[NodeAddress], secret: str, where: Where) -> None:
        """Begin to connect.

        Args:
            addresses: of the nodes.
            secret: that they know.
            where: the space is, for this process.
        """
        self._addresses = addresses
        self._secret = secret
        self._where = where
        self._owner = os.getpid()
        self._changed = threading.Condition()  # for the two that follow
        self._active: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._refused: set[str] = set()
        self._patience = _COME_SECONDS
        self._alone_since = time.monotonic()  # when no node was there
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nws-pp-nodes", daemon=True)
        self._thread.start()
        self._running.wait()

    # Any thread

    def active(self) -> dict[str, int]:
        """Return the names of the nodes that are there, with the number of their workers."""
        with self._changed:
            return dict(self._active)

    def problems(self) -> str:
        """Say why each node is not there that is not."""
        with self._changed:
            return "; ".join(f"{name}: {problem}" for name, problem in self._problems.items())

    def hopeless(self) -> str:
        """Say why no node is there, if all have refused us or none has come for a while; else
        return an empty text."""
        with self._changed:
            if self._active or not self._problems.keys() >= set(map(str, self._addresses)):
                return ""
            all_refused = self._problems.keys() <= self._refused
            too_long = time.monotonic() - self._alone_since > self._patience
        return self.problems() if all_refused or too_long else ""

    def wait(self, number: int, timeout: float) -> bool:
        """Wait until so many nodes are there. Return False if it takes longer than ``timeout``
        seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._active) >= number, timeout)

    def close(self) -> None:
        """Leave the nodes; their workers end. In a fork of this process do nothing."""
        if os.getpid() != self._owner:
            return
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_END_SECONDS)

    # The thread

    def _run(self) -> None:
        asyncio.run(self._keep_all())

    async def _keep_all(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._running.set()
        keepers = [
            asyncio.create_task(
                self._discover(address) if address.broadcast else self._keep(address)
            )
            for address in self._addresses
        ]
        await self._over.wait()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, address: NodeAddress) -> None:
        """Be connected with a node whenever that is possible."""
        while True:
            await self._visit(address)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _visit(self, address: NodeAddress) -> None:
        """Be connected with a node once."""
        try:
            await self._join(address)
        except (OSError, TimeoutError, RefusedError, ValueError) as error:
            refused = isinstance(error, RefusedError)
            self._note_problem(str(address), _described(error), refused=refused)

    async def _discover(self, pattern: NodeAddress) -> None:
        """Be connected with all nodes that answer, as long as they do."""
        visits: dict[NodeAddress, asyncio.Task[None]] = {}

        def found(address: NodeAddress) -> None:
            if address not in visits:
                visit = visits[address] = asyncio.create_task(self._visit(address))
                visit.add_done_callback(lambda _: visits.pop(address, None))

        try:
            while True:
                self._note_problem(str(pattern), "no node has answered that can be used")
                try:
                    await ask(pattern, found, _RETRY_SECONDS)
                except OSError as error:
                    self._note_problem(str(pattern), f"cannot ask for nodes: {error}")
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            for visit in list(visits.values()):
                visit.cancel()

    async def _join(self, address: NodeAddress) -> None:
        """Let a node's workers work for us, until the connection ends."""
        streams = await self._connect(address)
        reader, writer = streams
        tunnels: set[asyncio.Task[None]] = set()
        try:
            send(writer, join=self._join_request(str(address)))
            while True:
                message = await receive(reader)
                if "workers" in message:
                    self._note_active(str(address), int(message["workers"]))
                elif "open" in message:
                    tunnel = asyncio.create_task(self._tunnel(address, str(message["open"])))
                    tunnels.add(tunnel)
                    tunnel.add_done_callback(tunnels.discard)
                elif "problem" in message:
                    raise ConnectionError(str(message["problem"]))
        finally:
            for tunnel in list(tunnels):
                tunnel.cancel()
            close(streams)

    def _join_request(self, name: str) -> dict[str, Any]:
        where = self._where
        return {
            "name": name,
            "workspace": where.workspace,
            "user_workspace": where.user_workspace,
            "lease_time": where.lease_time,
            "log_level": where.log_level,
            "working_folder": os.getcwd(),
            "module_path": own_entries(sys.path),
        }

    async def _connect(self, address: NodeAddress) -> Streams:
        streams = await in_time(asyncio.open_connection(*address))
        try:
            keep_alive(streams, int(self._where.lease_time))
            await introduce(streams, self._secret)
        except BaseException:
            close(streams)
            raise
        return streams

    async def _tunnel(self, address: NodeAddress, token: str) -> None:
        """Let something on the node connect to the space."""
        try:
            remote = await self._connect(address)
            send(remote[1], tunnel=token)
            try:
                local = await self._connect_to_space()
            except BaseException:
                close(remote)
                raise
            await relay(remote, local)
        except (OSError, TimeoutError, RefusedError) as error:
            _log.warning("a worker on %s cannot reach the space: %s", address, _described(error))

    def _connect_to_space(self) -> Coroutine[Any, Any, Streams]:
        host, port = self._where.host, self._where.port
        if host.startswith(UNIX):
            return asyncio.open_unix_connection(host.removeprefix(UNIX))
        return asyncio.open_connection(host, port)

    def _note_active(self, name: str, workers: int) -> None:
        with self._changed:
            self._active[name] = workers
            self._patience = _RETURN_SECONDS
            self._problems.pop(name, None)
            self._refused.discard(name)
            self._changed.notify_all()
        _log.info("connected with the node %s, which has %d workers", name, workers)

    def _note_problem(self, name: str, problem: str, *, refused: bool = False) -> None:
        with self._changed:
            if self._active.pop(name, None) is not None and not self._active:
                self._alone_since = time.monotonic()
            is_news = self._problems.get(name) != problem
            self._problems[name] = problem
            (self._refused.add if refused else self._refused.discard)(name)
        if is_news:
            _log.warning("the node %s is not there: %s", name, problem)


def _described(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it does not answer within {HANDSHAKE_SECONDS:g} seconds; is a ppserver there?"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there; is the port right, and does `nws ppserver` run?"
    return str(error) or repr(error)
