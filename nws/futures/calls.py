"""The calls of an executor, which may outlive it: they are finished when it was shut down or is
collected, and when the interpreter ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nws.errors import SleighException, SleighIllegalValueException, SleighStoppedException
from nws.futures.outcomes import (
    BrokenSleighExecutor,
    CallFuture,
    costs_one_call,
)
from nws.sleigh import Scattered, Sleigh, SleighFuture
from nws.sleigh.master.scatter import PackedHere

__all__ = ["Calls"]


class Calls:
    """The calls of one executor.

    Attributes:
        broken: why there can be no more calls; empty as long as there can.
    """

    def __init__(self, sleigh: Sleigh, group: str, *, owns: bool, cancel_running: bool) -> None:
        """Prepare.

        Args:
            sleigh: whose workers do them.
            group: of these workers; empty for all.
            owns: the sleigh is stopped when they are over.
            cancel_running: `Future.cancel` stops those that run.
        """
        self._sleigh = sleigh
        self._owns = owns
        self._queue = sleigh.call_queue(self._explained, stops_running=cancel_running, group=group)
        self._owner = os.getpid()
        self._lock = threading.RLock()  # for who submits or shuts down
        self._is_shut_down = False
        self._stopping = threading.Lock()
        self.broken = ""
        _open.add(self)

    def submit(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> SleighFuture:
        """Submit a call; see `nws.futures.SleighExecutor.submit`."""
        self._check_owner()  # before: the lock may be locked for good in a fork
        with self._lock:
            self._check()
            try:
                with PackedHere() as held:
                    future = self._queue.submit(fn, args, kwargs, CallFuture)
            except SleighIllegalValueException as error:
                return _failed(error)
            except SleighException as error:
                raise self._explained(error) from error
        if held:  # scattered values, which are kept until the call is done
            future.add_done_callback(lambda _: held.clear())
        return future

    def scatter(self, value: Any) -> Scattered:
        """Store a value for calls; see `nws.futures.SleighExecutor.scatter`."""
        self._check_owner()
        return self._sleigh.scatter(value)

    def _check_owner(self) -> None:
        if self._owner != os.getpid():
            raise RuntimeError(
                f"this executor belongs to process {self._owner}, of which this one is a fork; "
                "make another executor here"
            )

    def _check(self) -> None:
        if self.broken:
            raise BrokenSleighExecutor(self.broken)
        if _interpreter_ends.is_set():
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _explained(self, error: Exception) -> Exception:
        """Return what the futures of calls under way are to have; each has its own."""
        if costs_one_call(error):
            return error
        self.broken = self.broken or f"the executor can do no more calls: {error}"
        broken = BrokenSleighExecutor(self.broken)
        broken.__cause__ = error
        return broken

    # The end

    def shut_down(self, *, wait: bool, cancel_futures: bool) -> None:
        """Take no more calls; see `nws.futures.SleighExecutor.shutdown`."""
        if self._owner != os.getpid():
            return
        with self._lock:
            is_first, self._is_shut_down = not self._is_shut_down, True
        if cancel_futures:
            self._queue.cancel_waiting()
        if wait and not self._queue.is_called_back():
            self._finish()
        elif is_first:
            self._finish_aside()

    def _finish_aside(self) -> None:
        with suppress(RuntimeError):  # the interpreter ends: then it waits for them
            threading.Thread(target=self._finish, name="nws-executor", daemon=True).start()

    def _finish(self) -> None:
        self._queue.wait_until_idle()
        with self._stopping:
            if self in _open and self._owns:
                self._sleigh.stop()
            _open.discard(self)

    def finish_at_exit(self) -> None:
        """Wait for the calls. What they have used ends with the interpreter."""
        if self._owner == os.getpid():
            self._queue.wait_until_idle()

    def terminate(self, *, kill: bool) -> None:
        """End all calls; see `nws.futures.SleighExecutor.terminate_workers`."""
        with self._lock:
            self._is_shut_down = True
        self._queue.cancel_waiting()
        self._queue.abort(SleighStoppedException("its workers were terminated"))
        if kill and self._owns:
            self._kill_workers()
        self.shut_down(wait=True, cancel_futures=False)

    def _kill_workers(self) -> None:
        with suppress(SleighException):  # the server is gone, and so are they
            for worker in self._sleigh.workerInfo():
                if worker["pid"] and worker["host"] == socket.gethostname():
                    with suppress(ProcessLookupError):
                        os.kill(worker["pid"], signal.SIGKILL)


def _failed(error: SleighIllegalValueException) -> SleighFuture:
    """Return the future of a call that cannot be sent: its exception says why."""
    future = CallFuture(None)
    future.set_exception(error.__cause__ or TypeError(str(error)))
    return future


_open = set[Calls]()
"""Those that may be under way."""

_interpreter_ends = threading.Event()


def _at_exit() -> None:
    _interpreter_ends.set()
    for calls in list(_open):
        calls.finish_at_exit()


# Not public, but there is nothing else: atexit comes after threads can be started no more. The
# standard library's executors and those of joblib do the same.
threading._register_atexit(_at_exit)  # type: ignore[attr-defined]
