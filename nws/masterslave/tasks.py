"""Tasks and their outcomes, as they stand in the space.

What users give is pickled apart from the rest: so it is known which task it belongs to, even where
it cannot be read.
"""

from __future__ import annotations

import pickle
import traceback
from typing import Any, Final, NamedTuple, TypeAlias

from nws.errors import NwsPicklingException, TaskRaisedException
from nws.exception_text import described, shortened
from nws.signal_exceptions import is_of_signal

__all__ = ["MAX_ATTEMPTS", "Outcome", "TaskRequest", "pack", "pack_exception"]

MAX_ATTEMPTS: Final = 3
"""How many slaves may be lost with a task before it is given up."""

Packed: TypeAlias = "pickle.PickleBuffer | bytes | bytearray | memoryview"


class TaskRequest(NamedTuple):
    """A task that waits or runs."""

    id: str
    tag: str
    packed: Packed
    """The tuple of parameters."""

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The parameters.

        Raises:
            Exception: whatever the unpickler raises.
        """
        parameters: tuple[Any, ...] = pickle.loads(self.packed)
        return parameters


class Outcome(NamedTuple):
    """What has become of a task."""

    task_id: str
    tag: str
    packed: Packed
    """The result, or the exception."""
    failure: str | None
    """The traceback; None for a result."""

    def result(self) -> Any:
        """Return the result.

        Raises:
            TaskRaisedException: the task has none, or it cannot be read here.
        """
        try:
            value = pickle.loads(self.packed)
        except BaseException as error:  # sys.exit() in it too ends the task only
            if is_of_signal(error):
                raise
            text = self.failure or f"its result cannot be read here: {described(error)}"
            raise TaskRaisedException(self.task_id, self.tag, error, text) from error
        if self.failure is None:
            return value
        raise TaskRaisedException(self.task_id, self.tag, value, self.failure)


def pack(value: Any, what: str) -> Packed:
    """Pickle what a user has given. Large data is not copied once more when it is sent.

    Raises:
        NwsPicklingException: it cannot be pickled; the message names ``what`` it is.
    """
    try:
        return pickle.PickleBuffer(pickle.dumps(value, 5))
    except BaseException as error:  # sys.exit() in it would end one slave after the other
        if is_of_signal(error):
            raise
        reason = described(error)
        raise NwsPicklingException(f"{what} cannot be pickled: {reason}", error) from error


def pack_exception(exception: BaseException) -> Packed:
    """Pickle an exception, or one that says what it was, if it cannot be pickled and read again."""
    try:
        packed = pickle.dumps(exception, 5)
        if not isinstance(pickle.loads(packed), BaseException):
            raise TypeError("what arrives is no exception")
    except BaseException as error:
        if is_of_signal(error):
            raise
        text = shortened("".join(traceback.format_exception_only(exception)).strip())
        packed = pickle.dumps(RuntimeError(text), 5)
    return packed
