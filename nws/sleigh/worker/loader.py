"""Gets the function of a call ready to be run."""

from __future__ import annotations

import time
from typing import Final

from nws.client import NetWorkSpace
from nws.errors import NwsTimeoutException, NwsUnpicklingException
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.generators import arriving
from nws.sleigh.shared.messages import NO_ELEMENT, Call, Failure
from nws.sleigh.shared.pickling import Packed, unpack
from nws.sleigh.shared.reloads import LoadedModules
from nws.sleigh.shared.snapshots import Snapshot, is_found_by_name
from nws.sleigh.shared.status_cells import IDLE, LOADING, StatusCells
from nws.sleigh.worker.deaths import Deaths
from nws.sleigh.worker.runner import Runner, failure

__all__ = ["Loader"]

_MAX_CACHED: Final = 8
"""Packed functions that are kept for later calls."""


class Loader:
    """Loads functions into a worker's runner, which holds one at a time.

    Attributes:
        modules: which versions of the user's modules this worker has.
    """

    def __init__(
        self, workspace: NetWorkSpace, cells: StatusCells, runner: Runner, deaths: Deaths
    ) -> None:
        """Prepare for a worker: its status cells, its runner, and what is known of deaths."""
        self._workspace = workspace
        self._cells = cells
        self._runner = runner
        self._deaths = deaths
        self._cache: dict[str, _Cached] = {}
        self.modules = LoadedModules()
        self._ready_for: tuple[object, ...] | None = None  # what the runner was prepared for
        self._ready_call: Call | None = None  # the last call that it is ready for
        self._snapshot: Snapshot | None = None  # of the function, when the runner was prepared

    def prepare(self, call: Call) -> Failure | None:
        """Get the function of a call ready, unless it is. Return why that is not possible."""
        if call is self._ready_call:
            return None
        wanted = call.function, call.seed, call.worker_count, call.reloaded
        if wanted == self._ready_for and self._is_as_sent(call):
            self._ready_call = call
            return None
        self._ready_for = self._ready_call = self._snapshot = None
        cells = self._cells
        cells.element, cells.since = NO_ELEMENT, time.monotonic_ns()
        try:
            cached = self._cache.get(call.function) or self._fetch(call)
        except NwsTimeoutException:
            return Failure("the function of this call is not on the server any more\n")
        except NwsUnpicklingException as error:
            return failure(error, "somebody has stored something else in place of the function\n")
        verdict = self._deaths.verdict_before(call, NO_ELEMENT)
        if verdict is not None:
            return verdict
        cells.state = LOADING
        try:
            with arriving() as generators:
                function = Function(*unpack(cached.packed, again=True))
            problem = self.modules.problem(call.reloaded)
            if problem:
                return Failure(problem)
            self._runner.prepare(function, call, generators)
            if self._runner.end_fork is not None:
                self._runner.end_fork(None)
        except BaseException as error:
            if self._runner.end_fork is not None:
                self._runner.end_fork(error)
            said = failure(error, "the function or fixedArgs cannot be read by the worker\n")
            return said._replace(of_call=True)
        finally:
            cells.state = IDLE
        self._ready_for, self._ready_call = wanted, call
        self._snapshot = cached.snapshot_of(function)
        return None

    def _is_as_sent(self, call: Call) -> bool:
        """Tell whether a call finds the function as the master has sent it. A former call may have
        changed its fixed arguments, or what it carries that does not travel by name."""
        ready, snapshot = self._ready_call, self._snapshot
        if ready is not None and ready.number == call.number:
            return True
        return snapshot is not None and (snapshot.is_by_name or snapshot.holds())

    def _fetch(self, call: Call) -> _Cached:
        cached = _Cached(self._workspace.find(call.function, timeout=0))
        while len(self._cache) >= _MAX_CACHED:
            self._cache.pop(next(iter(self._cache)))
        self._cache[call.function] = cached
        return cached


class _Cached:
    """A packed function."""

    def __init__(self, packed: Packed) -> None:
        """It was not loaded yet."""
        self.packed = packed
        self._was_loaded = False
        self._has_snapshots = True  # as far as is known

    def snapshot_of(self, function: Function) -> Snapshot | None:
        """Return a snapshot of what was loaded. Of what does not travel by name there is none the
        first time: it takes as long as loading, and most functions are for a single call."""
        snapshot = None
        is_wanted = self._was_loaded or is_found_by_name(function.thing)
        if is_wanted and self._has_snapshots:
            snapshot = function.snapshot()
            self._has_snapshots = snapshot is not None
        self._was_loaded = True
        return snapshot
