"""The engine: any number of calls at once over one team of workers.

Theory of operation
-------------------
Each call has a number, and a recipient for its results. A thread that waits for a call receives for
all of them: it holds `_receiving`, reads what the workers have sent, and hands each message to its
recipient. Other threads wait meanwhile until something arrives for their call, or the receiver
leaves and one of them takes its place. So nothing is handed from thread to thread while there is a
single call. Submitted calls (``submissions.py``) call back without a user's thread; a thread of
theirs receives while there are any.

An exception such as Ctrl-C's may interrupt a receiver between any two byte codes. It ends only its
own call: a message stays in the team's buffer until its recipient has it. A message that is handed
over twice for that reason is recognized by its elements.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, Protocol

from nws.errors import NwsException, SleighCancelledException, SleighException
from nws.sleigh.master.alarm import Alarm
from nws.sleigh.master.calls_report import CallsReport
from nws.sleigh.master.initializer import initializer_error
from nws.sleigh.master.mailbox import Mailbox
from nws.sleigh.master.options import NO_OPTIONS, CallOptions
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.team import Team
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.groups import group_of
from nws.sleigh.shared.messages import (
    NO_CALL,
    RESULT,
    TASK,
    Call,
    Failure,
    Results,
    log_dropped,
)
from nws.sleigh.shared.reloads import Reloads
from nws.sleigh.shared.surroundings import Surroundings

__all__ = ["LOOK_SECONDS", "AnyTeam", "Engine", "Recipient"]

_log = logging.getLogger("nws")

AnyTeam = Team | SerialTeam

LOOK_SECONDS: Final = 0.25
"""Between looks at the server and the workers."""

_MAX_CALLS_WITH_DEATHS: Final = 100
"""Calls that are over, whose deaths stay noted while others are under way."""


class Recipient(Protocol):
    """Where the results of a call go."""

    number: int
    function: str
    everyone: int
    lost_ranks: Mapping[int, str]

    def deliver(self, results: Results) -> None:
        """Take results. Called by any thread; must be quick and may not raise."""

    def fail(self, error: Exception) -> None:
        """Note that there will be no more, and why; likewise."""

    def notify(self) -> None:
        """Wake the thread that waits, if any; likewise."""


class Waiter(Protocol):
    """Waits for messages that another thread receives."""

    def notify(self) -> None:
        """Wake it. Called by any thread; must be quick and may not raise."""


class Health(Protocol):
    """Looks whether server and workers are there; see `nws.sleigh.master.liveness.Liveness`."""

    def check(self, *, busy: bool) -> Mapping[int, str]: ...
    def lacking(self, calls: Mapping[int, str]) -> Mapping[int, Exception]: ...
    def note_progress(self) -> None: ...


class Engine:
    """Calls under way over one team.

    Attributes:
        team: the workers.
        report: says for people how far the calls are.
        receiver: the number of the thread that receives; 0 if none does.
    """

    def __init__(
        self, team: AnyTeam, health: Health, surroundings: Surroundings | None = None
    ) -> None:
        """Prepare.

        Args:
            team: the workers.
            health: is checked regularly while calls are under way.
            surroundings: whose changes are told to the workers; None where these are our own.
        """
        self.team = team
        self.report = CallsReport(team.report)
        self._health = health
        self._reloads = Reloads()
        self._surroundings = surroundings or Surroundings(variables=False, folder=False)
        self._numbers = itertools.count(1)
        self._calls: dict[int, Recipient] = {}
        self._not_initialized: Results | None = None  # the worker where that has failed says so
        self._groups: dict[int, str] = {}  # of the calls that only a group may do
        self._cancelled: set[int] = set()
        self._changing = threading.RLock()  # which calls there are
        self._receiving = threading.Lock()
        self._looking = threading.Lock()
        self._next_look = time.monotonic() + LOOK_SECONDS
        self.receiver = 0
        self._standby = set[Waiter]()  # who is to receive when that thread leaves
        team.on_refused = _weakly(self._fail_some)  # or we and the team would keep each other

    # The life of a call

    def begin(
        self, recipient: Recipient, function: Function, options: CallOptions = NO_OPTIONS
    ) -> Call:
        """Give a call its number. It is under way until `end` or `cancel`.

        Raises:
            SleighIllegalValueException: the function cannot be pickled.
            SleighInitializerException: the initializer has failed on a worker.
        """
        if self._not_initialized is not None:
            raise initializer_error(self._not_initialized)
        return self._register(recipient, self.team.provide(function), options)

    def _register(self, recipient: Recipient, function: str, options: CallOptions) -> Call:
        recipient.function = function
        with self._changing:
            number = recipient.number = next(self._numbers)
            self._calls[number] = recipient
        if options.queue != TASK:
            self._note_group(number, options.queue)
        team, reloaded, changes = self.team, self._reloads.look(), self._surroundings.look()
        told = *options, reloaded, changes, team.has_initializer
        return Call(number, function, team.size, recipient.everyone, *told)

    def _note_group(self, number: int, queue: str) -> None:
        """Only a group may do this call, unless we do everything ourselves."""
        if isinstance(self.team, Team):
            self.team.use_queue(queue)
            with self._changing:
                self._groups[number] = group_of(queue)

    def end(self, number: int) -> None:
        """Forget a call whose results have all arrived."""
        with self._changing:
            recipient = self._calls.pop(number, None)
        if recipient is not None:
            self.team.release(recipient.function)
            if self.team.deaths:
                self._forget_deaths()

    def cancel(self, numbers: Iterable[int]) -> None:
        """Withdraw tasks of these calls that were not begun, and stop those that run. Other calls
        go on.

        Raises:
            NwsException: the server is gone.
        """
        with self._changing:
            ended = [self._calls.pop(number) for number in numbers if number in self._calls]
            if not ended:
                return
            self._cancelled.update(recipient.number for recipient in ended)
        self.team.cancel(self._dropped, [each.number for each in ended if each.everyone])
        for recipient in ended:
            self.team.release(recipient.function)
        self._forget_deaths()

    def is_under_way(self, number: int) -> bool:
        """Tell whether a call has begun and is not over."""
        return number in self._calls

    def _dropped(self) -> tuple[int, tuple[int, ...], bool]:
        """Return below which number all calls are over, which later ones are cancelled, and
        whether there is no other call."""
        with self._changing:
            floor = min(self._calls, default=max(self._cancelled, default=0) + 1)
            self._cancelled = {number for number in self._cancelled if number >= floor}
            return floor, tuple(sorted(self._cancelled)), not self._calls

    def _forget_deaths(self) -> None:
        deaths = self.team.deaths
        # While others are under way a worker may be reading what was noted.
        if deaths and (not self._calls or len(deaths) > _MAX_CALLS_WITH_DEATHS):
            with suppress(NwsException):  # without a server nothing is noted any more
                self.team.forget_deaths({call for call in deaths if call not in self._calls})

    # Receiving

    def receive(
        self, mailbox: Mailbox, timeout: float, *, eager: bool = False, alarm: Alarm | None = None
    ) -> list[Results]:
        """Return what has arrived for a call; wait up to ``timeout`` seconds for it.

        Args:
            mailbox: of the call.
            timeout: seconds.
            eager: look again and again for the first moment, since a single result is to come.
            alarm: return when it rings.

        Raises:
            Exception: there will be no more results, for this reason.
        """
        if not mailbox.has_news:
            self.wait(mailbox, timeout, eager=eager, alarm=alarm)
        return mailbox.read()

    def wait(
        self, mailbox: Mailbox, timeout: float, *, eager: bool = False, alarm: Alarm | None = None
    ) -> None:
        """Receive messages for all calls, or wait until another thread has received some."""
        if self.receiver == threading.get_ident():  # a callback makes a call
            self.receive_for_all(timeout, eager=eager)
            return
        receive: Callable[[], object] = partial(self.receive_for_all, timeout, eager=eager)
        if alarm is not None:
            receive = partial(self._receive_unless, alarm, mailbox, timeout)
        if not self.call_as_receiver(receive):
            with self.standing_by(mailbox):
                mailbox.wait(timeout, self.has_receiver)

    def _receive_unless(self, alarm: Alarm, mailbox: Mailbox, timeout: float) -> None:
        """Receive messages for all calls until something arrives for one, or an alarm rings."""
        self.receive_for_all(0.0)  # what has come may not show at the socket
        if not mailbox.has_news and alarm.wait_for(self.team.fileno(), timeout):
            self.receive_for_all(0.0)

    def call_as_receiver(self, receive: Callable[[], object]) -> bool:
        """Call something as the thread that receives, unless there is one already; tell whether it
        was called."""
        acquired: list[bool] = []
        try:
            # In one step, so that Ctrl-C cannot fall between the two.
            acquired.extend(map(self._receiving.acquire, (False,)))
            if acquired[0]:
                self.receiver = threading.get_ident()
                receive()
            return acquired[0]
        finally:
            # Not by a function: when that returns, Ctrl-C may strike and leave the lock locked.
            if acquired and acquired[0]:
                self.receiver = 0
                self._receiving.release()
                self._wake_next_receiver()

    @contextmanager
    def standing_by(self, waiter: Waiter) -> Iterator[None]:
        """Have someone notified when the receiver leaves. Look whether there is one after that."""
        self._standby.add(waiter)
        try:
            yield
        finally:
            self._standby.discard(waiter)

    def has_receiver(self) -> bool:
        """Tell whether a thread receives."""
        return self._receiving.locked()

    def _wake_next_receiver(self) -> None:
        if self._standby:
            for waiter in list(self._standby):
                waiter.notify()

    def receive_for_all(self, timeout: float, *, eager: bool = False) -> bool:
        """Receive messages and hand them on. Only the thread that holds the receiver's lock may.

        Args:
            timeout: seconds.
            eager: see `receive`.

        Returns:
            False if the server is gone.
        """
        progress = False
        try:
            for message in self.team.receive(timeout, eager=eager):
                if isinstance(message, Results):
                    progress = True
                    recipient = self._calls.get(message.call)
                    if recipient is not None:
                        recipient.deliver(message)
                    elif message.call == NO_CALL:  # else it was cancelled
                        self._note_not_initialized(message)
                else:
                    try:
                        self.team.listen(message)
                    except Exception:  # what is shown costs no result
                        _log.exception("the function that is given the workers' output has failed")
                    self._wake_next_receiver()  # one of them may wait for such lines
        except NwsException as error:
            self.fail(error)
            return False
        finally:
            if progress:
                self._health.note_progress()
        return True

    def _note_not_initialized(self, message: Results) -> None:
        """Let all calls fail, and those to come: the next workers would fare no better."""
        said_why = [*map(type, message.outcomes)] == [Failure]
        if not (said_why and self.team.has_initializer):
            log_dropped(RESULT, message)
        elif self._not_initialized is None:
            self._not_initialized = message
            self.fail(initializer_error(message))

    # Health

    def look_around(self) -> None:
        """Look whether server and workers are there, and publish how far the calls are, if it is
        time to."""
        if time.monotonic() < self._next_look or not self._looking.acquire(False):
            return
        try:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._check_health()
            self.report.publish()
        finally:
            self._looking.release()

    def _check_health(self) -> None:
        try:
            lost = self._health.check(busy=bool(self._calls))
            for number, problem in self._health.lacking(self._calls_for_groups()).items():
                self._fail_some([number], problem)
            requested = self.team.cancel_requests() if self._calls else []
        except (NwsException, SleighException) as error:
            self.fail(error)
            return
        for number in requested:
            reason = f"call {number} was cancelled by somebody else, as by `nws sleigh cancel`"
            self._fail_some([number], SleighCancelledException(reason))
        if lost:
            for recipient in list(self._calls.values()):
                if recipient.everyone:
                    recipient.lost_ranks = lost
                    recipient.notify()

    def _calls_for_groups(self) -> Mapping[int, str]:
        if self._groups:
            with self._changing:
                self._groups = {
                    number: group for number, group in self._groups.items() if number in self._calls
                }
        return self._groups

    def fail(self, error: Exception) -> None:
        """Let all calls fail."""
        self._fail_some(list(self._calls), error)

    def _fail_some(self, numbers: Iterable[int], error: Exception) -> None:
        for number in numbers:
            recipient = self._calls.get(number)
            if recipient is not None:
                recipient.fail(error)


def _weakly(method: Callable[[Iterable[int], Exception], None]) -> Callable[..., None]:
    """Return a function that calls a method as long as its object is there."""
    reference = weakref.WeakMethod(method)

    def call(numbers: Iterable[int], error: Exception) -> None:
        found = reference()
        if found is not None:
            found(numbers, error)

    return call
