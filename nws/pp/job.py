"""A job: what `Server.submit` returns."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from nws.errors import SleighStoppedException, SleighTaskException
from nws.pp.callbacks import is_in_callback
from nws.pp.job_future import JobFuture
from nws.pp.job_output import JobOutput
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

    def __init__(
        self,
        tid: int,
        group: str,
        callback: Callable[..., object] | None,
        callbackargs: tuple[Any, ...],
        proto: int,
        future: JobFuture,
    ) -> None:
        """Prepare; `Server` gives it its result. Users get jobs from `Server.submit`.

        Args:
            tid, group, callback, callbackargs: see above.
            proto: protocol number of `pickle` for raw results.
            future: of its result.
        """
        self.tid = tid
        self.group = group
        self.callback = callback
        self.callbackargs = callbackargs
        self._proto = proto
        self._future = future
        self._has_result = threading.Event()
        self._over = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._output = JobOutput()
        self._legacy_traceback = ""
        self._is_shown = False
        self._showing = threading.Lock()

    @property
    def finished(self) -> bool:
        """Whether the result is there, and the callback has returned."""
        return self._over.is_set()

    def wait(self) -> None:
        """Wait until the job is finished. In a callback, wait for its result only: other callbacks
        run later."""
        self._future.wait()
        (self._has_result if is_in_callback() else self._over).wait()

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

    def _settle(
        self,
        result: Any,
        error: BaseException | None,
        output: JobOutput | None,
        *,
        legacy_errors: bool,
    ) -> None:
        """Take what became of it, and what it has printed. Called by the server, again if Ctrl-C
        struck meanwhile."""
        if isinstance(error, SleighStoppedException):
            self._error = DestroyedServerError("the server was destroyed before the job was done")
            self._error.__cause__ = error
        elif isinstance(error, SleighTaskException):
            text = str(error).replace(_ELEMENT, f"job {self.tid}", 1)
            if legacy_errors:
                self._legacy_traceback = f"{text}\n"
            else:
                error.args = (text,)
                self._error = error
        else:
            self._result, self._error = result, error
        if output is not None and output is not self._output:
            with self._showing:
                output.add(str(self._output))  # what has come meanwhile
                self._output = output
        self._has_result.set()

    def _await_result(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the result."""
        self._has_result.wait(timeout)

    def _finish(self) -> None:
        """Note that the callback has returned, or that there is none."""
        self._has_result.set()
        self._over.set()

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
        if not shown and (text := self._printed()):
            _print(text)

    def _printed(self) -> str:
        return f"{self._output}{self._legacy_traceback}"

    def _add_output(self, text: str) -> None:
        """Take what has come behind the result, as happens with the output of child processes. If
        the rest was printed, print it now."""
        with self._showing:
            if not self._is_shown:
                self._output.add(text)
                return
        _print(text)


def _print(text: str) -> None:
    try:
        write_text(text, sys.stdout)
    except (OSError, ValueError) as error:
        _log.warning("what jobs print cannot be shown: %s", error)
