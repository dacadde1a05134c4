"""What `nws doctor` looks at. Each check says what it has found, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import platformdirs

from nws.client import NwsServer
from nws.errors import NwsConnectException, NwsException
from nws.session.endpoint import UNIX, Endpoint
from nws.session.failures import IS_IT_RUNNING
from nws.settings import find_settings, setting_files
from nws.version import __version__

__all__ = ["FAIL", "OK", "WARN", "Finding", "findings", "limit", "server_at", "space_in"]

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"

_DISTRIBUTION: Final = "networkspaces"
_MIN_OPEN_FILES: Final = 1024
"""A connection is an open file: with fewer than these a server is full soon."""
_MIN_PROCESSES: Final = 256
_LOW_SPACE_BYTES: Final = 1_000_000_000
_NO_SPACE_BYTES: Final = 50_000_000
_MAX_SOCKET_PATH_BYTES: Final = 70
"""Of a folder for sockets: the system's limit is 108 or 104 with the name in it."""


class Finding(NamedTuple):
    """What a check has found."""

    check: str
    state: str
    found: str
    remedy: str = ""


def findings(place: Endpoint) -> Iterator[Finding]:
    """Make all checks; ``place`` is where commands look for a server."""
    yield _versions()
    yield from _missing_packages()
    yield _fork()  # before anything has started a thread
    yield server_at(place)
    yield from (_port(name, place) for name in ("server", "inspector"))
    yield _localhost()
    yield _state_folder(platformdirs.user_state_path("nws", appauthor=False))
    yield _settings_files()
    folder = Path(find_settings()["tmp_dir"].value or tempfile.gettempdir())
    yield space_in(folder)
    yield _sockets(folder)
    yield from _limits()
    yield _cores()


def _versions() -> Finding:
    system = f"{platform.system()} {platform.release()}"
    found = f"nws {__version__}, Python {platform.python_version()}, {system}"
    if sys.platform == "win32":
        return Finding("versions", FAIL, found, "workers need Linux or macOS")
    return Finding("versions", OK, found)


def _missing_packages() -> Iterator[Finding]:
    """Compare what is installed with what our distribution requires."""
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        remedy = f"install it: `pip install {_DISTRIBUTION}`"
        yield Finding("packages", WARN, f"{_DISTRIBUTION} is not installed", remedy)
        return
    names = [re.split(r"[^\w.-]", text)[0] for text in required if ";" not in text]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        yield Finding(
            "packages", FAIL, f"missing: {', '.join(missing)}", f"`pip install {' '.join(missing)}`"
        )
    else:
        yield Finding("packages", OK, f"all {len(names)} that are needed are installed")


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def server_at(place: Endpoint) -> Finding:
    try:
        with NwsServer(place.host, place.port) as server:
            version = str(server.status()["version"])
    except NwsConnectException as error:
        found, _, remedy = str(error).partition(IS_IT_RUNNING)
        return Finding("server", WARN, found, remedy)
    except NwsException as error:
        return Finding("server", WARN, f"the one at {place} is not of ours: {error}")
    found = f"{place} answers, version {version}"
    if version != __version__:
        remedy = f"a sleigh needs the same version everywhere; here it is {__version__}"
        return Finding("server", WARN, found, remedy)
    return Finding("server", OK, found)


def _port(name: str, place: Endpoint) -> Finding:
    """Tell whether `nws server start` could use a port."""
    check = f"port of the {name}"
    port = place.port + (name == "inspector")
    try:
        with socket.create_server(("127.0.0.1", port)):
            return Finding(check, OK, f"{port} is free")
    except OSError as error:
        if not place.host.startswith(UNIX) and _answers(port):
            return Finding(check, OK, f"{port} is in use: something listens there")
        remedy = "choose another one: NWS_SERVER_PORT, NWS_WEB_PORT"
        return Finding(check, FAIL, f"{port} cannot be used: {error}", remedy)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _localhost() -> Finding:
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo("localhost", None)}
    except OSError as error:
        return Finding("localhost", FAIL, str(error), "/etc/hosts should have: 127.0.0.1 localhost")
    if not found & {"127.0.0.1", "::1"}:
        remedy = "/etc/hosts should have: 127.0.0.1 localhost"
        return Finding("localhost", FAIL, f"stands for {', '.join(sorted(found))}", remedy)
    return Finding("localhost", OK, f"stands for {', '.join(sorted(found))}")


