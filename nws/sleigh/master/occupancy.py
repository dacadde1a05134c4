"""The guide's rule: a sleigh does one call at a time, and the call that has it is over or refused.

Submitted calls are outside of the rule.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from nws.errors import (
    NwsException,
    SleighNwsException,
    SleighOccupiedException,
    SleighStoppedException,
)
from nws.sleigh.master.calls_report import CallState
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.engine import Engine
from nws.sleigh.master.error_scope import ErrorScope
from nws.sleigh.master.home import Home
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.mailbox import Mailbox
from nws.sleigh.master.options import CallOptions
from nws.sleigh.master.run import Run
from nws.sleigh.master.window import Window
from nws.sleigh.shared.functions import Function

__all__ = ["Occupancy"]


class Occupancy:
    """Which call has a sleigh, if any.

    Attributes:
        stopped: the sleigh was stopped.
    """

    def __init__(self, home: Home) -> None:
        """Prepare; see `open`. A fork of this process may not call anything."""
        self.stopped = False
        self._home = home
        self._owner = os.getpid()
        self._calling = threading.RLock()  # one that Ctrl-C left locked is open to its thread
        self._active: weakref.ref[Run] | None = None
        self._state: CallState | None = None

    def open(self, engine: Engine, liveness: Liveness) -> None:
        """Let calls begin."""
        self._engine = engine
        self._liveness = liveness

    def check(self) -> None:
        """Raise SleighStoppedException if this process cannot use the sleigh."""
        if self.stopped:
            raise SleighStoppedException("this sleigh was stopped")
        if self._owner != os.getpid():
            raise SleighStoppedException(f"this sleigh belongs to process {self._owner}")

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Let a call begin if none is under way.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighOccupiedException: another call is under way.
        """
        self.check()
        acquired: list[bool] = []
        try:
            # In one step, so that Ctrl-C cannot fall between the two.
            acquired.extend(map(self._calling.acquire, (False,)))
            if not acquired[0]:
                raise SleighOccupiedException("another thread is in a call of this sleigh")
            with self.scope():
                self._check_free()
                self._liveness.restart_if_due()
                before = self._state
                try:
                    yield
                except BaseException:
                    if self._state is not before:
                        self._drop()  # the traceback may keep what would free the sleigh
                    raise
        finally:
            # Not by a function: when that returns, Ctrl-C may strike and leave it locked.
            if acquired and acquired[0]:
                self._calling.release()

    def check_may_dismiss(self) -> None:
        """Raise SleighOccupiedException if an `eachWorker` is under way: it needs its workers."""
        if self._state is not None and self._state.kind == "eachWorker" and self._is_under_way():
            raise SleighOccupiedException(
                "an eachWorker is under way, which needs its workers: wait for it, or stop it, and "
                "have fewer then"
            )

    def _check_free(self) -> None:
        if self._is_under_way():
            raise SleighOccupiedException(
                "another call is under way: wait for it, take all its results, or stop it"
            )
        self._drop()  # nobody can ask for its results any more

    def _is_under_way(self) -> bool:
        state, run = self._state, self._active
        return state is not None and not state.over and run is not None and run() is not None

    def _drop(self) -> None:
        state = self._state
        if state is not None and not state.over:
            self._engine.report.end(state, cancelled=True)
            with suppress(NwsException):  # the server is gone, and all with it
                self._engine.cancel([state.number])

    def begin(
        self,
        state: CallState,
        function: Function,
        chunks: Chunks,
        window: Window,
        options: CallOptions,
        *,
        everyone: int = 0,
    ) -> Run:
        """Give the sleigh to a call; see `Run` and `nws.sleigh.shared.messages.Call`."""
        mailbox = Mailbox(everyone=everyone)
        try:
            call = self._engine.begin(mailbox, function, options)
            run = Run(self._engine, mailbox, call, chunks, state, window)
            self._active, self._state = weakref.ref(run), state
            return run
        except BaseException:
            # Nobody would end it, and workers would be told for good of calls that came later.
            self._engine.report.end(state, cancelled=True)
            self._engine.end(mailbox.number)
            raise

    # Errors

    def scope(self, run: Run | None = None) -> ErrorScope:
        """Return a context for what is done with the server; see `ErrorScope`."""
        return ErrorScope(self.check, self.explain, run)

    def explain(self, error: NwsException) -> NoReturn:
        """Raise the exception of the sleigh that stands for an error of the server."""
        self.check()
        raise self.explained(error) from error

    def explained(self, error: Exception) -> Exception:
        """Return the exception of the sleigh that stands for an error of the server."""
        if not isinstance(error, NwsException):
            return error
        said = self._home.last_words_of_server()
        explained = SleighNwsException(f"{self._home.server_name} failed: {error}{said}")
        explained.__cause__ = error
        return explained
