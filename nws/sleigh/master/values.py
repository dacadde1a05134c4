"""Results as the user's program gets them: values, and exceptions in place of failed elements."""

from __future__ import annotations

from typing import Any

from nws.errors import SleighTaskException
from nws.exception_text import described
from nws.signal_exceptions import is_of_signal
from nws.sleigh.master.source_lines import with_source_lines
from nws.sleigh.shared.messages import Failure
from nws.sleigh.shared.package_versions import version_about
from nws.sleigh.shared.pickling import Packed, in_one_piece, unpack

__all__ = ["cause_of", "exception_of", "value_of"]


def value_of(element: int, outcome: Packed | Failure) -> Any:
    """Return the value that an outcome stands for, or a SleighTaskException object."""
    if isinstance(outcome, Failure):
        return exception_of(outcome, f"element {element} failed\n{outcome.text}")
    try:
        return unpack(outcome)
    except BaseException as error:  # sys.exit() too is the end of the element only
        if is_of_signal(error):
            raise  # by the user's Ctrl-C
        version = version_about(error)
        failed = SleighTaskException(
            f"the result of element {element} cannot be read by the master"
            f"{f', which has {version}' if version else ''}: {described(error)}; "
            "`pickled_result` of this exception has its pickle"
        )
        failed.pickled_result = in_one_piece(outcome)
        failed.__cause__ = error
        return failed


def exception_of(outcome: Failure, text: str) -> SleighTaskException:
    """Return an exception with this text, caused by what the worker has sent."""
    cause = cause_of(outcome)
    if version := version_about(cause):
        text = f"{text.rstrip()}\nThe master has {version}.\n"
    failed = SleighTaskException(with_source_lines(text))
    failed.__cause__ = cause
    return failed


def cause_of(failure: Failure) -> BaseException | None:
    """Return the worker's exception, if it could be sent and can be read here."""
    if not failure.cause:
        return None
    try:
        cause = unpack(failure.cause)
    except BaseException as error:
        if is_of_signal(error):
            raise
        return None  # another exception in its place would mislead; the text says it all
    return cause if isinstance(cause, BaseException) else None
