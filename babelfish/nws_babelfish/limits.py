"""Limits that a babelfish sets for itself, because values may be malicious."""

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

__all__ = ["TimeLimitExceeded", "end_with_stdin", "leave_no_core", "limit_memory", "within"]

_ALARM_INTERVAL_SECONDS: Final = 1.0
"""Time until the next alarm, in case a value has caught the exception of the first."""

T = TypeVar("T")


class TimeLimitExceeded(BaseException):
    """The time limit is over. Not an Exception, so that interrupted code does not catch it."""


def limit_memory(size: int) -> None:
    """Limit the address space of this process to `size` bytes; beyond it is MemoryError.

    Raises:
        ValueError: the system refuses the limit.
    """
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, OverflowError) as error:
        raise ValueError(str(error)) from error


def leave_no_core() -> None:
    """Write no core file if this process crashes: it would contain other people's values."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_stdin() -> None:
    """End this process as soon as its stdin is closed, whatever it is doing.

    The system then sends a signal, which ends the process without running Python code. Nothing may
    be written to stdin.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        sys.exit("stdin is closed")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Call `work` with a time limit, in the main thread.

    Raises:
        TimeLimitExceeded: it took longer. A single call of C code is not interrupted.
    """
    previous = signal.signal(signal.SIGALRM, _on_alarm)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, _ALARM_INTERVAL_SECONDS)
            return work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # again: the alarm may have interrupted the first one
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise TimeLimitExceeded
