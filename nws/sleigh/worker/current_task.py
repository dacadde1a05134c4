"""The task that a worker does: its elements, one after the other; and how a long task is cut."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from nws.client import Lease, NetWorkSpace
from nws.errors import NwsOperationException
from nws.sleigh.shared.messages import (
    RESULT,
    Failure,
    Results,
    Task,
    cancelled_results,
    message_to_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import OutputWriter
from nws.sleigh.shared.pickling import Packed, packed_again, size_of
from nws.sleigh.shared.spans import Spans
from nws.sleigh.shared.status_cells import ELEMENT, IDLE, RUNNING, SINCE, STATE, StatusCells
from nws.sleigh.worker.failure_report import FailureReport
from nws.sleigh.worker.runner import Runner
from nws.sleigh.worker.settler import Settler, Stores
from nws.sleigh.worker.taking import taken_from_the_end

__all__ = ["SLICE_SECONDS", "CurrentTask"]

SLICE_SECONDS: Final = 0.1
"""Elements that were not begun by then are given to others, in pieces that take half as long."""


class CurrentTask:
    """One task at a time. The handback thread may cut it while the main thread runs an element."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        cells: StatusCells,
        rank: int,
        runner: Runner,
        writer: OutputWriter,
        failures: FailureReport,
        spans: Spans,
        settler: Settler,
    ) -> None:
        """Prepare; there is no task yet. See `nws.sleigh.worker.worker.Worker`."""
        self._workspace = workspace
        self._cells = cells
        self._rank = rank
        self._runner = runner
        self._writer = writer
        self._failures = failures
        self._spans = spans
        self._settler = settler
        self._task: Task | None = None
        self._todo: deque[Packed] = deque()  # elements that were not begun
        self._outcomes: list[Packed | Failure | None] = []  # not sent yet
        self._begin = self._end = 0  # the elements that are ours, as in the status cells
        self._begun = 0
        self._lock = threading.RLock()  # for who changes what the task is

    @property
    def has_waiting(self) -> bool:
        """Whether there are elements that others could do, or results that could be sent."""
        return bool(self._todo or self._outcomes)

    def run(self, lease: Lease, task: Task, problem: Failure | None, wake: threading.Event) -> int:
        """Run the elements of a task, and hand it to the settler.

        Args:
            lease: of the task.
            task: or what is left of it.
            problem: why its elements cannot be run, if that is so.
            wake: is set when elements begin to wait.

        Returns:
            The nanoseconds that it took.
        """
        begin, end = task.first, task.first + len(task.elements)
        self._runner.failed = problem is not None
        # They are sent again if an element is tried again or the server refuses all the results.
        self._runner.keeps_arguments = task.call.retries > 0 or len(task.elements) > 1
        with self._lock:
            self._task, self._begin, self._end = task, begin, end
            self._outcomes = []
            self._begun = self._cells.numbers[SINCE] = time.monotonic_ns()
            if problem is None:
                self._todo.extend(task.elements)
            else:
                self._outcomes += [problem] * len(task.elements)
        if len(task.elements) > 1:
            wake.set()
        while self._todo:
            self._run_elements()
            self._lock.acquire()  # the other thread may be about to put back what it took
            self._lock.release()
        self._writer.finish_line()
        with self._lock:
            weight = 0
            if tuple in map(type, self._outcomes):
                weight = sum(size_of(each) for each in self._outcomes if type(each) is tuple)
            self._settler.add(lease, self._stores(len(self._outcomes)), weight)
            size = self._begin + len(self._outcomes) - begin
            self._task, self._outcomes = None, []
        now = time.monotonic_ns()
        self._spans.add(task.call.number, begin, size, self._begun, now)
        return now - self._begun

    def _run_elements(self) -> None:
        """Run one element after the other as long as some wait."""
        numbers, todo, outcomes = self._cells.numbers, self._todo, self._outcomes
        run, now = self._runner.run, time.monotonic_ns
        with self._lock:
            element = self._begin + len(outcomes)
        cut_at = self._begun + int(SLICE_SECONDS * 1e9)
        while todo:
            try:
                packed = todo.popleft()
            except IndexError:  # the other thread has taken it
                break
            numbers[ELEMENT] = element  # as `StatusCells.begin_element` does
            numbers[SINCE] = since = now()
            numbers[STATE] = RUNNING
            if since > cut_at and todo:
                self.cut()
            outcomes.append(run(element, packed))
            element += 1
        numbers[STATE] = IDLE

    def _stores(self, count: int) -> Stores:
        """Return what is stored for the first outcomes: results, or tasks to be tried again."""
        task, outcomes = self._task, self._outcomes[:count]
        assert task is not None
        stores: Stores = []
        if self._runner.failed:
            for place, outcome in enumerate(outcomes):
                if isinstance(outcome, Failure):
                    once_more = self._once_more(task, self._begin + place, outcome)
                    if once_more is not None:
                        outcomes[place] = None
                        stores.append((task.call.queue, task_to_wire(once_more)))
        seconds = (time.monotonic_ns() - self._begun) / 1e9
        lines = self._writer.lines
        results = Results(task.call.number, self._rank, self._begin, outcomes, seconds, lines)
        stores.append((RESULT, message_to_wire(results)))
        return stores

    def _once_more(self, task: Task, element: int, failed: Failure) -> Task | None:
        """Note that an element has failed; return it as a task if it is tried again."""
        attempt = task.failures + 1 if task.failures < task.call.retries else 0
        self._failures.note(task.call.number, element, failed, attempt)
        if not attempt:
            return None
        arguments = packed_again(task.elements[element - task.first])
        return Task(task.call, element, [arguments], attempt)

    def cut(self) -> None:
        """Send what is done of the task, and give away what was not begun; drop that if nobody
        wants it."""
        self._settler.end_fork()
        with self._lock:
            task, count = self._task, len(self._outcomes)
            rest = list(taken_from_the_end(self._todo))
            if task is None or not (rest or count):
                return
            if self._cells.is_dropped(task.call.number):
                self._drop(task, rest)
                return
            done = self._begin - task.first + count
            pace = (time.monotonic_ns() - self._begun) / 1e9 / (done + 1)
            end = self._end - len(rest)
            queue = task.call.queue
            stores = [(queue, task_to_wire(piece)) for piece in _pieces(task, end, rest, pace)]
            if count:
                stores += self._stores(count)
            try:
                self._workspace.settle([], [*stores, *self._failures.news()])
            except NwsOperationException:
                self._todo.extend(rest)  # the server refuses it: then all is done here
                return
            # If this process dies before the cells say so, all of that is done again. Who sees that
            # nothing waits any more may rely on the cells.
            self._cells.keep(self._begin + count, end)
            self._begin, self._end = self._begin + count, end
            del self._outcomes[:count]

    def _drop(self, task: Task, rest: Sequence[Packed]) -> None:
        """Say that elements which were not begun are dropped."""
        first = self._end - len(rest)
        dropped = cancelled_results(task.call.number, self._rank, first, len(rest))
        self._workspace.settle([], [(RESULT, message_to_wire(dropped))])
        self._end = first
        self._cells.keep(self._begin, first)


def _pieces(task: Task, first: int, rest: Sequence[Packed], pace: float) -> Iterator[Task]:
    """Cut elements into tasks that take half a slice each."""
    size = max(1, int(SLICE_SECONDS / 2 / pace))
    for begin in range(0, len(rest), size):
        elements = [packed_again(element) for element in rest[begin : begin + size]]
        yield Task(task.call, first + begin, elements, task.failures)
