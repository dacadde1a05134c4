"""The future behind a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nws.sleigh.master.submission import SleighFuture, Submission

__all__ = ["JobFuture"]


class JobFuture(SleighFuture):
    """Tells the server when it is done, on whichever thread has received the result: that may be
    the one that waits for the job. A callback would need a thread of its own."""

    def __init__(self, call: Submission | None) -> None:
        super().__init__(call)
        self._when_done: Callable[[JobFuture], object] | None = None
        self._telling = threading.RLock()

    def tell(self, when_done: Callable[[JobFuture], object]) -> None:
        """Have a function called once, now if it is done. It must be quick and may not raise; when
        Ctrl-C strikes in it, it is called again."""
        self._when_done = when_done
        if self.done():
            self._tell()

    def settle(self, value: Any, *, is_failure: bool) -> None:
        super().settle(value, is_failure=is_failure)
        self._tell()

    def _tell(self) -> None:
        with self._telling:
            if self._when_done is not None:
                self._when_done(self)
                self._when_done = None

    def wait(self) -> None:
        """Receive the result, unless another thread does."""
        self._wait(None)
