"""Processes as the system shows them, Python programs, and waiting for what they do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import psutil

from tests.support.server import PATIENCE, environment

_FIRST_PAUSE_SECONDS: Final = 0.001
_MAX_PAUSE_SECONDS: Final = 0.02
"""Between looks: each look takes time from what is waited for."""

T = TypeVar("T")


def until(holds: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """Look again and again until something is true, and return it; fail if it takes too long."""
    deadline = time.monotonic() + within
    pause = _FIRST_PAUSE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {within} seconds for: {what}"
        time.sleep(pause)
        pause = min(1.5 * pause, _MAX_PAUSE_SECONDS)
    return found


def let_pass(seconds: float) -> None:
    """Let a time pass that is too short to sleep: for tests that strike at many moments."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def until_file(path: Path) -> str:
    """Wait for a file that another process writes, and return the text in it."""
    return until(lambda: path.exists() and path.read_text(), f"the file {path.name}") or ""


def write_at_once(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees a part of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.rename(path)


def state(pid: int) -> str:
    """Return the letter that the system has for the state of a process: empty if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


def runs(pid: int) -> bool:
    """Tell whether a process is there; one that has ended and is not waited for does not count."""
    return state(pid) not in ("", "Z", "X")


def until_gone(pids: Collection[int], within: float = PATIENCE) -> None:
    """Wait for the end of processes."""
    until(lambda: not any(map(runs, pids)), f"the end of {sorted(pids)}", within)


def command(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def open_files(pid: int) -> int:
    """Count the files, pipes and sockets that a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(parent: int, *, running: str = "") -> list[int]:
    """Return the children of a process in whose command line there is a word."""
    found = []
    for pid in _all_processes():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                letter, ppid = file.read().rpartition(b")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and letter not in b"ZX" and running in command(pid):
            found.append(pid)
    return sorted(found)


def connections_of(pid: int, kind: str) -> list[Any]:
    """Return the sockets of a process, as psutil has them; version 6 has renamed its method."""
    process = psutil.Process(pid)
    look = getattr(process, "net_connections", None) or process.connections
    found: list[Any] = look(kind)
    return found


def _all_processes() -> Iterator[int]:
    return map(int, filter(str.isdecimal, os.listdir("/proc")))


def processes_that_show(text: str) -> list[int]:
    """Return the processes whose command line or environment has this in it."""
    found = []
    for pid in _all_processes():
        with suppress(OSError):
            shown = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
            if text.encode() in b"\0".join(shown):
                found.append(pid)
    return found


def descendants(ancestor: int) -> list[int]:
    """Return the children of a process, their children, and so on."""
    found = children(ancestor)
    return found + [pid for child in found for pid in descendants(child)]


def started_with(name: str, value: str) -> list[int]:
    """Return the processes that run and have had this variable in their environment from birth."""
    entry = os.fsencode(f"{name}={value}")
    found = []
    for pid in _all_processes():
        try:
            entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it is gone, or somebody else's
        if entry in entries and runs(pid):
            found.append(pid)
    return sorted(found)


class Aside(threading.Thread, Generic[T]):
    """A call in a thread of its own, for its result or exception later."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result.append(self._function())
        except BaseException as error:
            self._error = error

    def result(self, within: float = PATIENCE) -> T:
        """Wait for the end of the call; return what it returned, or raise what it raised."""
        self.join(within)
        assert not self.is_alive(), f"the call has not ended within {within} seconds"
        if self._error is not None:
            raise self._error
        return self._result[0]


def run_python(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    status: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end. Warnings are errors in it; its exit status is checked."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def python(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, machine: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program beside the test, with pipes; at the end of the block it is killed. With
    ``machine``, in that network namespace."""
    lead = ["ip", "netns", "exec", machine] if machine else []
    with subprocess.Popen(
        [*lead, sys.executable, "-W", "error", "-u", *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
