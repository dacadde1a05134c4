"""A node: waits for masters, and lends its workers to each."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from logging import Logger
from typing import Any, Final, NamedTuple

from nws.counted import counted
from nws.errors import NwsException
from nws.session.address import Address
from nws.sleigh.node.channel import Channel, RefusedError
from nws.sleigh.node.discovery import answer_questions
from nws.sleigh.node.guest import Guest
from nws.sleigh.node.handshake import welcome
from nws.sleigh.node.task_set import TaskSet

__all__ = ["NodeOptions", "NodeServer"]

_LOOK_SECONDS: Final = 0.25
"""Between looks whether nobody has come for long."""


class NodeOptions(NamedTuple):
    """How a node works."""

    secret: str
    """Whoever knows it can run code here."""
    workers: int
    """For each master."""
    interface: str
    """Where it listens."""
    port: int
    fresh: bool
    """Whether each task gets a worker in which none has run before."""
    idle_timeout: float
    """Seconds without a master after which it ends; 0 for never."""
    peer_timeout: int
    """Seconds after which a master's machine that does not answer is gone."""
    broadcast: str
    """Address to which masters send questions for nodes, which it answers; empty if it does not."""


class NodeServer:
    """Waits for masters, and lets workers work for each as long as it is connected."""

    def __init__(self, options: NodeOptions, log: Logger) -> None:
        """Prepare; `run` begins.

        Args:
            options: see there.
            log: is told who comes and goes.
        """
        self._options = options
        self._log = log
        self._guests: set[Guest] = set()
        self._meetings = TaskSet()
        self._began = self._last_seen = time.monotonic()

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or the time limit ends it. SIGUSR1 prints statistics.

        Raises:
            OSError: it cannot listen there.
        """
        options = self._options
        self._over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGUSR1, self._print_statistics)
        server = await asyncio.start_server(self._accept, options.interface, options.port)
        port = server.sockets[0].getsockname()[1]
        if options.broadcast:
            questions = await answer_questions(
                options.interface, options.broadcast, port, self._log
            )
        self._log.info(
            "a node with %s listens on %s",
            counted(options.workers, "worker"),
            Address(options.interface, port),
        )
        await self._until_over()
        server.close()
        if options.broadcast:
            questions.close()
        await self._meetings.end()

    async def _until_over(self) -> None:
        limit = self._options.idle_timeout
        while not self._over.is_set():
            if self._guests:
                self._last_seen = time.monotonic()
            elif limit and time.monotonic() - self._last_seen > limit:
                self._log.info("no job server for %g seconds: the end", limit)
                return
            try:
                await asyncio.wait_for(self._over.wait(), _LOOK_SECONDS)
            except asyncio.TimeoutError:
                pass

    # Masters

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._meetings.start(self._meet(Channel(reader, writer)))

    async def _meet(self, channel: Channel) -> None:
        """Find out who has connected, and what for."""
        peer = channel.peer
        is_taken = False
        self._log.debug("%s has connected", peer)
        try:
            channel.keep_alive(self._options.peer_timeout)
            message = await welcome(channel, self._options.secret)
            if "tunnel" in message:
                token = str(message["tunnel"])
                is_taken = any(guest.take_tunnel(token, channel) for guest in self._guests)
            else:
                await self._serve(channel, message["join"])
        except (OSError, RefusedError) as error:
            self._log.warning(
                "the connection from %s has ended: %s", peer, str(error) or repr(error)
            )
        except (LookupError, TypeError) as error:
            self._log.warning("%s has asked for what cannot be understood: %r", peer, error)
        finally:
            if not is_taken:
                self._log.debug("the connection from %s is over", peer)
                channel.close()

    async def _serve(self, control: Channel, join: Any) -> None:
        options = self._options
        guest = Guest(control, join, self._log, workers=options.workers, fresh=options.fresh)
        self._guests.add(guest)
        self._log.info("works for the job server that calls it %s", guest.name)
        try:
            await guest.serve()
        finally:
            self._guests.discard(guest)
            self._log.info("works no more for the job server that calls it %s", guest.name)

    # Statistics

    def _print_statistics(self) -> None:
        self._printing = asyncio.ensure_future(asyncio.to_thread(self._show, list(self._guests)))

    def _show(self, guests: list[Guest]) -> None:
        """Print what the workers have done for the masters that are connected."""
        up = time.monotonic() - self._began
        counts = counted(self._options.workers, "worker"), counted(len(guests), "job server")
        print(f"{', '.join(counts)}, {up:.1f} seconds")
        for guest in guests:
            try:
                done = f"{guest.jobs_done():>10} jobs for the job server"
                print(f"{done} that calls this node {guest.name}")
            except NwsException as error:
                print(f"the job server that calls this node {guest.name} does not answer: {error}")
        sys.stdout.flush()
