"""One call under way: elements go to the team, within bounds, and values come back."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from nws.errors import SleighTaskException
from nws.sleigh.master.call_report import CallReport, Counts
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.team import Team
from nws.sleigh.master.values import value_of
from nws.sleigh.shared.messages import Call, Results, Task
from nws.sleigh.shared.pickling import PLAIN

__all__ = ["WATCH", "AnyTeam", "Run", "State", "Values"]

AnyTeam = Team | SerialTeam

WATCH: Final = 0.25
"""Seconds between looks at the workers."""

_AT_ONCE: Final = 16
"""Tasks. So many are sent in one message at most; the first ones in smaller messages, so that
workers can begin."""

_MUCH: Final = 16 * 1024 * 1024
"""Bytes. Tasks that have so much are sent before more are packed."""


class Values(NamedTuple):
    """What came back, at the same places in two lists."""

    values: list[Any]
    """A SleighTaskException object for an element that failed."""
    tags: list[int]
    """Which elements these are."""


class State:
    """What is to be known of a run, also when the run itself is not referred to any more.

    Attributes:
        number: of the call.
        over: all values have come back, or it was cancelled.
        cancelled: it was.
        report: for people.
    """

    def __init__(self, number: int, report: CallReport) -> None:
        self.number = number
        self.over = self.cancelled = False
        self.report = report


class Run:
    """A call under way.

    Attributes:
        arrived: how many values have come back.
        failed: how many of them stand for elements that failed.
        state: whether it is over.
    """

    def __init__(
        self,
        team: AnyTeam,
        call: Call,
        chunks: Chunks,
        look_after: Callable[[Run], Values | None],
        report: CallReport,
        *,
        bound: int | None = None,
        tasks: int | None = None,
    ) -> None:
        """Prepare; `submit` begins.

        Args:
            team: does the tasks.
            call: what all tasks share.
            chunks: the elements.
            look_after: called now and then; raises when there is no hope, or returns values for
                elements for which there is none.
            report: of the call.
            bound: so many elements are outstanding at most; None for any number.
            tasks: so many tasks are outstanding at most.
        """
        self.arrived = self.failed = 0
        self.state = State(call.number, report)
        self._team = team
        self._call = call
        self._chunks = chunks
        self._look_after = look_after
        self._bound = bound
        self._tasks = tasks
        self._at_once = 1
        self._flags = bytearray()  # for each element whether its value has come
        self._for_everyone: Task | None = None
        self._said: dict[int, int] = {}
        self._next_look = time.monotonic() + WATCH

    @property
    def over(self) -> bool:
        """Whether all values have come back, or it was cancelled."""
        return self.state.over

    @property
    def submitted(self) -> int:
        """How many elements were submitted."""
        return self._chunks.taken

    @property
    def exhausted(self) -> bool:
        """Whether all elements were submitted."""
        return self._chunks.exhausted

    @property
    def problem(self) -> Exception | None:
        """Why there are no more elements than were submitted, if that is an error."""
        return self._chunks.problem

    def submit(self) -> None:
        """Submit as many elements as the bounds let.

        Raises:
            Exception: the `problem`.
        """
        self.submit_what_there_is()
        if self.problem is not None:
            raise self.problem

    def submit_what_there_is(self, unread: int = 0) -> None:
        """Submit elements up to a `problem`, when ``unread`` values wait for the user."""
        tasks: list[Task] = []
        weight = 0
        while not self._chunks.exhausted:
            most = self._room(unread)
            if most is not None and most <= 0:
                break
            first, elements = self._chunks.next(most)
            if elements:
                tasks.append(Task(self._call, first, elements))
                weight += self._chunks.weight
            if len(tasks) >= self._at_once or weight >= _MUCH:
                self._team.submit(tasks)
                self._at_once = min(_AT_ONCE, 2 * self._at_once)
                tasks, weight = [], 0
        if tasks:
            self._team.submit(tasks)
        self._check_over()

    def _room(self, unread: int) -> int | None:
        outstanding = self.submitted - self.arrived
        if self._bound is not None:
            return self._bound - outstanding - unread
        if self._tasks is not None:
            return self._tasks * self._chunks.size - outstanding
        return None

    def submit_for_everyone(self, count: int) -> None:
        """Submit the only element once for each of so many workers."""
        _, elements = self._chunks.next()
        if self.problem is not None:
            raise self.problem
        self._chunks.taken, self._chunks.exhausted = count, True
        self._for_everyone = Task(self._call, 0, elements)
        self._team.submit([self._for_everyone] * count)

    def collect(self, timeout: float) -> Iterator[Values]:
        """Return what has come back; wait for the first of it so many seconds at most."""
        only_one = self.exhausted and self.submitted - self.arrived == 1
        for results in self._team.receive(timeout, eager=only_one):
            values = self._accept(results)
            if values is not None:
                yield values
        self._check_over()
        if time.monotonic() >= self._next_look and not self.over:
            given_up = self._look_after(self)
            self._next_look = time.monotonic() + WATCH
            self.report()
            if given_up is not None:
                yield given_up

    def _check_over(self) -> None:
        if self.exhausted and self.arrived >= self.submitted and not self.over:
            self._end(cancelled=False)

    def _end(self, *, cancelled: bool) -> None:
        self.state.over, self.state.cancelled = True, cancelled
        if self.state.report.is_public:
            self.report()

    def report(self) -> None:
        """Tell people how far it has come."""
        self.state.report.tell(
            Counts(self.submitted, self.arrived, self.failed),
            all_submitted=self.exhausted,
            over=self.state.over,
            cancelled=self.state.cancelled,
        )

    def finish(self) -> None:
        """Wait a little for what workers have written."""
        self._team.await_lines(self._said)
        if self._call.everyone:
            self._team.open_barrier(self._call.number)

    def cancel(self) -> None:
        """Have done with it: workers stop what they do of it."""
        if not self.over:
            self._end(cancelled=True)
            self._team.cancel(self._call.number)

    def _accept(self, results: Results) -> Values | None:
        """Return the values in results that are news."""
        call, _, first, outcomes, seconds, (pid, said) = results
        if call != self._call.number:
            return None  # left over from a call that was cancelled
        if said:
            self._said[pid] = said
        flags, end = self._flags, first + len(outcomes)
        if len(flags) < end:
            flags.extend(bytes(end - len(flags)))
        places = range(first, end)
        if flags.find(1, first, end) >= 0 or None in outcomes:
            # Some were done twice, as happens when a worker is lost, or will be tried again.
            news = [
                (tag, outcome)
                for tag, outcome in zip(places, outcomes, strict=True)
                if outcome is not None and not flags[tag]
            ]
            tags = [tag for tag, _ in news]
            given: Sequence[Any] = [outcome for _, outcome in news]
        else:
            tags, given = list(places), outcomes
        for tag in tags:
            flags[tag] = 1
        self.arrived += len(tags)
        if self._for_everyone is not None and not tags:
            # A worker that took the place of one that had done its part has used up another's.
            self._team.submit([self._for_everyone])
        self._chunks.learn(len(outcomes), seconds)
        return Values(self._values(tags, given), tags)

    def give_up_ranks(self, ranks: set[int], why: str) -> Values | None:
        """Let the elements of an `eachWorker` fail whose workers are gone for good."""
        if not self._call.everyone:
            return None
        self._flags.extend(bytes(max(0, self.submitted - len(self._flags))))
        lost = [tag for tag in sorted(ranks) if tag < self.submitted and not self._flags[tag]]
        for tag in lost:
            self._flags[tag] = 1
        self.arrived += len(lost)
        self.failed += len(lost)
        self._check_over()
        return Values([SleighTaskException(f"element {tag} failed: {why}") for tag in lost], lost)

    def _values(self, tags: Sequence[int], outcomes: Sequence[Any]) -> list[Any]:
        loads, failed = pickle.loads, self.failed
        try:
            return [
                outcome
                if (kind := type(outcome)) in PLAIN
                else loads(outcome)
                if kind is bytes
                else self._value(tag, outcome)
                for tag, outcome in zip(tags, outcomes, strict=True)
            ]
        except Exception:  # one of them cannot be read here; which one?
            self.failed = failed
            return [self._value(*each) for each in zip(tags, outcomes, strict=True)]

    def _value(self, tag: int, outcome: Any) -> Any:
        value = value_of(tag, outcome)
        self.failed += isinstance(value, SleighTaskException)
        return value
