"""The file in which a server leaves, for its own user, what clients need to reach it.

Only that user can read it. It is written when the server listens, and removed when it ends. Its
name is that of the machine and the port, as machines may share home folders.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = [
    "CONNECTION_FILE",
    "SECRET",
    "ConnectionFileError",
    "ServerAddress",
    "make_private",
    "read_connection_file",
    "remove_connection_file",
    "usual_path",
    "write_connection_file",
]

SECRET: Final = "NWS_SECRET"
"""Environment variable: the secret of a server, or of the servers that a client connects to."""

CONNECTION_FILE: Final = "NWS_CONNECTION_FILE"
"""Environment variable: where the file is, if not at its usual place."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class ConnectionFileError(Exception):
    """A connection file is there that cannot be used; the message names it, and the remedy."""


class ServerAddress(NamedTuple):
    """What is in the file."""

    secret: str
    addresses: tuple[str, ...]
    """``HOST:PORT`` of each TCP listener, IPv6 in brackets."""
    pid: int
    inspector: str = ""
    """Its web address; empty if there is none."""
    forwarded: str = ""
    """Path of the Unix socket for forwarded connections; empty if there is none."""
    local: str = ""
    """Path of the Unix socket for clients on the server's machine; empty if there is none."""
    certificate: str = ""
    """Fingerprint of the server's certificate, as ``sha256:HEX``, for connections from other
    machines; empty if they are not encrypted."""

    def __repr__(self) -> str:
        return f"ServerAddress({', '.join(self.addresses)}, pid {self.pid})"

    @property
    def is_stale(self) -> bool:
        """Whether its server, of this machine, was killed."""
        if os.name != "posix":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass  # it is somebody's
        return False


def usual_path(port: int, host: str = "") -> Path:
    """Return where the file of a server is.

    Args:
        port: of the server.
        host: name of its machine; empty for this one.
    """
    name = (host or socket.gethostname()).replace(os.sep, "_")
    variables = map(os.environ.get, ("XDG_STATE_HOME", "HOME"))
    return _path_in(*variables, name=f"{name}-{port}.json")


@lru_cache(maxsize=64)
def _path_in(*variables: str | None, name: str) -> Path:
    """Return a path in the folder that these variables lead to."""
    from platformdirs import user_state_path  # takes 5 ms, and a private server needs none

    return user_state_path("nws", appauthor=False) / name


def read_connection_file(path: Path) -> ServerAddress | None:
    """Read one.

    Returns:
        None if there is none, or none that this user may read.

    Raises:
        ConnectionFileError: others can read it, or it is damaged.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            _check_private(path, os.fstat(file.fileno()))  # another one may have its name by now
            content = file.read()
    except OSError:
        return None
    return _parsed(path, content)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, and wait for nobody: what has this name may be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@lru_cache(maxsize=64)  # programs may connect often
def _parsed(path: Path, content: bytes) -> ServerAddress:
    try:
        plain: dict[str, Any] = json.loads(content)
        addresses = tuple(map(str, plain.pop("addresses")))
        return ServerAddress(addresses=addresses, **plain)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConnectionFileError(
            f"the connection file {path} is damaged ({error!r}): restart the server"
        ) from error


def _check_private(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    if not stat.S_ISREG(status.st_mode):
        raise ConnectionFileError(f"the connection file {path} is no file: remove it")
    if status.st_mode & _OTHERS:
        raise ConnectionFileError(
            f"other users can open the connection file {path}: its secret may be known; restart "
            "the server for another one"
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise ConnectionFileError(
            f"the connection file {path} belongs to user {status.st_uid}: work as that user, or "
            f"set HOME, XDG_STATE_HOME or {CONNECTION_FILE} to places of your own"
        )


def write_connection_file(path: Path, content: ServerAddress) -> None:
    """Write one, in place of any other.

    Raises:
        OSError: it cannot be written.
    """
    if path == usual_path(0).parent / path.name:
        make_private(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # for us alone
    try:
        with open(fd, "w") as file:
            json.dump(content._asdict(), file)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter, or see that one is that.

    Raises:
        OSError: it cannot be made, or belongs to somebody else: `sudo` may leave ``HOME`` as it
            was.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name != "posix":
        return
    owners = {folder.lstat().st_uid, folder.stat().st_uid}  # also of a link that leads there
    if owners != {os.geteuid()}:
        raise PermissionError(
            f"{folder} belongs to another user: set HOME or XDG_STATE_HOME to a folder of your own"
        )
    folder.chmod(0o700)  # it may have been there


def remove_connection_file(path: Path, secret: str) -> None:
    """Remove the file of the server with this secret, if no other one has taken its place."""
    try:
        found = read_connection_file(path)
        if found is not None and found.secret == secret:
            path.unlink(missing_ok=True)
    except (ConnectionFileError, OSError):
        pass  # somebody has changed it: it is theirs
