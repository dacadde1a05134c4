"""A server for one sleigh: started with it, reachable only by this user, gone with it."""

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

from nws.errors import SleighNwsException
from nws.sleigh.launch.child_process import ChildProcess

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
"""Has the GNU C library keep some memory rather than give it back and ask for it anew: that takes a
third of the server's time for values of a megabyte."""

_GRACE: Final = 5.0
"""Seconds that the server has to end by itself, or to open its inspector."""

_LONGEST: Final = 100
"""Bytes. The system's limit for the path of a socket is 108 or 104, with its final zero."""


class PrivateServer:
    """A server process on a socket inside a folder that only this user can enter.

    Attributes:
        host, port: for `nws.client.NwsServer`.
    """

    def __init__(self) -> None:
        """Start it; see `wait_until_it_serves`.

        Raises:
            SleighNwsException: it cannot be started.
        """
        self._folders: list[Path] = []
        windows = sys.platform == "win32"
        try:
            folder = self._make_folder()
            socket = self._place_for_socket(folder)
            where = "tcp:0:interface=127.0.0.1" if windows else f"unix:{_quoted(socket)}:mode=600"
            options = ["--announce", "--until-eof", "--listen", where, "--tmp-dir", str(folder)]
            arguments = [list(map(str, self._folders)), *options]
            self._log = folder / "log"
            with self._log.open("wb") as log:
                env = {**_MALLOC, **os.environ}
                self._writer, mouth = os.pipe()  # a file object would complain at a fork's end
                self._close_mouth = weakref.finalize(self, os.close, self._writer)
                try:
                    self._child = ChildProcess(_IMPORTS, _CODE, stdout=mouth, stderr=log, env=env)
                finally:
                    os.close(mouth)
            self._child.tell(arguments)
        except OSError as error:
            self._remove_folders()
            raise SleighNwsException(f"the sleigh's server cannot be started: {error}") from error
        self.host, self.port = f"unix:{socket}", 0

    def wait_until_it_serves(self) -> None:
        """Wait until it says so, or ends.

        Raises:
            SleighNwsException: it did not start; the message holds what it said.
        """
        (address,) = self._announced()
        if sys.platform == "win32":
            self.host, port = address.rsplit(":", 1)
            self.port = int(port)

    def _make_folder(self, parent: str | None = None) -> Path:
        # Not a TemporaryDirectory: that would remove itself also at the end of a fork of us.
        self._folders.append(Path(tempfile.mkdtemp(prefix="nws-", dir=parent)))
        return self._folders[-1]

    def _place_for_socket(self, folder: Path) -> str:
        """Choose a path that is short enough; the folder for long values may be anywhere."""
        path = str(folder / "socket")
        if len(os.fsencode(path)) > _LONGEST and sys.platform != "win32":
            path = str(self._make_folder("/tmp") / "socket")
        return path

    def _announced(self) -> list[str]:
        """Return where it listens; it says so when it is ready, or ends."""
        try:
            line = self._hear()
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

    def _hear(self, timeout: float | None = None) -> bytes:
        """Return a line that the server says; nothing if it has ended, or says nothing in time."""
        line = b""
        while not line.endswith(b"\n"):
            if timeout is not None and sys.platform != "win32":
                if not select.select([self._writer], [], [], timeout)[0]:
                    return b""
            piece = os.read(self._writer, 4096)
            if not piece:
                return b""
            line += piece
        return line

    def inspector(self) -> str:
        """Have it open its inspector, and return the address; only who has that can see it.

        Raises:
            SleighNwsException: it cannot open one.
        """
        self._child.tell("inspector")
        line = self._hear(_GRACE)
        answer = json.loads(line) if line else {"problem": self.what_it_said()}
        if isinstance(answer, str):
            return answer
        raise SleighNwsException(f"there is no inspector: {answer['problem']}")

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._child.ended

    def what_it_said(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return "nothing"  # somebody has removed it
        return "\n".join(lines[-10:])

    def stop(self) -> None:
        """End it and remove its folders."""
        try:
            self._child.let_go()
            self._child.wait(_GRACE)
            self._close_mouth()
        finally:
            self._remove_folders()

    def _remove_folders(self) -> None:
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def _quoted(path: str) -> str:
    """Return a path as it stands in a Twisted endpoint description."""
    return re.sub(r"([\\:=])", r"\\\1", path)
