"""A worker: leases tasks, does them, and settles each of them together with its results.

It is a fork of its supervisor, which sees in the status cells what the worker does, keeps the
worker's session alive when the worker dies, and renews its leases. See ``supervisor.py``.

Theory of operation
-------------------
Tasks may be long or short, and nobody knows beforehand. So a worker takes one at first, and more at
a time as long as they turn out to be short. These may belong to several calls; all that is counted
or limited is counted for each task by itself. A task that takes longer than expected is cut: what
was not begun goes back, in pieces of the right size, for others to take. A thread does the same
when the main thread is busy with a long element. What waits in this process is in deques, from
which each thing is taken in one step, by one of the two threads only.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from nws.client import Lease, NetWorkSpace
from nws.errors import (
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsTimeoutException,
    NwsUnpicklingException,
)
from nws.sleigh.shared.messages import (
    BARRIER,
    NO_CALL,
    RESULT,
    SUSPECTS,
    TASK,
    Call,
    Death,
    Failure,
    Results,
    Task,
    cancelled_results,
    log_dropped,
    message_to_wire,
    task_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import OutputWriter
from nws.sleigh.shared.pickling import Packed, packed_again
from nws.sleigh.shared.scattered import fetch_by
from nws.sleigh.shared.spans import Spans
from nws.sleigh.shared.status_cells import FAILED, IDLE, LIMIT, WAITING, StatusCells
from nws.sleigh.shared.surroundings import WorkerSurroundings
from nws.sleigh.worker.crash_policy import ALONE_AFTER, pieces_to_retry, verdict_on
from nws.sleigh.worker.current_task import SLICE_SECONDS, CurrentTask
from nws.sleigh.worker.data_source import DataSource
from nws.sleigh.worker.deaths import Deaths
from nws.sleigh.worker.failure_report import FailureReport
from nws.sleigh.worker.handback import Handback
from nws.sleigh.worker.initializer import Initializer, InitializerFailedError
from nws.sleigh.worker.leaving import Leaving
from nws.sleigh.worker.loader import Loader
from nws.sleigh.worker.runner import Runner
from nws.sleigh.worker.settler import Settler
from nws.sleigh.worker.taking import taken, taken_from_the_end
from nws.sleigh.worker.task_source import TaskSource

__all__ = ["OutdatedError", "Worker"]

_BATCH_SECONDS: Final = 0.02
"""Work that a worker takes at once."""

_MAX_LEASED_TASKS: Final = 64

_TURN_SECONDS: Final = 0.25
"""To wait until another worker has run a suspect, before other tasks are looked for."""


class OutdatedError(Exception):
    """This worker has imported a module that the master has reloaded since, has done the only task
    that it was for, or has lost what its output goes to."""


class Worker:
    """One worker of a sleigh."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        cells: StatusCells,
        rank: int,
        runner: Runner,
        writer: OutputWriter,
        lease_time: float,
        replaces: bool,
        group: str,
    ) -> None:
        """Prepare.

        Args:
            workspace: of the sleigh, on the session that the supervisor shares.
            cells: shared with the supervisor.
            rank: of this worker.
            runner: for the elements.
            writer: for what they write.
            lease_time: seconds for which a lease lasts; the supervisor renews it.
            replaces: another worker had this rank, and died.
            group: whose tasks it does first; empty for none.
        """
        self._workspace = workspace
        self._cells = cells
        self._rank = rank
        self._runner = runner
        self._writer = writer
        self._lease_time = lease_time
        self._leaving = Leaving(cells)
        self._spans = Spans(cells)
        self._deaths = Deaths(workspace, replaces=replaces)
        self._surroundings = WorkerSurroundings()
        self._initializer = Initializer(workspace, cells, runner, self._deaths)
        self._loader = Loader(workspace, cells, runner, self._deaths)
        self._failures = FailureReport(workspace, rank)
        self._settler = Settler(workspace, rank, writer, self._failures)
        self._source = TaskSource(
            *(workspace, self._settler, self._leaving, lease_time, group, self._look_at_descriptors)
        )
        self._current = CurrentTask(
            workspace, cells, rank, runner, writer, self._failures, self._spans, self._settler
        )
        fetch_by(DataSource(workspace).fetch)
        self._call: Call | None = None  # of the last task
        self._wanted = 1  # tasks that are leased at once
        self._has_done_others = False  # of those
        self._may_have_redirected = False
        self._has_lost_output = False
        self._spare: deque[Lease] = deque()  # tasks that were not begun
        self._handback = Handback(self._has_waiting, self._hand_back, SLICE_SECONDS / 2)

    def work(self, *, once: bool = False) -> None:
        """Do tasks until the workspace is deleted; or only one.

        Raises:
            NwsException: it was, or the server is gone.
            OutdatedError: another worker has to take the place of this one.
            InitializerFailedError: this worker can do no tasks; the master has been told why.
            LeaveError: this worker was told to leave.
        """
        self._handback.start()
        self._wait_for_the_others()
        while True:
            leases = self._source.next(self._wanted)
            self._spare.extend(leases)
            if self._has_lost_output:
                self._return_spare()
                raise OutdatedError
            begun, done = time.monotonic(), 0
            self._has_done_others = False
            if len(leases) > 1:
                self._handback.wake.set()
            for lease in taken(self._spare):
                task = task_from_wire(lease.value, self._call)
                if task is None:
                    log_dropped(TASK, lease.value)
                    self._settler.add(lease, [])
                else:
                    self._call = task.call
                    self._do(lease, task)
                done += 1
                self._has_done_others = True
            if once:
                self._settler.settle()
                raise OutdatedError
            self._cells.numbers[LIMIT] = 0  # the supervisor need not look until the next task
            pace = (time.monotonic() - begun) / max(done, 1)
            in_time = int(_BATCH_SECONDS / pace)
            self._wanted = max(1, min(_MAX_LEASED_TASKS, 2 * self._wanted, in_time))

    def _look_at_descriptors(self) -> None:
        """Keep what an `eachWorker` has made of them, and undo what other tasks have."""
        if self._may_have_redirected:
            self._writer.descriptors.keep()
            self._may_have_redirected = False
        elif not self._writer.restore_descriptors():
            self._has_lost_output = True

    # A task

    def _do(self, lease: Lease, task: Task) -> None:
        """Do a task, or what is left of it."""
        call, cells = task.call, self._cells
        if cells.is_dropped(call.number):
            first = self._rank if call.everyone else task.first
            dropped = cancelled_results(call.number, self._rank, first, len(task.elements))
            self._settler.add(lease, [(RESULT, message_to_wire(dropped))])
            return
        if call.everyone and self._rank >= call.everyone:
            self._stand_by(lease, call)
            return
        if call.reloaded and self._loader.modules.is_older(call.reloaded):
            self._leave(lease)
            raise OutdatedError
        if call.changes != self._surroundings.changes:
            self._surroundings.apply(call.changes)
        cells.begin_task(call.number, lease.id, task.first, len(task.elements))
        if call.timeout or cells.numbers[LIMIT]:
            self._limit(call.timeout)
        if call.initialized and not self._initializer.is_over:
            self._initialize(lease, task)
        if call.everyone:
            self._do_for_everyone(lease, task)
        elif lease.attempt > 1 or task.lost:
            self._do_again(lease, task)
        else:
            self._run(lease, task)

    def _leave(self, lease: Lease) -> None:
        """Give all tasks back: this worker cannot do them."""
        self._settler.settle()
        self._return_spare()
        self._workspace.release([lease], blame=False)

    def _initialize(self, lease: Lease, task: Task) -> None:
        """Run the initializer. If it fails, tell the master, which then ends all its calls."""
        self._cells.keep(task.first, task.first + len(task.elements))
        problem = self._initializer.run(task.call)
        self._writer.finish_line()
        self._writer.descriptors.keep()
        if problem is not None:
            failed = Results(NO_CALL, self._rank, 0, [problem], 0.0, self._writer.lines)
            self._workspace.settle([], [(RESULT, message_to_wire(failed))])
            self._cells.state = FAILED
            self._leave(lease)
            raise InitializerFailedError

    def _limit(self, seconds: float) -> None:
        """Limit the time of each element; 0 for any time."""
        former = self._cells.limit
        self._cells.limit = int(seconds * 1e9)
        if seconds and not former:
            os.kill(os.getppid(), signal.SIGCHLD)  # wakes the supervisor, so that it watches us

    def _run(self, lease: Lease, task: Task) -> None:
        self._cells.keep(task.first, task.first + len(task.elements))
        problem = self._loader.prepare(task.call)
        took = self._current.run(lease, task, problem, self._handback.wake)
        if took > _BATCH_SECONDS * 1e9 or self._settler.is_heavy:
            self._settler.settle()

    def _do_again(self, lease: Lease, task: Task) -> None:
        """Do a task that came back because a worker died, or a whole machine was lost."""
        self._cells.keep(task.first, task.first + len(task.elements))
        noted = self._deaths.of(task.call)
        pieces = pieces_to_retry(task, lease.attempt, noted)
        if len(pieces) > 1:
            self._settler.add(lease, [self._store_of(piece, noted) for piece in pieces])
            return
        (left,) = pieces
        if len(left.elements) == 1:
            verdict = verdict_on(left.first, noted, left.call, left.lost)
            if verdict is not None:
                self._settler.add(lease, [self._settler.outcome(left.call, left.first, verdict)])
                return
        if left.lost >= ALONE_AFTER:
            self._run_alone(lease, left)
        else:
            self._run(lease, left)

    def _run_alone(self, lease: Lease, task: Task) -> None:
        """Run a task that was lost so often that it is a suspect, or put it back as long as another
        worker runs such a one."""
        self._settler.settle()
        self._return_spare()
        try:
            turn = self._workspace.lease(SUSPECTS, timeout=0.0, duration=self._lease_time)
        except NwsTimeoutException:
            lease.settle([(task.call.queue, task_to_wire(task))])
            with suppress(NwsTimeoutException):
                self._workspace.find(SUSPECTS, timeout=_TURN_SECONDS)
            return
        self._run(lease, task)
        self._settler.settle()
        turn.release(blame=False)

    def _store_of(self, piece: Task, noted: Sequence[Death]) -> tuple[str, Any]:
        """Return what gives a piece of a task to others, or gives it up if it is one element."""
        if len(piece.elements) == 1:
            verdict = verdict_on(piece.first, noted, piece.call)
            if verdict is not None:
                return self._settler.outcome(piece.call, piece.first, verdict)
        return piece.call.queue, task_to_wire(piece)

    # What waits, while an element takes long

    def _has_waiting(self) -> bool:
        return bool(self._spare or not self._settler.is_empty or self._current.has_waiting)

    def _hand_back(self) -> None:
        """In the other thread: if this element is a long one, or the last one, give away what
        waits."""
        cells = self._cells
        if cells.leaves or time.monotonic_ns() - cells.since > SLICE_SECONDS * 1e9:
            self._settler.settle()
            self._return_spare()
            self._current.cut()

    def _return_spare(self) -> None:
        spare = taken_from_the_end(self._spare)
        if spare:
            try:
                self._workspace.release(spare, blame=False)
            except NwsLeaseLostException:
                pass  # they went back by themselves

    # A task for each worker

    def _do_for_everyone(self, lease: Lease, task: Task) -> None:
        """Do a task of which there is one for each worker, and wait until all have done theirs."""
        self._return_spare()
        cells, call, rank, begun = self._cells, task.call, self._rank, time.monotonic_ns()
        cells.keep(rank, rank + 1)
        verdict = self._deaths.verdict_before(call, rank, lease.attempt - 1)
        if self._has_done_others:
            self._look_at_descriptors()  # they may have changed them
        outcome = verdict or self._loader.prepare(call) or self._run_own_part(task)
        cells.barrier = call.number
        cells.state = IDLE
        self._spans.add(call.number, rank, 1, begun, time.monotonic_ns())
        self._settler.add(lease, [self._settler.outcome(call, rank, outcome)])
        self._settler.settle()
        self._may_have_redirected = True
        self._wait_for_the_others()

    def _stand_by(self, lease: Lease, call: Call) -> None:
        """Give a task back that is for a worker which was there before, and wait until all have
        done theirs."""
        self._return_spare()
        self._settler.settle()
        self._cells.barrier = call.number
        self._workspace.release([lease], blame=False)
        self._wait_for_the_others()

    def _run_own_part(self, task: Task) -> Packed | Failure:
        """Run what each worker runs. If it fails, it is tried again here: it is nobody else's."""
        failures = 0
        (arguments,) = task.elements
        self._runner.keeps_arguments = task.call.retries > 0
        while True:
            self._cells.begin_element(self._rank)
            outcome = self._runner.run(self._rank, packed_again(arguments))
            self._writer.finish_line()
            if not isinstance(outcome, Failure) or failures >= task.call.retries:
                return outcome
            failures += 1
            self._failures.note(task.call.number, self._rank, outcome, failures)

    def _wait_for_the_others(self) -> None:
        """Wait until the `eachWorker` of which our part is done is over."""
        cells, number = self._cells, self._cells.barrier
        if not number:
            return
        cells.state, cells.limit = WAITING, 0
        self._leaving.may_interrupt(partial(self._find_end, number))
        cells.barrier = 0
        cells.state = IDLE

    def _find_end(self, number: int) -> None:
        ends = self._workspace.ifind(BARRIER)
        over: Any = 0
        while type(over) is not int or over < number:  # others may store anything there
            try:
                over = ends.next()
            except NwsUnpicklingException:
                pass
            except StopIteration:
                raise NwsNoWorkSpaceException("the sleigh's workspace is gone") from None
