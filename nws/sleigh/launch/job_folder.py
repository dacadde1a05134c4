"""The folder through which a sleigh and its batch jobs tell each other what others may not read.

It is on a file system that all machines share, and only its user can enter it. For each submission
it has a file with what the jobs need to know, the server's secret among it. A job leaves there what
it writes, and its exit status. The folder of a master that was killed is removed by the next one of
this user on that machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.settings import Settings

__all__ = ["JobFolder", "JobOrder", "note_end", "read_order"]

_MAX_READ_BYTES: Final = 4000
"""From the end of what a job wrote."""


class JobOrder(NamedTuple):
    """What the jobs of one submission need to know."""

    settings: Settings
    hosts: Sequence[str]
    """By which the server may be reached."""
    first_index: int
    jobs: Sequence[tuple[str, int]]
    """The id of the supervisor of each job, and how many workers it starts."""


class JobFolder:
    """The folder of one sleigh.

    Attributes:
        path: of it, without characters that mean something to a shell.
    """

    def __init__(self, parent: str | None) -> None:
        """Make it.

        Args:
            parent: where; None for the user's folder for such things.

        Raises:
            SleighIllegalValueException: it cannot be made there.
        """
        above = Path(parent).absolute() if parent else _usual_parent()
        if not str(above).isascii() or set(str(above)) & set(" \t\n'\"\\$`#&;|<>()*?[]{}~!%"):
            raise SleighIllegalValueException(
                f"{str(above)!r} cannot be the folder of batch jobs: their scripts need a path "
                "without blanks and characters of the shell; name another one by folder="
            )
        prefix = f"{os.getpid()}@{socket.gethostname()}@"
        try:
            above.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_left(above)
            self.path = tempfile.mkdtemp(prefix=prefix, dir=above)  # for us alone
        except OSError as error:
            raise SleighIllegalValueException(
                f"no folder for batch jobs can be made in {above}: {error}; name another one by "
                "folder="
            ) from error

    def order_path(self, submission: int) -> str:
        """Return the path of the file for the jobs of a submission."""
        return os.path.join(self.path, f"{submission}.json")

    def write_order(self, submission: int, order: JobOrder) -> None:
        """Write that file, for this user alone.

        Raises:
            OSError: it cannot be written.
        """
        fd = os.open(self.order_path(submission), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w") as file:
            json.dump(order, file)

    def has_begun(self, submission: int, index: int) -> bool:
        """Tell whether a job has left any trace."""
        return os.path.exists(os.path.join(self.path, f"{submission}.{index}.out"))

    def read_end(self, submission: int, index: int) -> int | None:
        """Return the exit status that a job has left; None if it has left none, as when it was
        killed."""
        try:
            return int(Path(self.path, f"{submission}.{index}.end").read_text())
        except (OSError, ValueError):
            return None

    def read_output(self, submission: int, index: int) -> str:
        """Return the end of what a job wrote."""
        try:
            data = Path(self.path, f"{submission}.{index}.out").read_bytes()
        except OSError:
            return ""
        return data[-_MAX_READ_BYTES:].decode("utf-8", "replace").strip()

    def remove(self) -> None:
        """Remove it, with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _usual_parent() -> Path:
    from platformdirs import user_state_path  # few sleighs need it

    return user_state_path("nws", appauthor=False) / "jobs"


def _remove_left(parent: Path) -> None:
    """Remove the folders of processes of this machine that are gone."""
    if not os.path.isdir("/proc/self"):
        return
    for folder in parent.glob(f"*@{socket.gethostname()}@*"):
        pid = folder.name.partition("@")[0]
        if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(folder, ignore_errors=True)


# The job's side


def read_order(path: str) -> JobOrder:
    """Read what the jobs of a submission need to know.

    Raises:
        OSError: the file is not there.
    """
    with open(path) as file:
        settings, hosts, first_index, jobs = json.load(file)
    return JobOrder(Settings.from_plain(settings), hosts, first_index, jobs)


def note_end(path: str, index: int, status: int) -> None:
    """Leave a job's exit status beside the file of its submission."""
    with suppress(OSError):  # the sleigh is over, and its folder gone
        Path(f"{path.removesuffix('.json')}.{index}.end").write_text(str(status))
