"""Submitted calls that wait at the master until the workers have room for them: `CallQueue`.

So several queues over one sleigh share its workers, however many calls each of them holds. The
server knows whether a call that was sent runs: unless a worker has leased its task it waits, and
can be withdrawn for sure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from nws.errors import NwsException
from nws.sleigh.master.engine import AnyTeam, Engine
from nws.sleigh.master.occupancy import Occupancy
from nws.sleigh.master.options import CallOptions
from nws.sleigh.master.submission import SleighFuture, Submission
from nws.sleigh.master.submissions import Submissions
from nws.sleigh.master.unsent_calls import MAX_TASKS_IN_MESSAGE, UnsentCall
from nws.sleigh.shared.messages import MAX_BATCH_BYTES, Task
from nws.sleigh.shared.pickling import size_of

__all__ = ["CallQueue", "QueuedFuture"]

_WINDOW_SECONDS: Final = 0.2
"""Of work for all workers, which is with them at a time."""

_MAX_CALLS_PER_WORKER: Final = 4096
_MAX_WINDOW_BYTES: Final = 32 * 1024 * 1024
"""Of arguments."""

_MAX_GROWTH_FACTOR: Final = 4
"""By which the number of calls that are with the workers grows at most between two messages."""

_WEIGHT_OF_LAST: Final = 0.2
"""Of the last call, in the mean of what calls take."""

_MAX_WITHDRAWN: Final = 1000
"""Calls in one request."""


class QueuedFuture(SleighFuture):
    """The future of a call in a `CallQueue`: as `concurrent.futures` has it, it is running from the
    moment on when a worker has taken the call, and can be cancelled until then."""

    def running(self) -> bool:
        call = self._call
        return not self.done() and call is not None and call.runs()

    def cancel(self) -> bool:
        """Withdraw the call unless a worker has taken it; or stop it, where that was asked for."""
        call = self._call
        if call is not None and call.withdraw():
            self.note_withdrawn()
        return self.cancelled()

    def note_withdrawn(self) -> None:
        """Become cancelled: the call is with nobody any more."""
        self._call = None
        Future.cancel(self)
        self.set_running_or_notify_cancel()


class CallQueue(Submissions):
    """Submitted calls. As many are with the workers as there are workers, or as these do in 0.2
    seconds; the others wait here."""

    def __init__(
        self,
        engine: Engine,
        occupancy: Occupancy,
        explain: Callable[[Exception], Exception],
        options: CallOptions,
        *,
        stops_running: bool,
    ) -> None:
        """Prepare.

        Args:
            engine: runs the calls.
            occupancy: of the sleigh.
            explain: turns an exception of the sleigh, for which calls end, into what their futures
                to have.
            options: of all calls.
            stops_running: to cancel a call that runs stops it.
        """
        super().__init__(engine, lambda error: explain(occupancy.explained(error)), options)
        self._scope = occupancy.scope()
        self._stops_running = stops_running
        self._window = _CallWindow(engine.team)
        self._places: dict[int, int] = {}  # the indexes of tasks on the server, by call
        self._idle = threading.Event()
        self._is_setting = False

    def submit(
        self,
        fun: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        make_future: Callable[[Submission], SleighFuture] = QueuedFuture,
    ) -> SleighFuture:
        """Submit a call; see `Submissions.submit`.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighNwsException: the server is gone.
        """
        with self._scope:
            return super().submit(fun, args, kwargs, make_future)

    # What is sent

    def _has_room(self) -> bool:
        return self._window.room > 0

    def _next_message_of(self, unsent: Sequence[UnsentCall]) -> tuple[list[UnsentCall], list[Task]]:
        batch: list[UnsentCall] = []
        tasks: list[Task] = []
        weight = 0
        window = self._window
        with self._lock:
            window.adjust()
            for index in range(min(len(unsent), MAX_TASKS_IN_MESSAGE)):
                submission, task = each = unsent[index]
                if submission.number in self._outstanding:
                    if not submission.sent:
                        if window.room <= 0:
                            break
                        window.room -= 1
                        submission.sent = True
                    tasks.append(task)
                    weight += size_of(task.elements[0])
                batch.append(each)
                if weight >= MAX_BATCH_BYTES:
                    break
            window.learn_size(weight, len(tasks))
        return batch, tasks

    def _give(self, tasks: Sequence[Task]) -> None:
        self._engine.team.submit(tasks, self._note_places)

    def _note_places(self, tasks: Sequence[Task], indexes: Sequence[int]) -> None:
        places = self._places
        for task, index in zip(tasks, indexes, strict=True):
            number = task.call.number
            places[number] = index
            if number not in self._outstanding:
                places.pop(number, None)

    def _remove(self, submission: Submission, *, is_failure: bool | None = None) -> bool:
        with self._lock:
            removed = super()._remove(submission, is_failure=is_failure)
            if removed and submission.sent:
                self._places.pop(submission.number, None)
                self._window.room += 1
                if submission.future.rank >= 0:
                    self._window.learn_pace(submission.future.seconds)
            if not self._outstanding:
                self._idle.set()
            return removed

    def _linger(self) -> bool:
        self._send()  # what is left here was cancelled
        return super()._linger()

    # What is withdrawn

    def withdraw(self, submission: Submission) -> bool:
        """Withdraw a call that no worker has taken, or stop it where that was asked for. Tell
        whether that was done."""
        with self._lock:
            if not submission.sent:
                return super().withdraw(submission)
        if self._withdrawn([submission]):
            return True
        return self._stops_running and super().withdraw(submission)

    def cancel_waiting(self) -> None:
        """Cancel the calls that no worker has taken."""
        calls = list(self._outstanding.values())
        for submission in calls:
            if not submission.sent:
                submission.future.cancel()
        sent = [submission for submission in calls if submission.sent]
        for begin in range(0, len(sent), _MAX_WITHDRAWN):
            for submission in self._withdrawn(sent[begin : begin + _MAX_WITHDRAWN]):
                assert isinstance(submission.future, QueuedFuture)
                submission.future.note_withdrawn()

    def _withdrawn(self, calls: Sequence[Submission]) -> list[Submission]:
        """Withdraw calls that were sent. Return those that no worker had taken."""
        withdrawn: list[Submission] = []
        for submission in self._waiting(calls, keep=False):
            if self._remove(submission):
                self._engine.end(submission.number)
                withdrawn.append(submission)
        return withdrawn

    def _waiting(self, calls: Sequence[Submission], *, keep: bool) -> list[Submission]:
        """Return which calls that were sent no worker has taken; take them from the workers unless
        ``keep``."""
        places: dict[int, Submission] = {}

        def indexes() -> list[int]:
            for submission in calls:
                place = self._places.get(submission.number)
                if place is not None:
                    places[place] = submission
            return list(places)

        with suppress(NwsException), self._sending:  # without a server nothing can be withdrawn
            return [places[place] for place in self._engine.team.withdraw(indexes, keep=keep)]
        return []

    def runs(self, submission: Submission) -> bool:
        return submission.sent and not self._waiting([submission], keep=True)

    # The end

    def _set_futures(self) -> None:
        self._is_setting = True
        try:
            super()._set_futures()
        finally:
            self._is_setting = False
            if not self._outstanding:
                self._idle.set()

    def abort(self, error: Exception) -> None:
        """Stop the calls that were not cancelled; they fail with an error."""
        for submission in list(self._outstanding.values()):
            self.post(submission, error)

    def is_called_back(self) -> bool:
        """Tell whether this thread is the one that calls back."""
        return threading.current_thread() is self._thread

    def wait_until_idle(self) -> None:
        """Wait until all calls are over and their callbacks have run."""
        while self._outstanding or self._is_setting:
            self._idle.clear()
            if self._outstanding or self._is_setting:
                self._idle.wait()


class _CallWindow:
    """How many calls may be with the workers.

    Attributes:
        room: for how many more; less with each that is sent, and more with each that is over.
    """

    def __init__(self, team: AnyTeam) -> None:
        self._team = team
        self._calls = self.room = team.size
        self._mean_seconds = 0.0
        self._mean_bytes = 0.0

    def learn_pace(self, seconds: float) -> None:
        """Note how long a call has taken."""
        mean = self._mean_seconds or seconds  # of the first
        self._mean_seconds = mean + (seconds - mean) * _WEIGHT_OF_LAST

    def learn_size(self, weight: int, calls: int) -> None:
        """Note how many bytes some calls have together."""
        if calls:
            self._mean_bytes += (weight / calls - self._mean_bytes) * _WEIGHT_OF_LAST

    def adjust(self) -> None:
        """Change the number by what was learnt."""
        wanted = workers = self._team.size
        if self._mean_seconds:
            in_time = workers * _WINDOW_SECONDS / self._mean_seconds
            in_memory = _MAX_WINDOW_BYTES / max(1.0, self._mean_bytes)
            most = min(_MAX_CALLS_PER_WORKER * workers, _MAX_GROWTH_FACTOR * self._calls)
            wanted = max(wanted, int(min(in_time, in_memory, most)))
        self.room += wanted - self._calls
        self._calls = wanted
