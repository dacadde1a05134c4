"""Long values as files: written while they arrive, read while they are sent.

A file lives exactly as long as the object that stands for it, so nothing can leave it behind: no
deleted variable, no interrupted upload, no reader that is still reading. The folder is removed with
the server; that of a killed server by the next one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO, Final

from nws.wire.requests import RefusedBody

if sys.platform != "win32":  # which has no such locks: folders of killed servers stay there
    import fcntl

_FOLDER_PREFIX: Final = "nws-spool-"
_LOCK_NAME: Final = "lock"


class Spool:
    """A folder of long values, for one server.

    Attributes:
        used: bytes of all files; one that is still being written counts in full.
        limit: bytes that all files together may have; None for no limit.
    """

    def __init__(self, parent: Path, limit: int | None = None) -> None:
        """Make a folder inside ``parent`` that only this user can enter.

        Args:
            parent: an existing folder.
            limit: bytes that all files together may have; None for no limit.

        Raises:
            OSError: the folder cannot be made.
        """
        _remove_stale(parent)
        self.folder, self._lock = _make_folder(parent)
        self.used = 0
        self.limit = limit
        self._count = 0

    def open(self, size: int) -> SpoolSink:
        """Return the sink for a value of ``size`` bytes. It reports errors when it finishes."""
        self._count += 1
        if self.limit is not None and self.used + size > self.limit:
            reason = f"a value of {size} bytes exceeds the spool limit of {self.limit} bytes"
            return SpoolSink(self, None, 0, reason)
        try:
            path = self.folder / f"{self._count}"
            return SpoolSink(self, SpoolFile(self, path, size), size, "")
        except OSError as error:
            return SpoolSink(self, None, 0, f"the value cannot be spooled: {error}")

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _make_folder(parent: Path) -> tuple[Path, BinaryIO]:
    """Make a folder, locked as long as the returned file is open."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=parent))
        lock = (folder / _LOCK_NAME).open("wb")
        if sys.platform == "win32":
            return folder, lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK_NAME).exists():
            return folder, lock
        lock.close()  # a server that starts right now took it for one of a killed server


def _remove_stale(parent: Path) -> None:
    """Remove this user's folders of killed servers: those that nobody has locked."""
    if sys.platform != "win32":
        for folder in parent.glob(_FOLDER_PREFIX + "*"):
            try:
                if folder.lstat().st_uid != os.geteuid():
                    continue  # its lock may be anything, even a pipe on which `open` would block
                with (folder / _LOCK_NAME).open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                continue  # in use, or just being made


class SpoolFile:
    """A value on disk. The file is removed with this object."""

    __slots__ = ("__weakref__", "_path", "_size")

    def __init__(self, spool: Spool, path: Path, size: int) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._path = path
        self._size = size
        spool.used += size
        weakref.finalize(self, _remove, spool, path, size)

    def __len__(self) -> int:
        return self._size

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the file, unbuffered."""
        return self._path.open(mode, buffering=0)  # type: ignore[return-value]


def _remove(spool: Spool, path: Path, size: int) -> None:
    spool.used -= size
    path.unlink(missing_ok=True)


class SpoolSink:
    """Writes an arriving value to its file; a `nws.wire.requests.Sink`."""

    def __init__(self, spool: Spool, file: SpoolFile | None, size: int, reason: str) -> None:
        self._file = file
        self._reason = reason
        self._output = file.open("wb") if file is not None else None

    def write(self, data: bytes, /) -> None:
        if self._output is None:
            return
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._output.write(rest) :]
        except OSError as error:
            self._fail(error)

    def finish(self) -> SpoolFile | RefusedBody:
        if self._output is not None:
            try:
                self._output.close()
            except OSError as error:  # some file systems report only now that they are full
                self._fail(error)
        file = self._file
        self.abandon()
        return RefusedBody(self._reason) if file is None else file

    def abandon(self) -> None:
        output, self._output, self._file = self._output, None, None
        if output is not None:
            try:
                output.close()
            except OSError:
                pass  # its contents are not needed

    def _fail(self, error: OSError) -> None:
        self._reason = f"the value cannot be spooled: {error}"
        self.abandon()
