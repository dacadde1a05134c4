"""Limits that a babelfish sets itself, as it does not know what it will be given to read."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, TypeVar

__all__ = ["OutOfTime", "end_with_stdin", "leave_no_core", "limit_memory", "within"]

_AGAIN: Final = 1.0
"""Seconds from one strike to the next, should a value have swallowed the first."""

T = TypeVar("T")


class OutOfTime(BaseException):
    """The time is over. It is no Exception, so that the code that it strikes lets it through."""


def limit_memory(size: int) -> None:
    """Let this process have so many bytes of address space; beyond them is MemoryError.

    Raises:
        ValueError: it may not have so many.
    """
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, OverflowError) as error:
        raise ValueError(str(error)) from error


def leave_no_core() -> None:
    """Leave nothing behind, should this process crash: other people's values are in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_stdin() -> None:
    """End this process as soon as its stdin is closed, whatever it is doing: the system sends a
    signal then, and that needs no Python to run. Nothing may be written to stdin."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        sys.exit("stdin is closed")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do something, for so long at most. Only the main thread can.

    Raises:
        OutOfTime: it took longer. A single step of C code is not interrupted.
    """
    previous = signal.signal(signal.SIGALRM, _strike)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
            return work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # once more: the first may just have been struck
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _strike(number: int, frame: FrameType | None) -> None:
    raise OutOfTime
