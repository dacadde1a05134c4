"""The files that `nws server start` keeps about a server: where it is, its process and its log."""

from __future__ import annotations

from typing import IO

import click
import platformdirs
import psutil

from nws.connection_file import make_private
from nws.session.endpoint import UNIX, Endpoint
from nws.settings import find_settings

__all__ = ["ServerFiles", "host_of"]


class ServerFiles:
    """A server's pid file, address and log, in this user's folder for the state of programs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._folder = platformdirs.user_state_path("nws", appauthor=False)
        self.pid = self._folder / f"{port}.pid"
        self.address = self._folder / f"{port}.address"
        self.log = self._folder / f"{port}.log"

    def open_log(self) -> IO[bytes]:
        """Open the log to append to it. Only this user can read it."""
        try:
            make_private(self._folder)
        except OSError as error:
            raise click.ClickException(f"cannot make the folder for the log: {error}") from error
        self.log.touch(mode=0o600)
        self.log.chmod(0o600)  # it may have been there
        return self.log.open("ab")

    def server_process(self) -> psutil.Process | None:
        """Return the server that wrote the pid file; None if it has ended.

        Another process may have its number by now, so the command line is compared.
        """
        try:
            process = psutil.Process(int(self.pid.read_text()))
            command = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if self._is_ours(command) else None

    def endpoint(self) -> Endpoint:
        """Return where the server is: where it has said, if it lives and was started by `start`."""
        said = ""
        if self.server_process() is not None and self.address.exists():
            said = self.address.read_text()
        host, _, port = said.rpartition(":")
        if port.isdecimal():
            return Endpoint(host_of(host), int(port))
        if said:
            return Endpoint(f"{UNIX}{said}", self._port)
        return Endpoint(host_of(find_settings()["interface"].value), self._port)

    def search_server(self) -> psutil.Process | None:
        """Look for the server among all processes: the pid file may be damaged."""
        for process in psutil.process_iter(["cmdline"]):
            if self._is_ours(process.info["cmdline"] or []):
                return process
        return None

    def _is_ours(self, command: list[str]) -> bool:
        return {"nws_server", str(self.pid)} <= set(command)


def host_of(interface: str) -> str:
    """Return by which name a server on this interface can be reached from here."""
    return interface if interface not in ("", "0.0.0.0", "::", "127.0.0.1") else "localhost"
