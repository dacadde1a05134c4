"""The thread on which callbacks run, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Callbacks", "is_in_callback"]

_thread = threading.local()


def is_in_callback() -> bool:
    """Tell whether this thread runs callbacks."""
    return getattr(_thread, "runs_callbacks", False)


def _note_thread() -> None:
    _thread.runs_callbacks = True


class Callbacks:
    """Runs functions one after the other, on a thread that it starts when there is one."""

    def __init__(self) -> None:
        """Prepare."""
        self._executor = ThreadPoolExecutor(1, "nws-pp", _note_thread)

    def call(self, function: Callable[[], object]) -> bool:
        """Have a function called, which may not raise. Return False if it is too late for that."""
        try:
            self._executor.submit(function)
        except RuntimeError:  # we were closed, or the interpreter ends
            return False
        return True

    def close(self) -> None:
        """Call no more functions than the one that runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)
