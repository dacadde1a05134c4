"""What becomes of a call, as `concurrent.futures` has it: the worker's own exception, or that of an
executor that can do no more."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import Any

from nws.errors import (
    NwsNoWorkSpaceException,
    NwsOperationException,
    SleighException,
    SleighTaskException,
    SleighWorkerLostException,
)
from nws.sleigh.master.call_queue import QueuedFuture

__all__ = [
    "BrokenSleighExecutor",
    "CallFuture",
    "CallLostError",
    "costs_one_call",
]


class BrokenSleighExecutor(BrokenExecutor):
    """The executor can do no more calls, since its sleigh was stopped, its server is gone, its
    initializer has failed, or its workers were terminated. The ``__cause__`` says more."""


class CallLostError(BrokenExecutor):
    """Each of the workers that ran this call ended before it was done. Other calls go on."""


class CallFuture(QueuedFuture):
    """The future of a call. Its exception is the one that the call has raised; that one's
    ``__cause__`` is a SleighTaskException with the traceback of the worker."""

    def settle(self, value: Any, *, is_failure: bool) -> None:
        if isinstance(value, SleighTaskException) and is_failure:
            value = _raised_by(value)
        super().settle(value, is_failure=is_failure)


def _raised_by(failed: SleighTaskException) -> BaseException:
    """Return what a call has raised, or why it cannot be known."""
    cause = failed.__cause__
    if cause is None or failed.pickled_result:
        return failed
    if isinstance(cause, SleighWorkerLostException):
        return CallLostError(str(failed))
    failed.__cause__ = None  # or they would lead to each other
    cause.__cause__ = failed
    return cause


def costs_one_call(error: Exception) -> bool:
    """Tell whether an error of the sleigh is the end of one call, and not of all: the server has
    refused what belongs to it."""
    cause = error.__cause__ if isinstance(error, SleighException) else None
    return isinstance(cause, NwsOperationException) and not isinstance(
        cause, NwsNoWorkSpaceException
    )
