"""How a worker leaves: it is told so by a signal, gives away what it has not begun, finishes what
runs, and ends.

Its supervisor sends the signal; so does a batch system, to all processes of a job.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, TypeVar

from nws.sleigh.shared.leave_signals import LEAVE_SIGNALS
from nws.sleigh.shared.status_cells import LEAVES, StatusCells

__all__ = ["LeaveError", "Leaving"]

R = TypeVar("R")


class LeaveError(BaseException):
    """The worker is to end, and nothing of the user's runs."""


class _Forking(threading.local):
    """A fork that this thread is making.

    Attributes:
        mask: the signals that were blocked before.
    """

    mask: Collection[int] = ()


class Leaving:
    """Whether a worker is to leave."""

    def __init__(self, cells: StatusCells) -> None:
        """Handle signals from now on; forks of this process do not."""
        self._waits = False  # the worker waits for the server: a signal ends it at once
        self._cells: Final = cells
        self._forking: Final = _Forking()
        for number in LEAVE_SIGNALS:
            signal.signal(number, self._handle)
        os.register_at_fork(
            before=self._hold_signals,
            after_in_parent=self._release_signals,
            after_in_child=self._handle_no_more,
        )

    def may_interrupt(self, wait: Callable[[], R]) -> R:
        """Call something that waits for the server, where nothing is to lose.

        Raises:
            LeaveError: the worker is to leave.
        """
        self._waits = True
        try:
            if self._cells.numbers[LEAVES]:
                raise LeaveError
            return wait()
        finally:
            self._waits = False  # a signal interrupts nothing of the user's, at the end too

    def _handle(self, *_: object) -> None:
        self._cells.leaves = 1
        if self._waits:
            self._waits = False
            raise LeaveError

    def _hold_signals(self) -> None:
        """Let a signal wait that comes before a fork has its own handlers: Python would drop it."""
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, LEAVE_SIGNALS)

    def _release_signals(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _handle_no_more(self) -> None:
        for number in LEAVE_SIGNALS:
            with suppress(ValueError):  # a thread of an embedded interpreter has forked
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, signal.SIG_DFL)
        self._release_signals()
