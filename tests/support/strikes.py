"""Exceptions that strike inside the client, as Ctrl-C does, at each moment where they can.

CPython runs the handler of a signal when a Python function begins and when a call of a C function
has returned (and inside a C function that waits). Python 3.10 does so also when a Python function
has returned to another one. A profiler is called at the same moments, and what it raises is raised
there.
"""

from __future__ import annotations

import dis
import inspect
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_CALLBACKS: Final = ("weakref", "_weakrefset", "hypothesis.internal.conjecture.junkdrawer")
"""Modules whose functions run as callbacks, of the garbage collector too: what strikes there is
only reported."""

_NEVER: Final = (*_CALLBACKS, __name__)

_FINALIZER: Final = "__del__"
"""What strikes in one is only reported, too; the garbage collector may call those that an earlier
test has left."""


class Strike(BaseException):
    """What the handler of a signal raised."""


def strike(error: Any, _: object = None) -> None:
    """Raise an exception as the handler of a signal does."""
    raise error


signal.signal(signal.SIGUSR2, strike)  # so it is one, though it is never called as such


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

    def __enter__(self) -> Striker:
        self.watch()
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End at the end of the block, wherever it began."""
        try:
            yield
        finally:
            sys.setprofile(None)

    def watch(self) -> None:
        """Begin, perhaps in the middle of an operation."""
        sys.setprofile(self._profile)

    def _profile(self, frame: FrameType, event: str, result: Any) -> None:
        where: FrameType | None = frame
        if event == "return" and result is not None:  # without one it may have raised an exception
            where = frame.f_back
            if _is_generator(frame) or not _goes_on_in(where):
                return
        elif event not in ("call", "c_return"):
            return
        if not inside(where):
            return
        self._left -= 1
        if self._left < 0:
            self.struck = True
            strike(self._error)


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
        if name in _NEVER or frame.f_code.co_name == _FINALIZER:
            return False
        if name.startswith("nws."):
            return True
        frame = frame.f_back
    return False


def _is_generator(frame: FrameType) -> bool:
    """Tell whether a frame yields to a C function, whose return is a moment of its own. What the
    profiler raises when it yields would end it at once, as no handler does."""
    return bool(frame.f_code.co_flags & inspect.CO_GENERATOR)


def _goes_on_in(caller: FrameType | None) -> bool:
    """Tell whether Python runs handlers in the caller when a function returns to it."""
    if caller is None or sys.version_info >= (3, 11):
        return False
    return dis.opname[caller.f_code.co_code[caller.f_lasti]].startswith("CALL")


def struck(
    moment: int, act: Callable[[T], R], argument: T, error: BaseException | None = None
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
    except (Strike, TimeoutError) as strike:
        assert striker.struck
        strike.__traceback__ = None  # or its frames keep what the act has left
    return returned, striker.struck
