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
        self._cache: dict[str, Packed] = {}
        self.modules = LoadedModules()
        self._ready_for: tuple[object, ...] | None = None  # what the runner was prepared for
        self._ready_call: Call | None = None  # the last call that it is ready for
        self._only_call = 0  # the call that alone may use it, as it may change it; else 0

    def prepare(self, call: Call) -> Failure | None:
        """Get the function of a call ready, unless it is. Return why that is not possible."""
        if call is self._ready_call:
            return None
        wanted = call.function, call.seed, call.worker_count, call.reloaded
        if wanted == self._ready_for and self._only_call in (0, call.number):
            self._ready_call = call
            return None
        self._ready_for = self._ready_call = None
        cells = self._cells
        cells.element, cells.since = NO_ELEMENT, time.monotonic_ns()
        try:
            packed = self._cache.get(call.function) or self._fetch(call)
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
                function = Function(*unpack(packed, again=True))
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
        # A call may change its fixed arguments, or what a function carries that does not travel by
        # name. The next call starts from what was sent.
        self._only_call = 0 if function.is_constant else call.number
        return None

    def _fetch(self, call: Call) -> Packed:
        packed: Packed = self._workspace.find(call.function, timeout=0)
        while len(self._cache) >= _MAX_CACHED:
            self._cache.pop(next(iter(self._cache)))
        self._cache[call.function] = packed
        return packed
