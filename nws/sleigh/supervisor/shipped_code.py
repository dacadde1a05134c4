"""The code that a sleigh brings with it, in a folder of this machine for its workers only.

It is a folder and no archive, for packages read their data files by ``__file__``. The supervisor
holds a lock on it. So another supervisor can remove what one has left that was killed.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import stat
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from nws.client import NetWorkSpace
from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.messages import SHIPMENT

__all__ = ["ShippedCode"]

_PREFIX: Final = "nws-shipped-"


class ShippedCode:
    """What a sleigh has shipped, unpacked where this process and its forks look first.

    Attributes:
        folder: where it is; None if nothing was shipped.
    """

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Unpack it.

        Raises:
            OSError: it cannot be written, or somebody has stored something else in its place.
        """
        self.folder: Path | None = None
        try:
            packed = workspace.findTry(SHIPMENT)
        except NwsUnpicklingException as error:
            packed = error
        if packed is None:
            return
        _remove_left_folders()
        self.folder, self._lock = _new_folder()
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                _unpack(archive, self.folder)
        except BaseException as error:
            self.close()
            if not isinstance(error, (TypeError, zipfile.BadZipFile)):
                raise
            raise OSError(f"the variable {SHIPMENT!r} holds no code: {error}") from error
        sys.path.insert(0, str(self.folder))

    def close(self) -> None:
        """Remove it."""
        if self.folder is not None:
            if str(self.folder) in sys.path:
                sys.path.remove(str(self.folder))
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)
            self.folder = None
            _remove_left_folders()


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpack an archive. Programs stay executable; nothing else is kept of the files' modes."""
    for each in archive.infolist():
        file = Path(archive.extract(each, folder))
        if each.external_attr >> 16 & stat.S_IXUSR:
            file.chmod(file.stat().st_mode | stat.S_IXUSR)


def _new_folder() -> tuple[Path, int]:
    """Make a folder; return it with a descriptor that holds its lock. Workers share that one, so
    the folder stays as long as one of them lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another supervisor took it for one that was left
            return folder, lock
        os.close(lock)


def _remove_left_folders() -> None:
    """Remove folders of this user's that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # it is another user's, or was just removed
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # it is in use
        finally:
            os.close(descriptor)
