"""A server for one program: started by it, by default reachable only by its user, gone with it."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Final

from nws.connection_file import CONNECTION_FILE, ConnectionFileError, read_connection_file
from nws.errors import SleighNwsException
from nws.processes.pipes import pipe_apart
from nws.sleigh.launch.child_process import ChildProcess
from nws.sleigh.shared.generation import check_generation

__all__ = ["PrivateServer"]

_IMPORTS: Final = "import shutil; from nws_server.__main__ import main"
_CODE: Final = (
    "folders, *options = arguments; status = main(options); "
    "[shutil.rmtree(folder, ignore_errors=True) for folder in folders if status == 0]; "
    "sys.exit(status)"
)
"""What the server's Python runs. It removes its folders itself, for the master may have died; but
not if it could not start, so that the master can read its log."""

_MALLOC: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(8 * 1024 * 1024),
}
"""Makes the GNU C library keep some memory instead of giving it back and asking for it again, which
takes a third of the server's time for values of a megabyte."""

_GRACE_SECONDS: Final = 5.0
"""For the server to end by itself."""

_START_SECONDS: Final = 60.0
"""For the server to start, and to open its inspector."""

_MAX_SOCKET_PATH_BYTES: Final = 100
"""The system's limit is 108 or 104, with the final zero."""


class PrivateServer:
    """A server process on a socket inside a folder that only this user can enter, and on another
    address if that is asked for.

    Attributes:
        host, port: for `nws.client.NwsServer`: the other address, or else the socket.
        socket: the socket's host, for programs of this user on this machine: a request takes a
            fifth less by it than by TCP. None where there are no such sockets.
    """

    def __init__(self, address: tuple[str, int] | None = None) -> None:
        """Start it; see `wait_until_ready`.

        Args:
            address: a host and a port where it listens as well; port 0 for any that is free.

        Raises:
            SleighNwsException: it cannot be started.
            SleighScriptException: this process may not start any.
        """
        check_generation()
        self._folders: list[Path] = []
        self.socket: str | None = None
        places: list[str] = []
        try:
            folder = self._make_folder()
            if sys.platform != "win32":
                path = self._socket_path(folder)
                self.socket = f"unix:{path}"
                places.append(f"unix:{_quoted(path)}:mode=600")
            elif address is None:
                address = ("127.0.0.1", 0)
            if address is not None:
                places.append(f"tcp:{address[1]}:interface={_quoted(address[0])}")
            self.host, self.port = address or (str(self.socket), 0)
            # Its own end of a pipe: who knows what else is printed on stdout as Python starts.
            self._answers, answers_end = pipe_apart()  # a file would complain at a fork's end
            self._close_answers = weakref.finalize(self, os.close, self._answers)
            options = ["--announce", "--announce-fd", str(answers_end), "--until-eof"]
            for place in places:
                options += ["--listen", place]
            options += ["--tmp-dir", str(folder), "--web", "none"]
            if address is not None:
                options.append("--plain")  # whoever has named it knows where it is
            arguments = [list(map(str, self._folders)), *options]
            self._log = folder / "log"
            with self._log.open("wb") as log:
                env = {**_MALLOC, **os.environ}
                if address is None or _is_of_another_server(env.get(CONNECTION_FILE)):
                    env.pop(CONNECTION_FILE, None)
                try:
                    self._child = ChildProcess(
                        _IMPORTS, _CODE, stdout=log, stderr=log, env=env, pass_fds=[answers_end]
                    )
                finally:
                    os.close(answers_end)
            self._child.send(arguments)
        except OSError as error:
            self._remove_folders()
            raise SleighNwsException(f"the private server cannot be started: {error}") from error

    def wait_until_ready(self) -> None:
        """Wait until it listens, or has ended.

        Raises:
            SleighNwsException: it did not start; the message holds the end of its log.
        """
        *_, place = self._announced()
        if self.host != self.socket:
            self.port = int(place.rpartition(":")[2])

    def _make_folder(self, parent: str | None = None) -> Path:
        # Not a TemporaryDirectory: that would remove itself also at the end of a fork of us.
        self._folders.append(Path(tempfile.mkdtemp(prefix="nws-", dir=parent)))
        return self._folders[-1]

    def _socket_path(self, folder: Path) -> str:
        """Choose a path that is short enough; the folder for long values may be anywhere."""
        path = str(folder / "socket")
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
            path = str(self._make_folder("/tmp") / "socket")
        return path

    def _announced(self) -> list[str]:
        """Return where it listens, once it does."""
        try:
            line = self._read_line(_START_SECONDS)
        except BaseException:
            self.stop()
            raise
        if not line:
            self._child.wait(_GRACE_SECONDS)
            log = self.last_log_lines()
            self.stop()
            said = log or f"{sys.executable}, which is sys.executable, has said nothing"
            raise SleighNwsException(f"the private server did not start: {said}")
        addresses: list[str] = json.loads(line)
        return addresses

    def _read_line(self, timeout: float | None = None) -> bytes:
        """Return the next line that it says; nothing if it has ended, or says none in time."""
        line = b""
        while not line.endswith(b"\n"):
            if timeout is not None and sys.platform != "win32":
                if not select.select([self._answers], [], [], timeout)[0]:
                    return b""
            piece = os.read(self._answers, 4096)
            if not piece:
                return b""
            line += piece
        return line

    def inspector(self) -> str:
        """Open its inspector, and return the address, with the key if our browser needs one.

        Raises:
            SleighNwsException: it cannot open one.
        """
        self._child.send("inspector")
        line = self._read_line(_START_SECONDS)
        answer = json.loads(line) if line else {"problem": self.last_log_lines()}
        if isinstance(answer, str):
            return answer
        raise SleighNwsException(f"there is no inspector: {answer['problem']}")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._child.ended

    def last_log_lines(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return "nothing"  # somebody has removed it
        return "\n".join(lines[-10:])

    def stop(self) -> None:
        """End it and remove its folders."""
        try:
            self._child.close_stdin()
            self._child.wait(_GRACE_SECONDS)
            self._close_answers()
        finally:
            self._remove_folders()

    def _remove_folders(self) -> None:
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def _is_of_another_server(connection_file: str | None) -> bool:
    """Tell whether a connection file is there, for clients of a server that may be alive."""
    try:
        found = read_connection_file(Path(connection_file)) if connection_file else None
    except ConnectionFileError:
        return True
    return found is not None and not found.is_stale


def _quoted(path: str) -> str:
    """Return a path as it stands in a Twisted endpoint description."""
    return re.sub(r"([\\:=])", r"\\\1", path)
