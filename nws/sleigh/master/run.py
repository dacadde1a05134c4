"""One call under way: elements go to the team, within bounds, and values come back."""

from __future__ import annotations

import pickle
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from nws.errors import SleighTaskException
from nws.signal_exceptions import is_of_signal
from nws.sleigh.master.calls_report import CallState
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.engine import Engine
from nws.sleigh.master.mailbox import Mailbox
from nws.sleigh.master.values import exception_of, value_of
from nws.sleigh.master.window import Window
from nws.sleigh.shared.messages import (
    MAX_BATCH_BYTES,
    RESULT,
    Call,
    Failure,
    Results,
    Task,
    log_dropped,
)
from nws.sleigh.shared.pickling import PLAIN

__all__ = ["Run", "Values"]

_MAX_TASKS_IN_MESSAGE: Final = 16
"""The first messages of a call have fewer, so that workers can begin."""

_MAX_LINES_SECONDS: Final = 5.0
"""To wait for the next lines that workers have written before their results."""

_NEXT_LINES_SECONDS: Final = 0.05
"""Between looks for these while another thread receives."""


class Values(NamedTuple):
    """What came back, at the same places in two lists."""

    values: list[Any]
    """A SleighTaskException object for an element that failed."""
    elements: list[int]
    """Which elements these are."""


