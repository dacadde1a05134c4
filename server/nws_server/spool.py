"""Long values as files: written while they arrive, read while they are sent.

A file lives exactly as long as the object that stands for it, so nothing can leave it behind: no
deleted variable, no interrupted upload, no reader that is still reading. It is open only while a
piece is written or read, so values take no file descriptors from clients. The folder is removed
with the server; that of a killed server by the next one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from nws.wire.requests import RefusedBody
from nws_server.incidents import REFUSED_VALUES, UNWRITABLE_VALUES

if sys.platform != "win32":  # which has no such locks: folders of killed servers stay there
    import fcntl

_FOLDER_PREFIX: Final = "nws-spool-"
_LOCK_NAME: Final = "lock"


def _ignore(kind: str, reason: str) -> None:
    """Report nothing."""


class Spool:
    """A folder of long values, for one server.

    Attributes:
        used: bytes of all files; one that is still being written counts in full.
        limit: bytes that all files together may have; None for no limit.
        on_refusal: called for each value that cannot be kept, with the kind of the incident and the
            reason.
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
        self.on_refusal: Callable[[str, str], None] = _ignore
        self._count = 0

    def open(self, size: int) -> SpoolSink:
        """Return the sink for a value of ``size`` bytes. It reports errors when it finishes."""
        if self.limit is not None and self.used + size > self.limit:
            reason = f"a value of {size} bytes exceeds the spool limit of {self.limit} bytes"
            self.on_refusal(REFUSED_VALUES, reason)
            return SpoolSink(self, None, reason)
        self._count += 1
        return SpoolSink(self, SpoolFile(self, f"{self.folder}/{self._count}", size))

    def failed(self, size: int, error: OSError) -> str:
        """Report that a value cannot be written; return the reason."""
        reason = (
            f"a value of {size} bytes cannot be written to the server's folder {self.folder}: "
            f"{error.strerror or error}; --tmp-dir sets another folder"
        )
        self.on_refusal(UNWRITABLE_VALUES, reason)
        return reason

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

    def __init__(self, spool: Spool, path: str, size: int) -> None:
        self._path = path
        self._size = size
        spool.used += size
        weakref.finalize(self, _remove, spool, path, size)

    def __len__(self) -> int:
        return self._size

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the file, unbuffered. Only this user can read one that is made."""
        return open(self._path, mode, buffering=0, opener=_open_private)  # type: ignore[return-value]

    def append(self, data: bytes) -> None:
        """Write the next bytes. The first make the file.

        Raises:
            OSError: they cannot be written.
        """
        # Not "wb": ext4 writes a file that was truncated to the disk as it is closed, and to remove
        # it then takes many times as long.
        with self.open("ab") as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remove(spool: Spool, path: str, size: int) -> None:
    spool.used -= size
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


class SpoolSink:
    """Writes an arriving value to its file; a `nws.wire.requests.Sink`."""

    def __init__(self, spool: Spool, file: SpoolFile | None, reason: str = "") -> None:
        self._spool = spool
        self._file = file
        self._reason = reason

    def write(self, data: bytes, /) -> None:
        if self._file is not None:
            try:
                self._file.append(data)
            except OSError as error:
                self._reason = self._spool.failed(len(self._file), error)
                self._file = None

    def finish(self) -> SpoolFile | RefusedBody:
        file, self._file = self._file, None
        return RefusedBody(self._reason) if file is None else file

    def abandon(self) -> None:
        self._file = None
