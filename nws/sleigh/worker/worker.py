"""A worker: leases tasks, runs their elements, settles each task together with its results.

It is a fork of its supervisor, which sees in the status cells what the worker does, keeps the
worker's session alive when the worker dies, and renews its leases. See ``supervisor.py``.

Theory of operation
-------------------
Tasks may be long or short, and nobody knows beforehand. So a worker takes one at first, and more at
a time as long as they turn out to be short. A task that takes longer than expected is cut: what was
not begun goes back, in pieces of the right size, for others to take. A thread does the same when
the main thread is busy with a long element and cannot do it by itself. What waits in this process
is in deques, from which each thing is taken in one step, by one of the two threads only.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

from nws.client import Lease, NetWorkSpace
from nws.errors import (
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
)
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.messages import (
    BARRIER,
    DEATHS,
    MAX_BATCH_BYTES,
    NO_ELEMENT,
    RESULT,
    TASK,
    Call,
    Death,
    Failure,
    Results,
    Task,
    cut_at,
    message_to_wire,
    task_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import OutputWriter
from nws.sleigh.shared.pickling import Packed, packed_again, size_of, unpack
from nws.sleigh.shared.spans import Spans
from nws.sleigh.shared.status_cells import (
    ELEMENT,
    IDLE,
    LOADING,
    RUNNING,
    SINCE,
    STATE,
    WAITING,
    StatusCells,
)
from nws.sleigh.worker.crash_policy import verdict_on
from nws.sleigh.worker.failure_report import FailureReport
from nws.sleigh.worker.handback import Handback
from nws.sleigh.worker.runner import Runner, failure

__all__ = ["Worker"]

_SLICE: Final = 0.1
"""Seconds. What was not begun for so long is given to others, in pieces for half of that."""

_BATCH: Final = 0.02
"""Seconds. So much work a worker takes at once."""

_MOST: Final = 64
"""Tasks. No more are taken at once."""

_CACHED: Final = 8
"""Functions that are kept for later calls."""

Stores = list[tuple[str, Any]]


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
        """
        self._workspace = workspace
        self._cells = cells
        self._rank = rank
        self._runner = runner
        self._writer = writer
        self._lease_time = lease_time
        self._replaces = replaces
        self._spans = Spans(cells)
        self._failures = FailureReport(workspace, rank)
        self._appetite = 1
        self._functions: dict[str, Packed] = {}
        self._ready_for: tuple[object, ...] | None = None  # what the runner was prepared for
        self._ready_call = 0  # the only call that may use it, if it has fixed arguments; else 0
        self._spare: deque[Lease] = deque()  # tasks that were not begun
        self._finished: deque[tuple[Lease, Stores]] = deque()  # not settled yet
        self._weight = 0  # of large results in these, about
        # Of the task at hand:
        self._task: Task | None = None
        self._todo: deque[Packed] = deque()  # elements that were not begun
        self._outcomes: list[Packed | Failure | None] = []  # not sent yet
        self._begin = self._end = 0  # the elements that are ours: see the status cells
        self._begun = 0
        self._turn = threading.RLock()  # for who changes what the task at hand is
        self._handback = Handback(self._has_waiting, self._relieve, _SLICE / 2)

    def work(self) -> None:
        """Do tasks until the workspace is deleted.

        Raises:
            NwsException: it was, or the server is gone.
        """
        self._handback.start()
        self._wait_for_the_others()
        while True:
            leases = self._workspace.lease_many(TASK, self._appetite, duration=self._lease_time)
            begun, done = time.monotonic(), 0
            self._spare.extend(leases)
            if len(leases) > 1:
                self._handback.wanted.set()
            for lease in _taken_from(self._spare):
                self._do(lease, task_from_wire(lease.value))
                done += 1
            self._settle()
            self._cells.limit = 0  # nothing to be looked at until the next task
            pace = (time.monotonic() - begun) / max(done, 1)
            self._appetite = max(1, min(_MOST, 2 * self._appetite, int(_BATCH / pace)))

    # A task

    def _do(self, lease: Lease, task: Task) -> None:
        """Do a task, or what is left of it."""
        call, cells = task.call, self._cells
        if cells.is_dropped(call.number):
            self._finished.append((lease, []))
            return
        cells.begin_task(call.number, lease.id, task.first, len(task.elements))
        self._limit(call.timeout)
        if call.everyone:
            self._do_for_everyone(lease, task)
        elif lease.attempt > 1 or task.lost:
            self._do_again(lease, task)
        else:
            self._run(lease, task)

    def _limit(self, seconds: float) -> None:
        """Let an element take so many seconds at most; 0 for any time."""
        former = self._cells.limit
        self._cells.limit = int(seconds * 1e9)
        if seconds and not former:
            os.kill(os.getppid(), signal.SIGCHLD)  # wakes the supervisor, to keep an eye on us

    def _run(self, lease: Lease, task: Task) -> None:
        """Run the elements of a task."""
        begin, end = task.first, task.first + len(task.elements)
        self._cells.keep(begin, end)
        problem = self._prepare(task.call)
        self._runner.failed = problem is not None
        # They are sent again if an element is tried again or the server refuses all the results.
        self._runner.keeps_arguments = task.call.retries > 0 or len(task.elements) > 1
        with self._turn:
            self._task, self._begin, self._end = task, begin, end
            self._outcomes = []
            self._begun = self._cells.since = time.monotonic_ns()
            if problem is None:
                self._todo.extend(task.elements)
            else:
                self._outcomes += [problem] * len(task.elements)
        if len(task.elements) > 1:
            self._handback.wanted.set()
        while self._todo:
            self._run_elements()
            self._turn.acquire()  # the other thread may be about to put back what it took
            self._turn.release()
        self._writer.finish_line()
        with self._turn:
            self._weight += sum(size_of(each) for each in self._outcomes if type(each) is tuple)
            self._finished.append((lease, self._stores(len(self._outcomes))))
            size = self._begin + len(self._outcomes) - begin
            self._task, self._outcomes = None, []
        now = time.monotonic_ns()
        self._spans.add(task.call.number, begin, size, self._begun, now)
        if now - self._begun > _BATCH * 1e9 or self._weight > MAX_BATCH_BYTES:
            self._settle()

    def _run_elements(self) -> None:
        """Run one element after the other as long as some wait."""
        numbers, todo, outcomes = self._cells.numbers, self._todo, self._outcomes
        run, now = self._runner.run, time.monotonic_ns
        with self._turn:
            element = self._begin + len(outcomes)
        cut_at = self._begun + int(_SLICE * 1e9)
        while True:
            try:
                packed = todo.popleft()
            except IndexError:
                break
            numbers[ELEMENT] = element  # as `StatusCells.begin_element` does
            numbers[SINCE] = since = now()
            numbers[STATE] = RUNNING
            if since > cut_at and todo:
                self._cut()
            outcomes.append(run(element, packed))
            element += 1
        numbers[STATE] = IDLE

    def _stores(self, count: int) -> Stores:
        """Return the first outcomes as what is to be stored; they are sent then, or tried again."""
        task, outcomes = self._task, self._outcomes[:count]
        assert task is not None
        stores: Stores = []
        if self._runner.failed:
            for place, outcome in enumerate(outcomes):
                if isinstance(outcome, Failure):
                    once_more = self._once_more(task, self._begin + place, outcome)
                    if once_more is not None:
                        outcomes[place] = None
                        stores.append((TASK, task_to_wire(once_more)))
        seconds = (time.monotonic_ns() - self._begun) / 1e9
        lines = self._writer.lines
        results = Results(task.call.number, self._rank, self._begin, outcomes, seconds, lines)
        stores.append((RESULT, message_to_wire(results)))
        return stores

    def _once_more(self, task: Task, element: int, failed: Failure) -> Task | None:
        """Note that an element has failed; return it as a task if it is to be tried again."""
        attempt = task.failures + 1 if task.failures < task.call.retries else 0
        self._failures.note(task.call.number, element, failed, attempt)
        if not attempt:
            return None
        arguments = packed_again(task.elements[element - task.first])
        return Task(task.call, element, [arguments], attempt)

    # Cutting a task

    def _relieve(self) -> None:
        """Called by the other thread: if this element is a long one, give away what waits."""
        if time.monotonic_ns() - self._cells.since > _SLICE * 1e9:
            self._settle()
            with self._turn:
                self._return_spare()
                self._cut()

    def _has_waiting(self) -> bool:
        """Whether anything waits that others could have."""
        return bool(self._todo or self._spare or self._finished or self._outcomes)

    def _cut(self) -> None:
        """Send what is done of the task at hand, and give away what was not begun."""
        with self._turn:
            task, count = self._task, len(self._outcomes)
            rest = list(_taken_from_the_end(self._todo))
            if task is None or not (rest or count):
                return
            if self._cells.is_dropped(task.call.number):
                return  # nobody wants the rest
            done = self._begin - task.first + count
            pace = (time.monotonic_ns() - self._begun) / 1e9 / (done + 1)
            end = self._end - len(rest)
            stores = [(TASK, task_to_wire(piece)) for piece in _pieces(task, end, rest, pace)]
            if count:
                stores += self._stores(count)
            try:
                self._workspace.settle([], [*stores, *self._failures.news()])
            except NwsOperationException:
                self._todo.extend(rest)  # the server does not take it: then all is done here
                return
            # If this process dies before the cells say so, all of that is done again. Who sees that
            # nothing waits any more may rely on the cells.
            self._cells.keep(self._begin + count, end)
            self._begin, self._end = self._begin + count, end
            del self._outcomes[:count]

    def _return_spare(self) -> None:
        spare = list(_taken_from_the_end(self._spare))
        if spare:
            try:
                self._workspace.release(spare, blame=False)
            except NwsLeaseLostException:
                pass  # they went back by themselves

    # Settling

    def _settle(self) -> None:
        """Settle all tasks that are finished."""
        self._weight = 0
        finished = list(_taken_from(self._finished))
        if not finished:
            return
        stores = [store for _, each in finished for store in each]
        stores += self._failures.news()
        try:
            self._workspace.settle([lease for lease, _ in finished], stores)
        except NwsOperationException:
            for lease, each in finished:
                self._settle_one(lease, each)

    def _settle_one(self, lease: Lease, stores: Stores) -> None:
        try:
            lease.settle(stores)
        except NwsLeaseLostException:
            pass  # it was too late: another worker has the task
        except NwsNoWorkSpaceException:
            raise
        except NwsOperationException as error:  # the results are too long, say
            self._settle_refused(lease, task_from_wire(lease.value), error)

    def _settle_refused(self, lease: Lease, task: Task, error: NwsOperationException) -> None:
        """The server does not take the results: do the elements one by one, or report that."""
        if len(task.elements) > 1:
            end = task.first + len(task.elements)
            lease.settle(
                (TASK, task_to_wire(piece)) for piece in cut_at(task, range(task.first + 1, end))
            )
            return
        refused = failure(error, "the server does not take the result\n")
        element = self._rank if task.call.everyone else task.first
        results = Results(task.call.number, self._rank, element, [refused], 0.0, self._writer.lines)
        stores: Stores = [(RESULT, message_to_wire(results))]
        self._failures.note(task.call.number, element, refused)
        try:
            lease.settle(stores + self._failures.news())
        except NwsOperationException:
            lease.settle(stores)

    # Deaths

    def _do_again(self, lease: Lease, task: Task) -> None:
        """Do a task that came back because a worker died, or a whole machine was lost."""
        noted = self._deaths(task.call)
        name = task.first, len(task.elements)
        deaths = [death for death in noted if (death.first, death.size) == name]
        lost = max(0, task.lost + lease.attempt - 1 - len(deaths))
        begin = max((death.begin for death in deaths), default=task.first)
        end = min((death.end for death in deaths), default=task.first + len(task.elements))
        left = task._replace(
            first=begin,
            elements=task.elements[begin - task.first : end - task.first],
            lost=lost,
        )
        suspects = [death.element for death in deaths if death.element != NO_ELEMENT]
        if end - begin == 1:
            verdict = verdict_on(begin, noted, task.call, lost)
            if verdict is not None:
                self._finished.append((lease, [self._giving_up(task.call, begin, verdict)]))
                return
        elif suspects or lost > task.lost:
            middle = suspects[-1] if suspects else (begin + end) // 2
            pieces = cut_at(left, [middle, middle + 1] if suspects else [middle])
            self._finished.append((lease, [self._store_of(piece, noted) for piece in pieces]))
            return
        self._run(lease, left)

    def _deaths(self, call: Call) -> list[Death]:
        """Return what supervisors have noted about workers that died at this call."""
        deaths = (Death(*noted) for noted in self._workspace.ifindTry(DEATHS))
        return [death for death in deaths if death.call == call.number]

    def _verdict_on(self, call: Call, element: int, returned: int = 0) -> Failure | None:
        """Tell whether to give up without a try, when the task has come back so often. The first
        worker of a rank has not seen deaths."""
        if not self._replaces:
            return None
        deaths = self._deaths(call)
        return verdict_on(element, deaths, call, max(0, returned - len(deaths)))

    def _store_of(self, piece: Task, noted: Sequence[Death]) -> tuple[str, Any]:
        """Return what gives a piece of a task to others, or gives it up if it is one element."""
        if len(piece.elements) == 1:
            verdict = verdict_on(piece.first, noted, piece.call)
            if verdict is not None:
                return self._giving_up(piece.call, piece.first, verdict)
        return TASK, task_to_wire(piece)

    def _giving_up(self, call: Call, element: int, verdict: Failure) -> tuple[str, Any]:
        self._failures.note(call.number, element, verdict)
        return RESULT, message_to_wire(Results(call.number, self._rank, element, [verdict], 0.0))

    # A task for each worker

    def _do_for_everyone(self, lease: Lease, task: Task) -> None:
        """Do a task of which there is one for each worker, and wait until all have done theirs."""
        self._return_spare()
        cells, call, rank, begun = self._cells, task.call, self._rank, time.monotonic_ns()
        verdict = self._verdict_on(call, rank, lease.attempt - 1)
        outcome = verdict or self._prepare(call) or self._run_own_part(task)
        if isinstance(outcome, Failure):
            self._failures.note(call.number, rank, outcome)
        cells.barrier = call.number
        cells.state = IDLE
        self._spans.add(call.number, rank, 1, begun, time.monotonic_ns())
        results = Results(call.number, rank, rank, [outcome], 0.0, self._writer.lines)
        self._finished.append((lease, [(RESULT, message_to_wire(results))]))
        self._settle()
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
        cells.state = WAITING
        for over in self._workspace.ifind(BARRIER):
            if type(over) is int and over >= number:  # others may store anything there
                cells.barrier = 0
                cells.state = IDLE
                return
        raise NwsNoWorkSpaceException("the sleigh's workspace is gone")

    # Functions

    def _prepare(self, call: Call) -> Failure | None:
        """Get the function of a call ready, unless it is. Return why it cannot be had."""
        wanted = call.function, call.seed, call.worker_count
        if wanted == self._ready_for and self._ready_call in (0, call.number):
            return None
        self._ready_for = None
        cells = self._cells
        cells.element, cells.since = NO_ELEMENT, time.monotonic_ns()
        try:
            packed = self._functions.get(call.function) or self._fetch(call)
            verdict = self._verdict_on(call, NO_ELEMENT)
            if verdict is not None:
                return verdict
            cells.state = LOADING
            function = Function(*unpack(packed, again=True))
            self._runner.prepare(function, call)
        except NwsTimeoutException:
            return Failure("the function of this call is not on the server any more\n")
        except NwsException:
            raise
        except BaseException as error:
            return failure(error, "the function or fixedArgs cannot be read by the worker\n")
        finally:
            cells.state = IDLE
        self._ready_for = wanted
        # A call may change its fixed arguments; the next one starts from those that were sent.
        self._ready_call = call.number if function.fixed or function.keywords else 0
        return None

    def _fetch(self, call: Call) -> Packed:
        packed: Packed = self._workspace.find(call.function, timeout=0)
        while len(self._functions) >= _CACHED:
            self._functions.pop(next(iter(self._functions)))
        self._functions[call.function] = packed
        return packed


def _taken_from(waiting: deque[Any]) -> Iterator[Any]:
    """Take one after the other, whoever else does so."""
    while True:
        try:
            taken = waiting.popleft()
        except IndexError:
            return
        yield taken


def _taken_from_the_end(waiting: deque[Any]) -> Sequence[Any]:
    """Take all that nobody else takes from the front meanwhile."""
    taken: deque[Any] = deque()
    while True:
        try:
            taken.appendleft(waiting.pop())
        except IndexError:
            return taken


def _pieces(task: Task, first: int, rest: Sequence[Packed], pace: float) -> Iterator[Task]:
    """Cut elements into tasks that take half a slice each."""
    size = max(1, int(_SLICE / 2 / pace))
    for begin in range(0, len(rest), size):
        elements = [packed_again(element) for element in rest[begin : begin + size]]
        yield Task(task.call, first + begin, elements, task.failures)
