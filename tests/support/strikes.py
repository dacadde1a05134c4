"""Exceptions that strike inside the client, as Ctrl-C does, at each moment where they can.

CPython runs the handler of a signal when a Python function begins and when a call of a C function
has returned (and inside a C function that waits). A tracer sees the same moments.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dis import opname
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_CALLBACKS: Final = ("weakref", "_weakrefset", "hypothesis.internal.conjecture.junkdrawer")
"""Modules whose functions run as callbacks, of the garbage collector too: what strikes there is
only reported."""

_NEVER: Final = (*_CALLBACKS, __name__)


class Strike(BaseException):
    """What the handler of a signal raised."""


class Striker:
    """While it is entered, the client is struck once, at the moment with a given number.

    Attributes:
        struck: whether it got that far.
    """

    def __init__(self, moment: int, error: BaseException | None = None) -> None:
        """Raise ``error``, a `Strike` by default."""
        self.struck = False
        self._left = moment
        self._error = error or Strike()
        self._called: FrameType | None = None  # where a call is under way

    def __enter__(self) -> Striker:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End at the end of the block, wherever it began."""
        try:
            yield
        finally:
            sys.settrace(None)

    def watch(self, frame: FrameType | None) -> None:
        """Begin in the middle: with the functions of the client that are active already."""
        while frame is not None and inside(frame):
            frame.f_trace = self._trace
            frame.f_trace_opcodes = True
            frame = frame.f_back
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes = True
            self._called = None
            self._moment(frame)
        elif event == "opcode":
            if self._called is frame:
                self._moment(frame)
            name = opname[frame.f_code.co_code[frame.f_lasti]]
            self._called = frame if name.startswith("CALL") else None
        elif event in ("return", "exception"):
            self._called = None  # a Python function has returned: that is no such moment
        return self._trace

    def _moment(self, frame: FrameType) -> None:
        if not inside(frame):
            return
        self._left -= 1
        if self._left < 0:
            self.struck = True
            raise self._error


@contextmanager
def alarm(
    handler: Callable[[int, FrameType | None], object], after: float, interval: float = 0.0
) -> Iterator[None]:
    """Let a timer's signal call a handler, once or again and again, until the end of the block."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, after, interval)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def inside(frame: FrameType | None) -> bool:
    """Tell whether the client is at work here, by itself or through a library."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name in _NEVER:
            return False
        if name.startswith("nws."):
            return True
        frame = frame.f_back
    return False


def struck(
    moment: int, act: Callable[[T], R], argument: T, error: Exception | None = None
) -> tuple[list[R], bool]:
    """Act, and be struck at a moment.

    Returns:
        What the act returned, if it came so far; and whether it was struck. Between the return of
        the act and the list nothing can strike.
    """
    striker = Striker(moment, error)
    returned: list[R] = []
    try:
        with striker:
            returned.extend(map(act, [argument]))
    except (Strike, TimeoutError):
        assert striker.struck
    return returned, striker.struck
