"""A node: has workers for the servers that connect to it. What `nws ppserver` runs."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from nws.client import NwsServer
from nws.errors import NwsException
from nws.pp.discovery import answer_questions
from nws.pp.handshake import (
    RefusedError,
    Streams,
    in_time,
    keep_alive,
    receive,
    send,
    welcome,
)
from nws.pp.relay import close, relay
from nws.session.endpoint import UNIX
from nws.sleigh.launch.processes import LocalSupervisor, started
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.worker_report import worker_reports

__all__ = ["Node", "NodeOptions"]

_log = logging.getLogger("pp")

_LOOK_SECONDS: Final = 0.25
"""Between looks whether a supervisor has ended, or nobody has come for long."""

_GRACE_SECONDS: Final = 2.0
"""For workers to end by themselves."""

_MAX_FOLDER_CHARS: Final = 70
"""Of the folder for temporary files, so that the path of a socket in one inside it is not too long
for the system."""


class NodeOptions(NamedTuple):
    """How a node works; the names are those of its configuration file."""

    secret: str
    workers: int
    interface: str
    port: int
    restart: bool
    timeout: float
    """Seconds without a server after which it ends; 0 for never."""
    socket_timeout: int
    """Seconds after which a server's machine that does not answer is gone."""
    autodiscovery: bool = False
    """Whether servers can find it by broadcast."""
    broadcast: str = ""
    """Address to which these send their questions."""


class _Guest:
    """A server that is connected.

    Attributes:
        name: by which it knows us.
        waiting: connections to its space that were asked for, by their tokens.
    """

    def __init__(self, request: dict[str, Any], socket: str) -> None:
        """Prepare.

        Args:
            request: see `nws.pp.handshake`.
            socket: that leads to its space.

        Raises:
            LookupError, TypeError, ValueError: the request is none.
        """
        self.name = str(request["name"])
        self.waiting: dict[str, asyncio.Future[Streams]] = {}
        self.where = Where(
            f"{UNIX}{socket}",
            0,
            str(request["workspace"]),
            str(request["user_workspace"]),
            float(request["lease_time"]),
            int(request["log_level"]),
        )
        self._folder = str(request["working_folder"])
        self._path = [str(entry) for entry in request["module_path"]]

    def settings(self, options: NodeOptions) -> Settings:
        """Return what the supervisor needs to know of it."""
        return Settings(
            self.where,
            id=f"{self.name} with {options.workers}",
            workers=options.workers,
            machine=self.name,
            working_folder=self._folder,
            module_path=self._path,
            neighbours=options.workers,
            life_line=True,
            fresh=options.restart,
        )


