"""The future behind a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nws.sleigh.master.submission import SleighFuture, Submission

__all__ = ["JobFuture"]


class JobFuture(SleighFuture):
    """Has the server look after its result first, on whichever thread has received that: it may be
    the one that waits for the job. A callback would need a thread of its own."""

    def __init__(self, settle: Callable[[JobFuture, Any, bool], object], call: Submission) -> None:
        """Prepare.

        Args:
            settle: is given the future, its result or exception, and whether it is the latter; to
                call `set_done`. When Ctrl-C strikes in it, it is called again.
            call: see `SleighFuture`.
        """
        super().__init__(call)
        self._settle_by: Callable[[JobFuture, Any, bool], object] | None = settle

    def settle(self, value: Any, *, is_failure: bool) -> None:
        settle = self._settle_by
        if settle is not None:
            settle(self, value, is_failure)
            self._settle_by = None

    def set_done(self, value: Any, *, is_failure: bool) -> None:
        """Do what a `SleighFuture` does with its result."""
        super().settle(value, is_failure=is_failure)
