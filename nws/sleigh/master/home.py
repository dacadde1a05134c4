"""What a sleigh has: a server, two workspaces on it, and the processes started for its workers."""

from __future__ import annotations

import logging
import os
import weakref
from contextlib import ExitStack
from functools import partial
from typing import Final
from urllib.parse import quote

from nws.client import NetWorkSpace, NwsServer
from nws.errors import (
    NwsException,
    NwsUnsupportedOperationException,
    SleighIllegalValueException,
    SleighNwsException,
)
from nws.session.inspector import inspector_address, open_in_browser
from nws.sleigh.launch.private_server import PrivateServer
from nws.sleigh.launch.processes import Processes
from nws.sleigh.shared.messages import NAME
from nws.sleigh.shared.settings import Where

__all__ = ["Home"]

_log = logging.getLogger("nws")

_WORKERS_GRACE_SECONDS: Final = 2.0
"""For workers to end by themselves."""

_HOST_VARIABLE: Final = "PythonSleighNwsHost"
_PORT_VARIABLE: Final = "PythonSleighNwsPort"


class Home:
    """A server, and what a sleigh has on it.

    Attributes:
        host, port: of the server, for `nws.client.NwsServer`.
        name: what the user calls the sleigh; empty for nothing.
        server_name: what messages call the server.
        warn: logs a text, with the name in front.
        processes: those that were started for workers.
        workspace: the sleigh's; see `open`.
        user_workspace: for the user's tasks.
        close: ends all of it. It is also called when the master's interpreter ends, but not in a
            fork of the master.
    """

    workspace: NetWorkSpace
    user_workspace: NetWorkSpace

    def __init__(
        self,
        host: str | None,
        port: int | None,
        *,
        may_be_private: bool,
        name: str = "",
        server_name: str = "the sleigh's server",
    ) -> None:
        """Begin to start a private server, unless it is known which one to use.

        Args:
            host, port: of the user's server; None for that of the environment, or none.
            may_be_private: without a server a private one will do; otherwise it is on this machine.
            name: what the user calls the sleigh.
            server_name: see the class.

        Raises:
            SleighIllegalValueException: the environment names no port.
            SleighNwsException: a private server cannot be started.
        """
        self.name = name
        self.server_name = server_name
        self.warn = partial(_log.warning, "%s: %s", name) if name else _log.warning
        self.processes = Processes(self.warn)
        self._server: PrivateServer | None = None
        self.host = host or os.environ.get(_HOST_VARIABLE) or ""
        self.port = port or _port_of_environment()
        if not self.host and may_be_private:
            self._server = PrivateServer()
        self.host = self.host or "localhost"
        # Not a method, which would keep us, and who has us, alive.
        self.close = weakref.finalize(self, _close, os.getpid(), [], self.processes, self._server)

    def open(self, template: str, user_template: str, lease_time: float) -> None:
        """Make the workspaces.

        Args:
            template, user_template: of their names, with one ``%d``.
            lease_time: seconds after which they go, if this machine has vanished.

        Raises:
            NwsException: the server cannot be reached or used.
            SleighNwsException: it is too old, or the private one did not start.
        """
        if self._server is not None:
            self._server.wait_until_ready()
            self.host, self.port = self._server.host, self._server.port
        server = NwsServer(self.host, self.port, peer_timeout=lease_time)
        spaces: list[NetWorkSpace] = []
        self.close.detach()
        self.close = weakref.finalize(
            self, _close, os.getpid(), spaces, self.processes, self._server
        )
        try:
            spaces += [server.openWs(server.mktempWs(name)) for name in (template, user_template)]
            self.workspace, self.user_workspace = spaces
            if self.name:
                self.workspace.declare(NAME, "single")
                self.workspace.store(NAME, self.name)
            server.status()
        except NwsUnsupportedOperationException as error:
            server.close()
            raise SleighNwsException(f"a sleigh needs another server: {error}") from error
        except BaseException:
            server.close()
            raise

    def where(self, lease_time: float) -> Where:
        """Return what workers need to know of the server and of our options."""
        names = self.workspace.currentWs(), self.user_workspace.currentWs()
        level = logging.getLogger().getEffectiveLevel()
        endpoint = self.workspace.server.endpoint
        login = "" if endpoint.login is None else endpoint.login.to_text()
        host = endpoint.dialed or self.host
        return Where(host, self.port, *names, lease_time, level, login)

    def view(self) -> str:
        """Open the inspector's page about the sleigh in a browser, and return its address.

        Raises:
            SleighNwsException: the server has no inspector.
        """
        root, _, key = self._inspector().partition("?")
        name = quote(self.workspace.currentWs(), safe="")
        address = f"{root}sleigh?name={name}" + (f"&{key}" if key else "")
        open_in_browser(address)
        return address

    def _inspector(self) -> str:
        if self._server is not None:
            return self._server.inspector()
        port = self.workspace.server.status().get("web")
        if port is None:
            raise SleighNwsException("this server has no inspector")
        return inspector_address(self.workspace.server.endpoint, port)

    def check_server(self) -> None:
        """Raise SleighNwsException if the private server has ended."""
        if self._server is not None and self._server.ended:
            raise SleighNwsException(f"{self.server_name} has ended{self.last_words_of_server()}")

    def last_words_of_server(self) -> str:
        """Return the last lines of a private server that has ended, to be put behind a reason."""
        if self._server is None or not self._server.ended:
            return ""
        return f"; it said: {self._server.last_log_lines()}"


def _port_of_environment() -> int:
    text = os.environ.get(_PORT_VARIABLE) or "8765"
    try:
        return int(text)
    except ValueError:
        raise SleighIllegalValueException(f"{_PORT_VARIABLE}={text}: a port is a number") from None


def _close(
    owner: int, spaces: list[NetWorkSpace], processes: Processes, server: PrivateServer | None
) -> None:
    if os.getpid() != owner:
        return  # a fork of the owner has ended
    with ExitStack() as steps:  # from the last to the first, even if one is interrupted
        if server is not None:
            steps.callback(server.stop)
        steps.callback(processes.stop, _WORKERS_GRACE_SECONDS if spaces else 0.0)
        if spaces:
            steps.callback(spaces[0].server.close)
            try:
                spaces[0].server.deleteWs(spaces[0].currentWs())  # workers wait in it, and end
            except NwsException:
                pass  # the server is gone, and it with it