class Node:
    """Waits for servers, and lets workers work for each as long as it is connected."""

    def __init__(self, options: NodeOptions) -> None:
        """Prepare; `run` begins."""
        self._options = options
        self._guests: set[_Guest] = set()
        self._last_seen = time.monotonic()
        self._began = time.monotonic()

    async def run(self) -> None:
        """Serve until a signal or the time limit ends it.

        Raises:
            OSError: it cannot listen there.
        """
        options = self._options
        self._over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGUSR1, self._print_statistics)
        server = await asyncio.start_server(self._meet, options.interface, options.port)
        port = server.sockets[0].getsockname()[1]
        if options.autodiscovery:
            questions = await answer_questions(options.interface, options.broadcast, port)
        _log.info(
            "a node with %d workers listens on %s:%d", options.workers, options.interface, port
        )
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await self._until_over()
        server.close()
        if options.autodiscovery:
            questions.close()
        mine = asyncio.all_tasks() - tasks - {asyncio.current_task()}
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    async def _until_over(self) -> None:
        limit = self._options.timeout
        while not self._over.is_set():
            if self._guests:
                self._last_seen = time.monotonic()
            elif limit and time.monotonic() - self._last_seen > limit:
                _log.info("no server for %g seconds: the end", limit)
                return
            try:
                await asyncio.wait_for(self._over.wait(), _LOOK_SECONDS)
            except asyncio.TimeoutError:
                pass

    # Servers

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Find out who has connected, and what for."""
        streams = reader, writer
        peer = writer.get_extra_info("peername")
        try:
            keep_alive(streams, self._options.socket_timeout)
            message = await welcome(streams, self._options.secret)
            if "tunnel" in message:
                self._hand_over(streams, str(message["tunnel"]))
                return
            await self._serve(streams, message["join"])
        except (OSError, TimeoutError, RefusedError) as error:
            _log.warning("the connection from %s has ended: %s", peer, str(error) or repr(error))
        except (LookupError, TypeError, ValueError) as error:
            _log.warning("%s has asked for what cannot be understood: %r", peer, error)
        close(streams)

    def _hand_over(self, streams: Streams, token: str) -> None:
        """Give a connection to who has asked for it."""
        for guest in self._guests:
            wanted = guest.waiting.pop(token, None)
            if wanted is not None and not wanted.done():
                wanted.set_result(streams)
                return
        close(streams)

    async def _serve(self, control: Streams, request: dict[str, Any]) -> None:
        """Let workers work for a server, until it or they are gone."""
        parent = "/tmp" if len(tempfile.gettempdir()) > _MAX_FOLDER_CHARS else None
        folder = Path(tempfile.mkdtemp(prefix="nws-pp-", dir=parent))  # only we can enter it
        try:
            guest = _Guest(request, str(folder / "space"))
            door = await asyncio.start_unix_server(
                partial(self._open, guest, control[1]), folder / "space"
            )
            supervisor = started(LocalSupervisor)
            self._guests.add(guest)
            try:
                supervisor.send_settings(guest.settings(self._options))
                send(control[1], workers=self._options.workers)
                _log.info("works for the server that calls it %s", guest.name)
                await self._until_gone(control, supervisor)
            finally:
                self._guests.discard(guest)
                door.close()
                supervisor.request_end()
                await asyncio.to_thread(supervisor.wait, _GRACE_SECONDS)
                _log.info("works no more for the server that calls it %s", guest.name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _until_gone(self, control: Streams, supervisor: LocalSupervisor) -> None:
        """Wait until the server has left, or the supervisor has ended. Tell the former of that."""
        said = asyncio.create_task(receive(control[0]))  # it says nothing, but its end is seen
        try:
            while supervisor.status is None:
                await asyncio.wait([said], timeout=_LOOK_SECONDS)
                if said.done():
                    return
            problem = f"its workers have ended: {supervisor.last_output() or 'they said nothing'}"
            send(control[1], problem=problem)
            _log.warning("%s", problem)
        finally:
            said.cancel()
            await asyncio.gather(said, return_exceptions=True)

    async def _open(
        self,
        guest: _Guest,
        control: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Lead what has connected to our socket to the server's space."""
        token = secrets.token_hex(16)
        wanted = guest.waiting[token] = asyncio.get_running_loop().create_future()
        try:
            send(control, open=token)
            remote = await in_time(wanted)
            await relay((reader, writer), remote)
        except (OSError, TimeoutError) as error:
            _log.warning("the server has opened no connection to its space: %r", error)
        finally:
            guest.waiting.pop(token, None)
            close((reader, writer))

    # Statistics

    def _print_statistics(self) -> None:
        self._printing = asyncio.ensure_future(asyncio.to_thread(self._show, list(self._guests)))

    def _show(self, guests: list[_Guest]) -> None:
        """Print what the workers have done for the servers that are connected."""
        up = time.monotonic() - self._began
        print(f"{self._options.workers} workers, {len(guests)} servers, {up:.1f} seconds")
        for guest in guests:
            try:
                jobs = _jobs_done(guest.where, guest.name)
                print(f"{jobs:>10} jobs for the server that calls this node {guest.name}")
            except NwsException as error:
                print(f"the server that calls this node {guest.name} does not answer: {error}")
        sys.stdout.flush()


def _jobs_done(where: Where, name: str) -> int:
    with NwsServer(where.host, where.port) as server:
        reports = worker_reports(server.useWs(where.workspace, create=False))
        return sum(int(report["elements"]) for report in reports if report["name"] == name)
