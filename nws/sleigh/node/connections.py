"""The connections of a master to nodes, which a thread keeps."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from nws.session.address import Address
from nws.session.endpoint import UNIX
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.node.channel import ANSWER_SECONDS, Channel, RefusedError, in_time
from nws.sleigh.node.discovery import ask
from nws.sleigh.node.handshake import introduce
from nws.sleigh.node.pattern import broadcast_address
from nws.sleigh.node.relay import relay
from nws.sleigh.node.roster import Roster
from nws.sleigh.node.task_set import TaskSet
from nws.sleigh.shared.settings import Settings, Where

__all__ = ["NodeConnections"]

_RETRY_SECONDS: Final = 2.0
"""Between tries to reach a node."""

_END_SECONDS: Final = 2.0
"""For the thread to end."""

_MEANINGS: Final = {
    errno.ECONNREFUSED: "nobody listens there; is the port right, and does the node run?",
    errno.EHOSTUNREACH: "no machine answers there; is the address right, and is it on?",
    socket.EAI_NONAME: "no machine of this name is known",
}
"""Of errors of the system."""


class NodeConnections:
    """Connections to some nodes: each is made as soon as it can be, and again when it was lost.

    Attributes:
        roster: the nodes that are there.
    """

    def __init__(
        self, addresses: Sequence[Address], secret: str, where: Where, log: logging.Logger
    ) -> None:
        """Begin to connect.

        Args:
            addresses: of nodes; a host with asterisks is a pattern of those to be found, such
                as ``10.0.*``.
            secret: that they know.
            where: the space is, for this process. A node that says nothing for its lease time is
                lost.
            log: is told of nodes that come and go.
        """
        self.roster = Roster([*map(str, addresses)], log)
        self._addresses = addresses
        self._secret = secret
        self._where = where
        self._log = log
        self._owner = os.getpid()
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nws-nodes", daemon=True)
        self._thread.start()
        self._running.wait()

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
        keepers = TaskSet()
        for address in self._addresses:
            is_pattern = broadcast_address(address.host)
            keepers.start(self._discover(address) if is_pattern else self._keep(address))
        await self._over.wait()
        await keepers.end()

    async def _keep(self, address: Address) -> None:
        """Be connected with a node whenever that is possible."""
        while True:
            await self._visit(address)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _discover(self, pattern: Address) -> None:
        """Be connected with all nodes that answer, as long as they do."""
        name, visits, visited = str(pattern), TaskSet(), set[Address]()
        note, loop = self.roster.note_problem, asyncio.get_running_loop()

        def found(address: Address) -> None:
            silence.cancel()
            note(name, "no other node has answered", level=logging.INFO)
            if address not in visited:
                visited.add(address)
                visit = visits.start(self._visit(address))
                visit.add_done_callback(lambda _: visited.discard(address))

        broadcast = broadcast_address(pattern.host)
        note(name, "no node has answered yet", level=logging.INFO)
        try:
            while True:
                silence = loop.call_later(_RETRY_SECONDS, note, name, "no node has answered")
                try:
                    await ask(broadcast, pattern.port, found, _RETRY_SECONDS)
                except OSError as error:
                    note(name, f"cannot ask for nodes: {error}")
                finally:
                    silence.cancel()
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            await visits.end()

    async def _visit(self, address: Address) -> None:
        """Be connected with a node once."""
        try:
            await self._join(address)
        except (OSError, RefusedError, ValueError) as error:
            self.roster.note_problem(
                str(address), _described(error), is_refusal=isinstance(error, RefusedError)
            )

    async def _join(self, address: Address) -> None:
        """Let a node's workers work for us, until the connection ends."""
        channel = await self._connect(address)
        tunnels = TaskSet()
        try:
            channel.send(join=self._settings(str(address)))
            while True:
                message = await in_time(channel.receive(), self._where.lease_time)
                if "workers" in message:
                    self.roster.note_active(str(address), int(message["workers"]))
                elif "open" in message:
                    tunnels.start(self._tunnel(address, str(message["open"])))
                elif "problem" in message:
                    raise ConnectionError(str(message["problem"]))
        finally:
            channel.close()
            await tunnels.end()

    def _settings(self, name: str) -> Settings:
        return Settings(
            self._where,
            id=name,
            machine=name,
            working_folder=os.getcwd(),
            module_path=own_entries(sys.path),
        )

    async def _connect(self, address: Address) -> Channel:
        channel = Channel(*await in_time(asyncio.open_connection(*address), ANSWER_SECONDS))
        try:
            channel.keep_alive(int(self._where.lease_time))
            await introduce(channel, self._secret)
        except BaseException:
            channel.close()
            raise
        return channel

    async def _tunnel(self, address: Address, token: str) -> None:
        """Let something on the node connect to the space."""
        try:
            remote = await self._connect(address)
            remote.send(tunnel=token)
            try:
                local = await self._connect_to_space()
            except BaseException:
                remote.close()
                raise
            await relay(remote, local)
        except (OSError, RefusedError) as error:
            self._log.warning("a worker on %s cannot reach the space: %s", address, error)

    async def _connect_to_space(self) -> Channel:
        host, port = self._where.host, self._where.port
        if host.startswith(UNIX):
            return Channel(*await asyncio.open_unix_connection(host.removeprefix(UNIX)))
        return Channel(*await asyncio.open_connection(host, port))


def _described(error: Exception) -> str:
    text = str(error) or repr(error)
    for number, meaning in _MEANINGS.items():
        if f"[Errno {number}]" in text:  # asyncio makes one text of those of several addresses
            return meaning
    return text
