"""What travels between master and workers: jobs, tasks and outcomes.

A *job* is what all tasks of a call share: the function and its fixed arguments. It is stored once,
under a name that has its number. A *task* is one element of a job, an *outcome* what became of it.
User's objects are bytes inside them: so a task is known by its number even where its arguments
cannot be read, and only the process that needs an object unpickles it.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import cloudpickle

from nws.errors import SleighTaskException

__all__ = [
    "GIVEN_UP",
    "MAX_ATTEMPTS",
    "Job",
    "Outcome",
    "Task",
    "dumps",
    "failure",
    "given_up",
    "job_variable",
    "result_of",
]

MAX_ATTEMPTS: Final = 3
"""How often a task may cost a worker its life before it is given up."""

GIVEN_UP: Final = f"each of the {MAX_ATTEMPTS} workers that ran it ended before it was done"

dumps: Callable[[Any], bytes] = cloudpickle.dumps
"""Pickle a user's object; what the workers cannot import, such as a lambda, travels by value."""


class Job(NamedTuple):
    """What the tasks of one call share."""

    function: Callable[..., Any]
    fixed: Sequence[Any]


class Task(NamedTuple):
    """One element."""

    job: int
    tag: int
    """Its place in the list of results."""
    arguments: bytes


class Outcome(NamedTuple):
    """What became of a task.

    ``value`` is the pickled result; for a failure it is empty, and ``text`` and ``cause`` say why.
    """

    job: int
    tag: int
    value: bytes
    text: str = ""
    """The remote traceback, or another reason."""
    cause: bytes = b""
    """The pickled exception, if it could be pickled."""


def job_variable(number: int) -> str:
    """Return the name of the variable that holds a job."""
    return f"job {number}"


def failure(task: Task, error: BaseException, headline: str = "") -> Outcome:
    """Describe an exception, with its traceback from the user's function on.

    Args:
        task: what failed.
        error: why.
        headline: what comes before the traceback.
    """
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    text = headline + "".join(traceback.format_exception(type(error), error, frames))
    try:
        cause = dumps(error)
    except Exception:
        cause = b""  # the text says it all
    return Outcome(task.job, task.tag, b"", text, cause)


def given_up(task: Task) -> Outcome:
    """Describe a task that nobody is to try again."""
    return Outcome(task.job, task.tag, b"", GIVEN_UP)


def result_of(outcome: Outcome) -> Any:
    """Return the value that an outcome stands for, or a SleighTaskException object."""
    if not outcome.text:
        try:
            return pickle.loads(outcome.value)
        except Exception as error:
            text = f"the result of element {outcome.tag} cannot be read by the master: {error!r}"
            failed = SleighTaskException(text)
            failed.__cause__ = error
            return failed
    failed = SleighTaskException(f"element {outcome.tag} failed\n{outcome.text}")
    if outcome.cause:
        try:
            failed.__cause__ = pickle.loads(outcome.cause)
        except Exception:
            pass  # another exception in its place would mislead; the text says it all
    return failed
