"""Tells the exceptions of signal handlers, such as that of Ctrl-C, from those of other code.

Where the code of somebody else runs, as in a value that is unpickled, all its exceptions are that
value's, even SystemExit. But the handler of a signal runs between any two byte codes, and what it
raises is meant for the program.
"""

from __future__ import annotations

import dis
import functools
import signal
import threading
from types import CodeType, TracebackType
from typing import Any, Final

__all__ = ["is_of_signal"]

_RAISES: Final = frozenset({"RAISE_VARARGS", "RERAISE"})


def is_of_signal(error: BaseException) -> bool:
    """Tell whether an exception that was just caught was raised by the handler of a signal.

    That of Ctrl-C has no frame of its own. So a KeyboardInterrupt is its, unless a statement has
    raised it.
    """
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run in the main thread only
    handlers = [_unwrapped(signal.getsignal(number)) for number in signal.valid_signals()]
    steps = _steps_of(error)
    if {step.tb_frame.f_code for step in steps} & {_code_of(handler) for handler in handlers}:
        return True
    if not isinstance(error, KeyboardInterrupt) or signal.default_int_handler not in handlers:
        return False
    return not (steps and _is_raised(steps[-1]))


def _unwrapped(handler: Any) -> Any:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return handler


def _code_of(handler: Any) -> CodeType | None:
    """Return the code of a function or method, or of an object that can be called."""
    if not callable(handler):
        return None
    of_object: CodeType | None = getattr(type(handler).__call__, "__code__", None)
    return getattr(handler, "__code__", of_object)


def _steps_of(error: BaseException) -> list[TracebackType]:
    """Return its traceback, the outermost frame first. (This is no generator: a signal may strike
    here as well, and what is raised in a generator may be lost.)"""
    steps, step = [], error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    return steps


def _is_raised(step: TracebackType) -> bool:
    """Tell whether it is a statement that has raised the exception."""
    return dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]] in _RAISES
