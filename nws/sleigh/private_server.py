"""A server for one sleigh: started with it, reachable only by this user, gone with it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Final

from nws.errors import SleighNwsException
from nws.sleigh.children import Child

__all__ = ["PrivateServer"]

_GRACE: Final = 5.0
"""Seconds that the server has to end by itself."""


class PrivateServer:
    """A server process on a socket inside a folder that only this user can enter.

    Attributes:
        host, port: for `nws.client.NwsServer`.
    """

    def __init__(self) -> None:
        """Start it, and wait until it serves.

        Raises:
            SleighNwsException: it did not start; the message holds what it said.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="nws-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._log: IO[Any] = (folder / "log").open("w+")
        socket = folder / "socket"
        windows = sys.platform == "win32"
        where = "tcp:0:interface=127.0.0.1" if windows else f"unix:{socket}:mode=600"
        command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof"]
        command += ("--listen", where, "--tmp-dir", str(folder))
        try:
            self._child = Child(command, stdout=-1, stderr=self._log)
        except OSError as error:
            self._close_files()
            raise SleighNwsException(f"the sleigh's server cannot be started: {error}") from error
        (address,) = self._announced()
        if windows:
            self.host, port = address.rsplit(":", 1)
            self.port = int(port)
        else:
            self.host, self.port = f"unix:{socket}", 0

    def _announced(self) -> list[str]:
        """Return where it listens; it says so when it is ready, or ends."""
        output = self._child.process.stdout
        assert output is not None
        try:
            line = output.readline()
        except BaseException:
            self.stop()
            raise
        if not line:
            self._child.process.wait()
            said = self.what_it_said()
            self.stop()
            raise SleighNwsException(f"the sleigh's server did not start: {said}")
        addresses: list[str] = json.loads(line)
        return addresses

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._child.ended

    def what_it_said(self) -> str:
        """Return the last lines of its log."""
        self._log.seek(0)
        return "\n".join(self._log.read().splitlines()[-10:])

    def stop(self) -> None:
        """End it and remove its folder."""
        self._child.let_go()
        self._child.wait(_GRACE)
        if self._child.process.stdout is not None:
            self._child.process.stdout.close()
        self._close_files()

    def _close_files(self) -> None:
        self._log.close()
        self._folder.cleanup()