def _state_folder(folder: Path) -> Finding:
    """Look at the folder for pid files and logs of servers."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        remedy = f"`chmod u+rwx {existing}`, or set XDG_STATE_HOME to another folder"
        return Finding("state folder", FAIL, f"{existing} cannot be written", remedy)
    if existing == folder and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("state folder", WARN, f"others can enter {folder}", f"`chmod 700 {folder}`")
    return Finding("state folder", OK, str(folder))


def _settings_files() -> Finding:
    there = [str(file) for file in setting_files() if file.exists()]
    return Finding(
        "settings", OK, ", ".join(there) or "no file; `nws config` shows where to put one"
    )


def space_in(
    folder: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Finding:
    """Look at the folder for long values."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
        free = usage(folder)[2]
    except OSError as error:
        remedy = "set NWS_TMP_DIR to a folder that can be written"
        return Finding("temporary files", FAIL, f"{folder}: {error}", remedy)
    state = FAIL if free < _NO_SPACE_BYTES else WARN if free < _LOW_SPACE_BYTES else OK
    remedy = "" if state == OK else "make room, or set NWS_TMP_DIR to another folder"
    return Finding("temporary files", state, f"{free / 1e9:.1f} GB free in {folder}", remedy)


def _sockets(folder: Path) -> Finding:
    """Make a Unix socket as a private server does."""
    if not hasattr(socket, "AF_UNIX"):
        return Finding("Unix sockets", FAIL, "the system has none", "use Linux or macOS")
    if len(os.fsencode(folder)) > _MAX_SOCKET_PATH_BYTES:
        return Finding("Unix sockets", OK, f"the path of {folder} is long: they are made in /tmp")
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder) as parent,
            socket.socket(socket.AF_UNIX) as sock,
        ):
            sock.bind(f"{parent}/socket")
    except OSError as error:
        remedy = "set TMPDIR to a folder on a local disk"
        return Finding("Unix sockets", FAIL, f"none can be made in {folder}: {error}", remedy)
    return Finding("Unix sockets", OK, f"can be made in {folder}")


def _limits() -> Iterator[Finding]:
    try:
        import resource
    except ImportError:
        return
    yield limit("open files", resource.getrlimit(resource.RLIMIT_NOFILE)[1], _MIN_OPEN_FILES, "-Hn")
    if hasattr(resource, "RLIMIT_NPROC"):
        yield limit("processes", resource.getrlimit(resource.RLIMIT_NPROC)[0], _MIN_PROCESSES, "-u")


def limit(what: str, number: int, least: int, option: str) -> Finding:
    """Judge a limit of the system; a negative number is none."""
    check = f"limit of {what}"
    if number < 0:
        return Finding(check, OK, "none")
    if number < least:
        return Finding(check, WARN, str(number), f"raise it to {least} or more: `ulimit {option}`")
    return Finding(check, OK, str(number))


def _fork() -> Finding:
    """Make a process as a supervisor makes workers."""
    if not hasattr(os, "fork"):
        return Finding("fork", FAIL, "the system has none", "workers need Linux or macOS")
    try:
        child = os.fork()
        if not child:
            os._exit(0)
        status = os.waitpid(child, 0)[1]
    except OSError as error:
        remedy = "there are too many processes, or too little memory"
        return Finding("fork", FAIL, str(error), remedy)
    if status:
        return Finding("fork", FAIL, f"a process that does nothing ended with status {status}")
    return Finding("fork", OK, "works")


def _cores() -> Finding:
    from nws.sleigh.shared.cores import available_cores

    return Finding("cores", OK, f"{available_cores()} for Sleigh(workerCount=None)")
