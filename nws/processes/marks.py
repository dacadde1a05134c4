"""Marks in the environment of processes, by which what they leave behind is found and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

import psutil

__all__ = ["is_marked", "kill_all", "start_reaper"]

_MAX_ROUNDS: Final = 10
"""Looks at all processes: one may fork while it is being killed."""


def is_marked(process: psutil.Process, mark: str, value: str) -> bool:
    """Tell whether a process was started with a mark of this value."""
    return process.environ().get(mark) == value


def kill_all(belongs: Callable[[psutil.Process], bool]) -> int:
    """Kill all processes that belong to something, and return how many that were."""
    killed: set[int] = set()
    for _ in range(_MAX_ROUNDS):
        found = [process for process in psutil.process_iter() if _matches(process, belongs)]
        for process in found:
            try:
                process.kill()
                killed.add(process.pid)
            except psutil.Error:
                pass  # it has ended just now, or is somebody else's
        if not found:
            break
        psutil.wait_procs(found, timeout=1.0)
    return len(killed)


def _matches(process: psutil.Process, belongs: Callable[[psutil.Process], bool]) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and belongs(process)
    except (psutil.Error, OSError):
        return False


def start_reaper(mark: str, value: str) -> None:
    """Start a process that waits for our end, however it comes, and kills all that have a mark of
    this value.

    Call it before there are threads: it is a fork.
    """
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(read_end)
        return  # the other end stays open, here only, until we end
    try:
        os.close(write_end)
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.read(read_end, 1)
        kill_all(lambda process: is_marked(process, mark, value))
    finally:
        os._exit(0)
