"""Single calls that nobody need wait for: `nws.sleigh.Sleigh.submit`.

Each is a call of one element with a future. Submissions made in quick succession travel in one
message. A thread, which lives while there are any, sends them, receives their results, and sets
the futures; so callbacks run one at a time, on that thread.

Who submits a single call and waits for its result receives that itself, without a hand-over from
thread to thread. The thread sees that it was so with the last call, and leaves the next one to whom
waits for it: it is not woken, and looks every few milliseconds whether anybody does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from nws.errors import NwsException, SleighIllegalValueException, SleighTaskException
from nws.sleigh.master.alarm import Alarm
from nws.sleigh.master.calls_report import CallState
from nws.sleigh.master.engine import LOOK_SECONDS, Engine
from nws.sleigh.master.held_results import HeldResults
from nws.sleigh.master.options import NO_OPTIONS, CallOptions
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.submission import Awaited, SleighFuture, Submission, packed_arguments
from nws.sleigh.master.unsent_calls import MAX_TASKS_IN_MESSAGE, UnsentCall, UnsentCalls
from nws.sleigh.master.values import value_of
from nws.sleigh.shared.functions import APPLY, INVOKE, Function, check_function
from nws.sleigh.shared.messages import (
    MAX_BATCH_BYTES,
    RESULT,
    Results,
    Task,
    log_dropped,
)
from nws.sleigh.shared.pickling import size_of

__all__ = ["Submissions"]

_log = logging.getLogger("nws")

_LINGER_SECONDS: Final = 1.0
"""Without submissions, after which the thread ends."""

_LOOK_FOR_WAITER_SECONDS: Final = 0.005
"""Between looks whether anybody waits for a call that is left to whom does."""


class Submissions:
    """The submitted calls of a sleigh."""

    def __init__(
        self,
        engine: Engine,
        explain: Callable[[Exception], Exception],
        options: CallOptions = NO_OPTIONS,
    ) -> None:
        """Prepare.

        Args:
            engine: runs the calls.
            explain: turns an error of the engine into what the user is to see.
            options: of all these calls.
        """
        self._engine = engine
        self._options = options
        self._explain = explain
        self._immediate = isinstance(engine.team, SerialTeam)
        self._unsent = UnsentCalls()
        self._arrived: deque[tuple[Submission, Results | Exception]] = deque()
        self._held = HeldResults(engine.team)
        self._alarm = Alarm()
        self._awaited: Awaited | None = None
        self._waiter_alarm = Alarm()  # of that thread
        self._is_left_to_waiter = False  # so was the last call, and so is the next one
        self._sending = threading.RLock()
        self._behind = True  # something may have come that does not show at the socket
        self._lock = threading.RLock()  # for what follows
        self._outstanding: dict[int, Submission] = {}
        self._state: CallState | None = None
        self._thread: threading.Thread | None = None

    # Any thread

    def submit(
        self,
        fun: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        make_future: Callable[[Submission], SleighFuture] = SleighFuture,
    ) -> SleighFuture:
        """Submit a call; return its future.

        Raises:
            SleighIllegalValueException: the function or an argument cannot be pickled.
            NwsException: the server is gone.
        """
        if isinstance(fun, str):
            raise SleighIllegalValueException("submit() takes a function, not an expression")
        _, thing = check_function(fun, INVOKE)
        packed = packed_arguments(args, kwargs)
        submission = Submission(self, make_future)
        try:
            function = Function(APPLY if kwargs else INVOKE, thing, (), {}, None)
            call = self._engine.begin(submission, function, self._options)
            submission.future.number = call.number
            item = submission, Task(call, 0, [packed])
            with self._lock:
                self._count(submission, fun)
                self._unsent.items.append(item)
            self._see_to(item)
        except BaseException:
            if not self.withdraw(submission):  # nobody has its future
                self._engine.end(submission.number)
            self._alarm.ring()  # others may count on this one's having told the thread
            raise
        return submission.future

    def _see_to(self, item: UnsentCall) -> None:
        """Have sent what was submitted."""
        if self._immediate:
            self._do_at_once()
            return
        unsent = self._unsent
        is_alone = len(unsent.items) == len(self._outstanding)  # then it is no burst
        if (is_alone or unsent.is_message_due) and self._has_room():
            self._send()
        if self._thread is None:  # it ends only when it has seen that there is nothing to do
            self._ensure_thread()
        if is_alone != self._is_left_to_waiter:
            self.notify()
        elif not is_alone and unsent.is_first(item):
            # Only then: the thread receives, and takes turns with this one whenever it wakes.
            self._alarm.ring()

    def _count(self, submission: Submission, fun: Any) -> None:
        if self._state is None:
            self._state = CallState("submit", fun, None)
            self._state.number = submission.number
            self._engine.report.add(self._state)
        self._state.submitted += 1
        self._outstanding[submission.number] = submission

    def withdraw(self, submission: Submission) -> bool:
        """Cancel a call, unless its result has arrived. Tell whether it was cancelled."""
        if not self._remove(submission):
            return False
        if submission.sent:
            with suppress(NwsException):  # if the server is gone, so are the workers
                self._engine.cancel([submission.number])
        else:
            self._engine.end(submission.number)
        return True

    def runs(self, submission: Submission) -> bool:
        """Tell whether a worker has taken a call, as far as one knows."""
        return submission.sent

    def notify(self) -> None:
        """Wake the thread: it is to receive, since nobody else does."""
        if self._outstanding:
            self._is_left_to_waiter = False
        self._alarm.ring()

    def post(self, submission: Submission, outcome: Results | Exception) -> None:
        """Have the thread set a future, unless the one that waits for it does."""
        awaited = self._awaited
        if awaited and awaited.submission is submission and isinstance(outcome, Results):
            awaited.arrived.append(outcome)
        else:
            self._arrived.append((submission, outcome))
            thread = self._thread
            if thread is None or thread.ident != threading.get_ident():  # it looks by itself
                self._alarm.ring()

    def _do_at_once(self) -> None:
        self._send()
        self._engine.receive_for_all(0.0)
        self._set_futures()

    def _send(self) -> None:
        """Send what was submitted, by any thread. Ctrl-C may strike here and must not cost the
        tasks of others, so they are taken away after they were sent; it may send some twice."""
        with self._sending:
            unsent = self._unsent
            if unsent.items:
                unsent.note_message()
            while unsent.items:
                batch, tasks = self._next_message_of(unsent.items)
                if not batch:
                    break
                if tasks:
                    self._give(tasks)
                unsent.drop(batch)

    def _next_message_of(self, unsent: Sequence[UnsentCall]) -> tuple[list[UnsentCall], list[Task]]:
        """Return what is next, if anything may be sent, and the tasks of those of it that were not
        cancelled."""
        batch: list[UnsentCall] = []
        tasks: list[Task] = []
        weight = 0
        for index in range(min(len(unsent), MAX_TASKS_IN_MESSAGE)):
            submission, task = unsent[index]
            batch.append(unsent[index])
            if submission.number in self._outstanding:
                submission.sent = True
                tasks.append(task)
                if len(unsent) > 1:
                    weight += size_of(task.elements[0])
                    if weight >= MAX_BATCH_BYTES:
                        break
        return batch, tasks

    def _give(self, tasks: Sequence[Task]) -> None:
        """Give tasks to the workers."""
        self._engine.team.submit(tasks)

    def _has_room(self) -> bool:
        """Tell whether more may be sent."""
        return True

    def _remove(self, submission: Submission, *, is_failure: bool | None = None) -> bool:
        """Note the end of a call, and whether it failed unless it was cancelled. Tell whether it
        was under way until now."""
        with self._lock:
            state = self._state
            if state is None or self._outstanding.pop(submission.number, None) is None:
                return False
            if is_failure is not None:
                state.arrived += 1
                state.failed += is_failure
            if not self._outstanding:
                self._state = None
                state.exhausted = True
                self._engine.report.end(state, cancelled=False)
            awaited, here = self._awaited, threading.get_ident()
            if awaited and awaited.submission is submission and self._engine.receiver != here:
                self._waiter_alarm.ring()
            return True

    # A thread that waits for one call

    def receive_until(self, submission: Submission, end: float) -> None:
        """Receive for all calls until the result of one has come, unless another thread receives.

        Args:
            submission: the call.
            end: when to give up, by the monotonic clock.
        """
        engine, thread, here = self._engine, self._thread, threading.get_ident()
        if self._unsent.items:
            self._send_for_waiter()
        if thread is not None and thread.ident == here:  # a callback waits for another call
            while submission.number in self._outstanding and (left := end - time.monotonic()) > 0:
                self._step_in_callback(min(left, LOOK_SECONDS))
        elif engine.receiver == here:  # so does what a result is unpickled by
            self._receive_for(submission, end)
        elif not engine.call_as_receiver(partial(self._receive_for, submission, end)):
            self._leave_to_thread(submission)

    def _send_for_waiter(self) -> None:
        """Send what there is at once: who waits for a call submits no further ones."""
        if self._has_room():
            try:
                self._send()
            except Exception as error:  # as in `_step`
                self._engine.fail(error)

    def _leave_to_thread(self, submission: Submission) -> None:
        thread, outstanding = self._thread, self._outstanding
        if thread is None or self._engine.receiver != thread.ident:
            self.notify()
            return
        with self._lock:  # or others might be submitted just now, and left to nobody
            if len(outstanding) == 1 and submission.number in outstanding:
                self._is_left_to_waiter = True

    def _receive_for(self, submission: Submission, end: float) -> None:
        """Receive for all calls until one is over."""
        outstanding = self._outstanding
        before, awaited = self._awaited, Awaited(submission, deque())
        self._awaited = awaited
        eager = True
        try:
            while submission.number in outstanding and (left := end - time.monotonic()) > 0:
                self._receive_own(awaited, min(left, LOOK_SECONDS), eager=eager)
                eager = False
            with self._lock:
                if not outstanding:
                    self._is_left_to_waiter = True
        finally:
            self._awaited = before
            # Not by a function: when that begins, Ctrl-C may strike once more.
            if awaited.arrived:
                self._arrived += [(submission, results) for results in awaited.arrived]
                self._alarm.ring()

    def _receive_own(self, awaited: Awaited, timeout: float, *, eager: bool) -> None:
        """Receive for all calls, and set the future of one. What calls back is left to the thread,
        and so is a result whose lines have not come."""
        engine = self._engine
        try:
            if eager or self._waiter_alarm.wait_for(engine.team.fileno(), timeout):
                self._take(eager=eager)
            engine.look_around()
        except Exception as error:  # as in `_step`
            engine.fail(error)
        submission, arrived = awaited
        while arrived:
            if not self._set_here(submission, arrived[0]):
                self._arrived.append((submission, arrived[0]))
                self._alarm.ring()
            arrived.popleft()

    def _set_here(self, submission: Submission, results: Results) -> bool:
        """Set a future, unless it calls back. Ctrl-C may strike here: then the thread sets it."""
        future = submission.future
        if future.calls_back or (results.lines[1] and self._held.lacks_lines(results)):
            return False
        read = self._read(submission, results)
        with self._lock:
            if read is not None and submission.number in self._outstanding:
                value, is_failure = read
                if not future.settle_if_nothing_calls_back(value, is_failure=is_failure):
                    return False
                self._remove(submission, is_failure=is_failure)
        return True

    # The thread

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            try:
                self._thread = threading.Thread(target=self._work, name="nws-sleigh", daemon=True)
                self._thread.start()
            except BaseException:
                self._thread = None  # one that was started nevertheless ends when it sees this
                raise

    def _work(self) -> None:
        """Send, receive and set futures, until there was nothing to do for a while."""
        with self._lock:
            if self._thread is not threading.current_thread():
                return
        while True:
            while self._outstanding and not self._is_left_to_waiter:
                self._take_part()
            if self._linger():
                continue
            with self._lock:
                if not self._outstanding and self._lingering_left() <= 0:
                    self._thread = None
                    return
            self._is_left_to_waiter = False  # it waits for long; stand by instead of looking

    def _take_part(self) -> None:
        """Receive until there are no calls any more; or do the rest, while another thread does."""
        if not self._engine.call_as_receiver(self._receive_all):
            with self._engine.standing_by(self):
                if self._engine.has_receiver():  # else it has just left
                    self._step(LOOK_SECONDS, is_receiver=False)

    def _receive_all(self) -> None:
        self._behind = True  # who received before may have been interrupted in the middle of it
        while self._outstanding:
            self._step(LOOK_SECONDS, is_receiver=True)

    def _linger(self) -> bool:
        """Wait until there is something to do; tell whether there is. Meanwhile read what comes
        behind the last result, as lines of child processes do."""
        since = time.monotonic()
        while (left := self._lingering_left(since)) > 0:
            if self._is_left_to_waiter:
                is_called = self._alarm.wait(min(left, _LOOK_FOR_WAITER_SECONDS))
                if not (is_called or self._arrived) and self._awaited is not None:
                    continue
            elif self._engine.has_receiver():
                with self._engine.standing_by(self):
                    is_called = self._engine.has_receiver() and self._alarm.wait(left)
            else:
                is_called = not self._alarm.wait_for(self._engine.team.fileno(), left)
            if is_called or self._outstanding:
                self._is_left_to_waiter = False
                return True
            self._engine.call_as_receiver(partial(self._take_behind, left))
            if self._arrived:
                return True
        return False

    def _take_behind(self, left: float) -> None:
        if not self._take(eager=False):
            self._alarm.wait(left)  # the server is gone, and its socket can be read for ever

    def _lingering_left(self, since: float = 0.0) -> float:
        """Return for how many seconds the thread lingers: from the last message on, or from when
        there was nothing to do any more."""
        return max(since, self._unsent.due) + _LINGER_SECONDS - time.monotonic()

    def _step(self, timeout: float, *, is_receiver: bool) -> None:
        """Do what there is to do; wait for it up to ``timeout`` seconds."""
        try:
            if self._unsent.items and self._has_room():
                left = self._unsent.due - time.monotonic()
                if left <= 0:
                    self._send()
                else:
                    timeout = min(timeout, left)
            self._engine.look_around()
            if is_receiver:
                self._receive(timeout)
            elif not self._arrived:
                self._alarm.wait(timeout)
        except Exception as error:  # the server is gone, or we were stopped
            self._engine.fail(error)
        self._set_futures()

    def _step_in_callback(self, timeout: float) -> None:
        """Do `_step` where this thread may receive already, or another one that leaves."""
        step = partial(self._step, timeout, is_receiver=True)
        if self._engine.receiver == threading.get_ident():
            step()
            return
        self._behind = True  # as in `_receive_all`
        if not self._engine.call_as_receiver(step):
            self._step(timeout, is_receiver=False)

    def _receive(self, timeout: float) -> None:
        if len(self._outstanding) == 1 and not self._behind:
            self._take(eager=True)  # somebody may wait for just this one
        if self._arrived:
            return
        if self._behind or self._alarm.wait_for(self._engine.team.fileno(), timeout):
            self._take(eager=False)

    def _take(self, *, eager: bool) -> bool:
        """Receive what has come. Return False if the server is gone."""
        self._behind = True  # until it has succeeded
        try:
            is_there = self._engine.receive_for_all(0.0, eager=eager)
        except SystemExit:  # of the user's function for output: it ends no thread here
            is_there = True
        self._behind = False
        return is_there

    def _set_futures(self) -> None:
        failed: list[int] = []
        self._arrived.extend(self._held.taken())
        while True:
            try:
                submission, outcome = self._arrived.popleft()
            except IndexError:
                break  # a thread that waits may take one
            if submission.number not in self._outstanding:
                continue  # it was done twice, or cancelled
            if isinstance(outcome, Results):
                if self._held.lacks_lines(outcome):
                    self._held.add(submission, outcome)
                    continue
                read = self._read(submission, outcome)
                if read is None:
                    continue
                value, is_failure = read
            else:
                value, is_failure = self._explain(outcome), True
                failed.append(submission.number)
            if self._remove(submission, is_failure=is_failure):
                self._settle(submission.future, value, is_failure=is_failure)
        if failed:
            with suppress(NwsException, OSError):  # without a server there is nothing to cancel
                self._engine.cancel(failed)

    def _read(self, submission: Submission, results: Results) -> tuple[Any, bool] | None:
        """Return the value of a call, and whether it has failed; None if that is no result."""
        outcomes = results.outcomes
        if len(outcomes) != 1 or outcomes[0] is None:
            log_dropped(RESULT, results)
            return None
        value = value_of(0, outcomes[0])
        submission.future.rank = results.rank
        submission.future.seconds = results.seconds
        self._engine.end(submission.number)
        return value, isinstance(value, SleighTaskException)

    def _settle(self, future: SleighFuture, value: Any, *, is_failure: bool) -> None:
        try:
            future.settle(value, is_failure=is_failure)
        except BaseException:  # such as sys.exit(), which ends no program here and no thread
            _log.exception("a callback of a future has failed")
