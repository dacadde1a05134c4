"""The sleigh's initializer, as a worker runs it: before its first task, and within the limits of
that task's call."""

from __future__ import annotations

import time

from nws.client import NetWorkSpace
from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.messages import IN_INITIALIZER, INITIALIZER, NO_ELEMENT, Call, Failure
from nws.sleigh.shared.pickling import unpack
from nws.sleigh.shared.status_cells import IDLE, INITIALIZING, StatusCells
from nws.sleigh.worker.deaths import Deaths
from nws.sleigh.worker.runner import Runner, failure

__all__ = ["Initializer", "InitializerFailedError"]


class InitializerFailedError(Exception):
    """The initializer has failed in this process, which cannot do tasks."""


class Initializer:
    """What a worker calls once.

    Attributes:
        is_over: it has run.
    """

    def __init__(
        self, workspace: NetWorkSpace, cells: StatusCells, runner: Runner, deaths: Deaths
    ) -> None:
        """Prepare for a worker: its status cells, its runner, and what is known of deaths."""
        self._workspace = workspace
        self._cells = cells
        self._runner = runner
        self._deaths = deaths
        self.is_over = False

    def run(self, call: Call) -> Failure | None:
        """Run it, now that a task of a call is there. Return why it has failed, if it has."""
        cells = self._cells
        cells.element, cells.since = NO_ELEMENT, time.monotonic_ns()
        self.is_over = True
        try:
            packed = self._workspace.findTry(INITIALIZER)
        except NwsUnpicklingException as error:
            return failure(error, "somebody has stored something else in place of it\n")
        if packed is None:
            return Failure("the initializer is not on the server any more\n")
        verdict = self._deaths.verdict_before(call, IN_INITIALIZER)
        if verdict is not None:
            return verdict
        cells.state = INITIALIZING
        try:
            try:
                function = Function(*unpack(packed))
            except BaseException as error:
                return failure(error, "the worker cannot read it, or initargs\n")
            return self._runner.initialize(function, call)
        finally:
            cells.state = IDLE
