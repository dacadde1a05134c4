"""Turns a program into a daemon, and reports success or failure to the process that started it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

__all__ = ["Daemon"]

_READY = b"ready"


class Daemon:
    """The log and the pid file of a daemon, and its way into the background.

    The order is `__init__`, `go`, `become`, then `ready` or `fail`, and at the end `tidy`.
    """

    def __init__(self, log: Path, pidfile: Path | None) -> None:
        """Open the files, while this process still has the rights to do so.

        Raises:
            OSError: a file cannot be opened.
        """
        self._log = _open(log)
        self._pid_path = None if pidfile is None else pidfile.absolute()
        # Not emptied yet: if the start fails it may be another daemon's.
        self._pid_file = None if pidfile is None else _open(pidfile)
        self._starter = -1

    def become(self, user: str) -> None:
        """Change from root to this user and its group.

        Raises:
            LookupError: there is no such user.
        """
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    def go(self) -> str | None:
        """Continue in a new process without a terminal.

        Returns:
            None in the daemon. In the starting process, once it is known, the reason that the
            daemon gave to `fail`; an empty text if it is ready.
        """
        hears, self._starter = os.pipe()
        child = os.fork()
        if child:
            os.close(self._starter)
            os.waitpid(child, 0)
            return _outcome(hears)
        os.close(hears)
        os.setsid()
        if os.fork():
            os._exit(0)  # not a session leader, so that it never gets a terminal
        os.chdir("/")
        os.umask(0o022)
        return None

    def ready(self) -> None:
        """Write the pid file, redirect output to the log, and report success to the starter."""
        if self._pid_file is not None:
            os.truncate(self._pid_file, 0)
            os.write(self._pid_file, b"%d\n" % os.getpid())
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        for stream in (1, 2):
            os.dup2(self._log, stream)
        self._tell(_READY)

    def fail(self, reason: str) -> None:
        """Report to the starter why there is no daemon."""
        self._tell(reason.encode())

    def tidy(self) -> None:
        """Remove the pid file; empty it if this user may not remove it."""
        if self._pid_path is None or self._pid_file is None:
            return
        try:
            self._pid_path.unlink()
        except OSError:
            os.truncate(self._pid_file, 0)

    def _tell(self, words: bytes) -> None:
        os.write(self._starter, words)
        os.close(self._starter)


def _open(path: Path) -> int:
    """Open a file for appending, for the lifetime of this process."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _outcome(pipe: int) -> str:
    with open(pipe, "rb") as words:
        said = words.read()
    if said == _READY:
        return ""
    return said.decode(errors="replace") or "it ended before it was ready"
