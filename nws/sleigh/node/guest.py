"""A master that is connected to a node, and the workers that work for it there."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from logging import Logger
from pathlib import Path
from typing import Any, Final

from nws.client import NwsServer
from nws.errors import SleighScriptException
from nws.session.endpoint import UNIX
from nws.sleigh.launch.processes import LocalSupervisor, started
from nws.sleigh.node.channel import ANSWER_SECONDS, Channel, in_time
from nws.sleigh.node.relay import relay
from nws.sleigh.node.task_set import TaskSet
from nws.sleigh.shared.settings import Settings
from nws.sleigh.supervisor.worker_report import worker_reports

__all__ = ["Guest"]

_BEAT_SECONDS: Final = 1.0
"""Between signs of life, and looks whether the supervisor has ended."""

_GRACE_SECONDS: Final = 2.0
"""For workers to end by themselves."""

_MAX_FOLDER_CHARS: Final = 70
"""Of the folder for temporary files, so that the path of a socket in one inside it is not too long
for the system."""


class Guest:
    """A master that is connected.

    Attributes:
        name: by which it knows us.
    """

    def __init__(
        self, control: Channel, join: Any, log: Logger, *, workers: int, fresh: bool
    ) -> None:
        """Read what it wants.

        Args:
            control: the connection that it has joined by.
            join: the settings that it has sent.
            log: is told of what goes wrong.
            workers: how many are to work for it.
            fresh: each task gets a worker in which none has run before.

        Raises:
            LookupError, TypeError: that are no settings.
        """
        settings = Settings.from_plain(join)
        self.name = settings.machine
        self._control = control
        self._log = log
        self._settings = settings._replace(
            id=f"{self.name} with {workers}",
            workers=workers,
            neighbours=workers,
            life_line=True,
            fresh=fresh,
        )
        self._tunnels = TaskSet()
        self._awaited: dict[str, asyncio.Future[Channel]] = {}  # tunnels, by their tokens

    async def serve(self) -> None:
        """Let workers work for it, until it or they are gone.

        Raises:
            OSError: the socket for the workers cannot be made.
        """
        parent = "/tmp" if len(tempfile.gettempdir()) > _MAX_FOLDER_CHARS else None
        folder = Path(tempfile.mkdtemp(prefix="nws-node-", dir=parent))  # only we can enter it
        try:
            door = await asyncio.start_unix_server(self._accept, folder / "space")
            where = self._settings.where._replace(host=f"{UNIX}{folder / 'space'}", port=0)
            self._settings = self._settings._replace(where=where)
            try:
                supervisor = started(LocalSupervisor)
            except SleighScriptException as error:
                door.close()
                self._report(str(error))
                return
            try:
                supervisor.send_settings(self._settings)
                self._control.send(workers=self._settings.workers)
                await self._until_gone(supervisor)
            finally:
                door.close()
                supervisor.request_end()
                await asyncio.to_thread(supervisor.wait, _GRACE_SECONDS)
                await self._tunnels.end()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _until_gone(self, supervisor: LocalSupervisor) -> None:
        """Wait until the master has left, or the supervisor has ended. Tell the former of that."""
        # It says nothing, but its end is seen.
        said = asyncio.create_task(self._control.receive())
        try:
            while supervisor.status is None:
                await asyncio.wait([said], timeout=_BEAT_SECONDS)
                if said.done():
                    return
                self._control.send()
            self._report(f"its workers have ended: {supervisor.last_output() or 'without a word'}")
        finally:
            said.cancel()
            await asyncio.gather(said, return_exceptions=True)

    def _report(self, problem: str) -> None:
        self._control.send(problem=problem)
        self._log.warning("%s", problem)

    # Tunnels

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tunnels.start(self._open(Channel(reader, writer)))

    async def _open(self, local: Channel) -> None:
        """Lead what has connected to our socket to the master's space."""
        self._log.debug("a worker for %s connects to its space", self.name)
        token = secrets.token_hex(16)
        awaited = self._awaited[token] = asyncio.get_running_loop().create_future()
        try:
            self._control.send(open=token)
            await relay(local, await in_time(awaited, ANSWER_SECONDS))
        except OSError as error:
            self._log.warning("the job server has opened no connection to its space: %s", error)
        finally:
            self._awaited.pop(token, None)
            local.close()

    def take_tunnel(self, token: str, tunnel: Channel) -> bool:
        """Take a connection to the space, if it is one that was asked for; tell whether it is."""
        awaited = self._awaited.pop(token, None)
        if awaited is None or awaited.done():
            return False
        awaited.set_result(tunnel)
        return True

    # Statistics

    def jobs_done(self) -> int:
        """Return how many jobs our workers have done for it.

        Raises:
            NwsException: its space cannot be reached.
        """
        where = self._settings.where
        with NwsServer(where.host, where.port) as server:
            reports = worker_reports(server.useWs(where.workspace, create=False))
        return sum(int(report["elements"]) for report in reports if report["name"] == self.name)
