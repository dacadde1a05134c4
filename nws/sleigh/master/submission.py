"""A call that was submitted, and its future."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from concurrent.futures._base import FINISHED, PENDING
from typing import Any, Final, NamedTuple, Protocol

from nws.errors import SleighIllegalValueException
from nws.sleigh.master.future_condition import FutureCondition
from nws.sleigh.master.options import checked_wait
from nws.sleigh.shared.messages import Results
from nws.sleigh.shared.pickling import Packed, pack

__all__ = ["Awaited", "SleighFuture", "Submission", "packed_arguments"]

_NO_RANKS: Final[Mapping[int, str]] = {}


class SleighFuture(Future[Any]):
    """The future of a submitted call. When it is done, all that the worker had printed and logged
    by then has been passed on; what C code or a child process wrote may follow a moment later.

    Attributes:
        number: of the call, as in `nws.sleigh.Line`.
        rank: of the worker that did it, once it is done; -1 if none did.
        seconds: that the worker took.
        calls_back: whether it has callbacks.
    """

    number = 0
    rank = -1
    seconds = 0.0
    calls_back = False

    def __init__(self, call: Submission | None) -> None:
        """Take the call; None if there is none, since it could not be sent."""
        # All that the base class sets, but for its condition, which takes as long as all the rest.
        self._condition = FutureCondition()
        self._state = PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Any] = []
        self._call = call  # until it is over, or a large result would be part of a cycle

    def cancel(self) -> bool:
        """Withdraw the call unless it is done. If it runs, it is stopped as by
        `SleighPending.cancel`."""
        call = self._call
        if not super().cancel():
            return False
        if call is not None and call.withdraw():
            self._call = None
            self.set_running_or_notify_cancel()
        return True

    def result(self, timeout: float | None = None) -> Any:
        """Return the result, as `concurrent.futures.Future.result` does.

        Args:
            timeout: seconds to wait at most; None or infinity for any time.

        Raises:
            SleighIllegalValueException: the timeout is no real number.
        """
        return super().result(self._wait(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception, None if there is none; otherwise as `result`."""
        left = self._wait(timeout)
        return self._exception if self._state == FINISHED else super().exception(left)

    def _wait(self, timeout: float | None) -> float | None:
        """Receive the result, unless another thread receives. Return the seconds that are left."""
        seconds = math.inf if timeout is None else checked_wait(timeout)
        end = time.monotonic() + seconds
        call = self._call
        if call is not None and seconds > 0:
            call.receive_until(end)
            seconds = max(0.0, end - time.monotonic())
        return seconds if seconds <= threading.TIMEOUT_MAX else None  # which is centuries

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        self.calls_back = True
        super().add_done_callback(fn)
        call = self._call
        if call is not None:
            call.notify()  # nobody may ever wait for it

    def settle_if_nothing_calls_back(self, value: Any, *, is_failure: bool) -> bool:
        """Do `settle` unless there are callbacks, which it would call; tell whether it was done."""
        with self._condition:  # nothing is added meanwhile
            if self.calls_back:
                return False
            self.settle(value, is_failure=is_failure)
        return True

    def settle(self, value: Any, *, is_failure: bool) -> None:
        """Set the result or the exception, unless the future was cancelled just now. It does no
        harm to do that again."""
        try:
            if is_failure:
                self.set_exception(value)
            else:
                self.set_result(value)
        except InvalidStateError:
            if self.cancelled():
                self.set_running_or_notify_cancel()
            else:
                with self._condition:  # who had set it may not have come so far
                    self._condition.notify_all()
        self._call = None


class Caretaker(Protocol):
    """Looks after calls; see `nws.sleigh.master.submissions`."""

    def withdraw(self, call: Submission) -> bool: ...
    def receive_until(self, call: Submission, end: float) -> None: ...
    def post(self, call: Submission, outcome: Results | Exception) -> None: ...
    def notify(self) -> None: ...
    def runs(self, call: Submission) -> bool: ...


class Submission:
    """A call of one element; a `nws.sleigh.master.engine.Recipient`.

    Attributes:
        sent: whether the server has, or will have, its task.
        future: of its result.
    """

    __slots__ = ("_caretaker", "everyone", "function", "future", "lost_ranks", "number", "sent")

    def __init__(
        self, caretaker: Caretaker, make_future: Callable[[Submission], SleighFuture]
    ) -> None:
        self.number = 0
        self.function = ""
        self.everyone = 0
        self.sent = False
        self.lost_ranks = _NO_RANKS
        self._caretaker = caretaker
        self.future = make_future(self)

    def withdraw(self) -> bool:
        return self._caretaker.withdraw(self)

    def receive_until(self, end: float) -> None:
        self._caretaker.receive_until(self, end)

    def runs(self) -> bool:
        return self._caretaker.runs(self)

    def deliver(self, results: Results) -> None:
        self._caretaker.post(self, results)

    def fail(self, error: Exception) -> None:
        self._caretaker.post(self, error)

    def notify(self) -> None:
        self._caretaker.notify()


def packed_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Packed:
    """Return the arguments of a call as they travel.

    Raises:
        SleighIllegalValueException: they cannot be pickled.
    """
    try:
        return pack((args, kwargs) if kwargs else args)
    except Exception as error:
        raise SleighIllegalValueException(f"the arguments cannot be pickled: {error}") from error


class Awaited(NamedTuple):
    """A call whose waiting thread receives."""

    submission: Submission
    arrived: deque[Results]
    """Which have come for it. What they are unpickled by may wait for another call likewise."""