class Run:
    """A call under way.

    Attributes:
        state: how far it is.
    """

    def __init__(
        self,
        engine: Engine,
        mailbox: Mailbox,
        call: Call,
        chunks: Chunks,
        state: CallState,
        window: Window,
    ) -> None:
        """Prepare; `submit` begins.

        Args:
            engine: runs the call.
            mailbox: of the call.
            call: what all tasks share.
            chunks: the elements.
            state: of the call, for people.
            window: bounds what is outstanding.
        """
        self.state = state
        state.number = call.number
        self._engine = engine
        self._mailbox = mailbox
        self._call = call
        self._chunks = chunks
        self._window = window
        self._tasks_in_message = 1
        self._flags = bytearray()  # for each element whether its value has come
        self._for_everyone: Task | None = None
        self._places: dict[int, int] = {}  # of the elements, by the ranks of their workers
        self._has_lost_ranks = False
        self._said: dict[int, int] = {}
        if chunks.reader is not None:
            chunks.reader.on_news = mailbox.notify
            weakref.finalize(self, chunks.reader.close).atexit = False
        engine.report.add(state)

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

    # Submitting

    def submit(self) -> None:
        """Submit as many elements as the window lets.

        Raises:
            Exception: the `problem`.
        """
        self.submit_up_to_problem()
        if self.problem is not None:
            raise self.problem

    def submit_up_to_problem(self, unread: int = 0) -> None:
        """Submit elements up to a `problem`, while ``unread`` values wait for the user."""
        tasks: list[Task] = []
        weight = 0
        chunks = self._chunks
        while not chunks.exhausted:
            most = self._window.room(chunks.taken - self.state.arrived, unread, chunks)
            if most is not None and most <= 0:
                break
            first, elements = chunks.next(most)
            if not elements and not chunks.exhausted:
                break  # they are still being read
            if elements:
                tasks.append(Task(self._call, first, elements))
                weight += chunks.weight
                self._window.sent(len(elements), chunks.weight)
            if len(tasks) >= self._tasks_in_message or weight >= MAX_BATCH_BYTES:
                self._engine.team.submit(tasks)
                self._tasks_in_message = min(_MAX_TASKS_IN_MESSAGE, 2 * self._tasks_in_message)
                tasks, weight = [], 0
        if tasks:
            self._engine.team.submit(tasks)
        self.state.submitted, self.state.exhausted = chunks.taken, chunks.exhausted
        self._check_over()

    def submit_for_everyone(self, ranks: Sequence[int]) -> None:
        """Submit the only element once for each of these workers. Their results have the places
        that their ranks have in the list."""
        count = len(ranks)
        _, elements = self._chunks.next()
        if self.problem is not None:
            raise self.problem
        self._chunks.taken, self._chunks.exhausted = count, True
        self.state.submitted, self.state.exhausted = count, True
        self._places = {rank: place for place, rank in enumerate(ranks)}
        self._for_everyone = Task(self._call, 0, elements)
        self._engine.team.submit([self._for_everyone] * count)

    # Collecting

    def collect(self, timeout: float) -> Sequence[Values]:
        """Return what has come back; wait up to ``timeout`` seconds for the first of it, or for
        further elements if they are being read.

        Raises:
            SleighTaskException: a worker cannot read the function, and there is no result yet.
            Exception: no more will come, for another reason.
        """
        state, mailbox = self.state, self._mailbox
        only_one = state.exhausted and state.submitted - state.arrived == 1
        reader = self._chunks.reader
        alarm = reader.alarm if reader is not None and reader.is_busy else None
        received = self._engine.receive(mailbox, timeout, eager=only_one, alarm=alarm)
        collected = [each for each in map(self._accept, received) if each.elements]
        if mailbox.lost_ranks:
            lost, mailbox.lost_ranks = mailbox.lost_ranks, {}
            collected += self._give_up_ranks(lost)
        self._check_over()
        self._engine.look_around()
        return collected

    def _accept(self, results: Results) -> Values:
        """Return the values in results that are news."""
        _, _, first, outcomes, seconds, (pid, said) = results
        if self._for_everyone is not None:
            if first not in self._places and first < self._call.everyone:
                # It was not there when the call began, and has used up another's.
                self._engine.team.submit([self._for_everyone])
                return Values([], [])
            first = self._places.get(first, self._chunks.taken)
        if first + len(outcomes) > self._chunks.taken:
            log_dropped(RESULT, results)
            return Values([], [])
        if said:
            self._said[pid] = said
        flags, end = self._flags, first + len(outcomes)
        if len(flags) < end:
            flags.extend(bytes(end - len(flags)))
        elements = range(first, end)
        if flags.find(1, first, end) >= 0 or None in outcomes:
            # Some were done twice, as happens when a worker is lost, or will be tried again.
            news = [
                (element, outcome)
                for element, outcome in zip(elements, outcomes, strict=True)
                if outcome is not None and not flags[element]
            ]
            arrived = [element for element, _ in news]
            given: Sequence[Any] = [outcome for _, outcome in news]
            for element in arrived:
                flags[element] = 1
        else:
            arrived, given = list(elements), outcomes
            flags[first:end] = b"\1" * len(outcomes)
        if not self.state.arrived and given:
            self._check_function(given[0])
        self.state.arrived += len(arrived)
        if self._for_everyone is not None and not arrived:
            # A worker that took the place of one that had done its part has used up another's.
            self._engine.team.submit([self._for_everyone])
        self._chunks.learn(len(outcomes), seconds)
        self._window.learn(seconds, outcomes)
        return Values(self._values(arrived, given), arrived)

    def _check_function(self, first: Any) -> None:
        """Raise the exception of the first outcome if no element of the call can be run."""
        if isinstance(first, Failure) and first.of_call:
            self.state.failed += 1
            raise exception_of(first, first.text)

    def _give_up_ranks(self, ranks: Mapping[int, str]) -> Iterator[Values]:
        """Let the elements of an `eachWorker` fail whose workers are gone for good."""
        self._flags.extend(bytes(max(0, self.submitted - len(self._flags))))
        places = {self._places[rank]: rank for rank in sorted(ranks.keys() & self._places.keys())}
        lost = [place for place in places if not self._flags[place]]
        for place in lost:
            self._flags[place] = 1
        self._has_lost_ranks = self._has_lost_ranks or bool(lost)
        self.state.arrived += len(lost)
        self.state.failed += len(lost)
        if lost:
            yield Values(
                [
                    SleighTaskException(f"element {each} failed: {ranks[places[each]]}")
                    for each in lost
                ],
                lost,
            )

    def _values(self, elements: Sequence[int], outcomes: Sequence[Any]) -> list[Any]:
        if {*map(type, outcomes)} <= PLAIN:
            return list(outcomes)
        loads, failed = pickle.loads, self.state.failed
        try:
            return [
                outcome
                if (kind := type(outcome)) in PLAIN
                else loads(outcome)
                if kind is bytes
                else self._value(element, outcome)
                for element, outcome in zip(elements, outcomes, strict=True)
            ]
        except BaseException as error:
            if is_of_signal(error):
                raise  # such as the user's Ctrl-C
            self.state.failed = failed  # one of them cannot be read here; which one?
            return [self._value(*each) for each in zip(elements, outcomes, strict=True)]

    def _value(self, element: int, outcome: Any) -> Any:
        value = value_of(element, outcome)
        self.state.failed += isinstance(value, SleighTaskException)
        return value

    def publish(self) -> None:
        """Tell people how far it is."""
        self._engine.report.publish()

    # The end

    def _check_over(self) -> None:
        state = self.state
        if state.exhausted and state.arrived >= state.submitted and not state.over:
            self._engine.report.end(state, cancelled=False)
            if self._call.everyone:
                self._engine.team.open_barrier(self._call.number)
            if self._has_lost_ranks:  # nobody has taken their tasks, and nobody is to
                self._engine.cancel([self._call.number])
            else:
                self._engine.end(self._call.number)

    def await_lines(self) -> None:
        """Wait for lines that workers wrote before their results, as long as they come."""
        team = self._engine.team
        missing = team.missing_lines(self._said)
        deadline = time.monotonic() + _MAX_LINES_SECONDS
        while missing:
            left = deadline - time.monotonic()
            if left <= 0 or self._mailbox.error is not None:
                break
            self._mailbox.results.clear()  # done twice
            self._engine.wait(self._mailbox, min(left, _NEXT_LINES_SECONDS))
            before, missing = missing, team.missing_lines(self._said)
            if missing < before:
                deadline = time.monotonic() + _MAX_LINES_SECONDS

    def cancel(self) -> None:
        """Withdraw it: workers stop what they do of it."""
        if self._chunks.reader is not None:
            self._chunks.reader.close()
        if not self.over:
            self._engine.report.end(self.state, cancelled=True)
        self._engine.cancel([self._call.number])
