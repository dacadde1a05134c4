"""A job: what `Server.submit` returns."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError  # before Python 3.11 it is another one
from contextlib import suppress
from typing import Any, Final

from nws.errors import SleighStoppedException, SleighTaskException
from nws.pp.callbacks import is_in_callback
from nws.pp.job_output import JobOutput
from nws.sleigh.master.submission import SleighFuture
from nws.sleigh.shared.output import write_text

__all__ = ["DestroyedServerError", "Job"]

_log = logging.getLogger("pp")

_ELEMENT: Final = "element 0"
"""What errors of the sleigh call a job: the only element of a submitted call."""


class DestroyedServerError(RuntimeError):
    """The server was destroyed."""


class Job:
    """A job that was submitted. Call it for its result.

    Attributes:
        tid: its number; the first job of a server has 0.
        group: see `Server.submit`.
        callback, callbackargs: likewise.
        finished: whether its result is there, and its callback has returned.
    """

    _showing: Final = threading.Lock()
    """For moments only, so that all jobs can share it."""

    def __init__(
        self,
        tid: int,
        group: str,
        callback: Callable[..., object] | None,
        callbackargs: tuple[Any, ...],
        proto: int,
    ) -> None:
        """Prepare; `Server` gives it its future and its result. Users get jobs from
        `Server.submit`.

        Args:
            tid, group, callback, callbackargs: see above.
            proto: protocol number of `pickle` for raw results.
        """
        self.tid = tid
        self.group = group
        self.callback = callback
        self.callbackargs = callbackargs
        self._proto = proto
        self._future: SleighFuture
        self._called_back = None if callback is None else threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._output: JobOutput | None = None  # if there is any
        self._legacy_traceback = ""
        self._is_shown = False
        self._is_over = False  # the server has nothing more to do for it

    @property
    def finished(self) -> bool:
        """Whether the result is there, and the callback has returned."""
        called_back = self._called_back
        return self._future.done() and (called_back is None or called_back.is_set())

    def wait(self) -> None:
        """Wait until the job is finished. In a callback, wait for its result only: other callbacks
        run later."""
        self._future.exception()
        if self._called_back is not None and not is_in_callback():
            self._called_back.wait()

    def __call__(self, raw_result: bool = False) -> Any:
        """Wait for the job, print what it has printed unless that was done, and return its result.

        Args:
            raw_result: return a pickle of the result and the output, as a pair, and print nothing.

        Raises:
            SleighTaskException: the job has failed; with the traceback of the worker, whose
                exception is the cause. With ``legacy_errors`` the result is None instead, and the
                traceback is printed.
            DestroyedServerError: the server was destroyed before.
            SleighException: workers cannot be started, or the space has ended.
        """
        self.wait()
        if not raw_result:
            self._show_output()
        if self._error is not None:
            raise self._error
        if raw_result:
            return pickle.dumps((self._result, self._printed()), self._proto)
        return self._result

    def _take(
        self, value: Any, output: JobOutput | None, *, is_failure: bool, legacy_errors: bool
    ) -> None:
        """Take what became of it, and what it has printed, before anybody sees that it is done.
        Called by the server, again if Ctrl-C struck meanwhile."""
        if not is_failure:
            self._result = value
        elif isinstance(value, SleighStoppedException):
            self._error = DestroyedServerError("the server was destroyed before the job was done")
            self._error.__cause__ = value
        elif isinstance(value, SleighTaskException):
            text = str(value).replace(_ELEMENT, f"job {self.tid}", 1)
            if legacy_errors:
                self._legacy_traceback = f"{text}\n"
            else:
                value.args = (text,)
                self._error = value
        else:
            self._error = value
        if output is not None and output is not self._output:
            with self._showing:
                if self._output is not None:
                    output.add(str(self._output))  # what has come meanwhile
                self._output = output

    def _await_result(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the result."""
        with suppress(TimeoutError):
            self._future.exception(timeout)

    def _finish(self) -> None:
        """Note that the callback has returned, or will never be called."""
        self._is_over = True
        if self._called_back is not None:
            self._called_back.set()

    def _run_callback(self) -> None:
        """Print what the job has printed, and call the callback, if there is a result for it.

        Raises:
            BaseException: the job has failed, or what the callback raises.
        """
        self._show_output()
        if self._error is not None:
            raise self._error
        if self.callback is not None:
            self.callback(*self.callbackargs, self._result)

    def _show_output(self) -> None:
        """Print what the job has printed, once."""
        with self._showing:
            shown, self._is_shown = self._is_shown, True
        if not shown and (self._output is not None or self._legacy_traceback):
            _print(self._printed())

    def _printed(self) -> str:
        return f"{self._output or ''}{self._legacy_traceback}"

    def _add_output(self, text: str) -> None:
        """Take what has come behind the result, as happens with the output of child processes. If
        the rest was printed, print it now."""
        with self._showing:
            if not self._is_shown:
                self._output = self._output or JobOutput()
                self._output.add(text)
                return
        _print(text)


def _print(text: str) -> None:
    try:
        write_text(text, sys.stdout)
    except (OSError, ValueError) as error:
        _log.warning("what jobs print cannot be shown: %s", error)
