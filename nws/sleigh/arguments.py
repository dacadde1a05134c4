"""The arguments of the tasks of a call, from the forms in which the user may give them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nws.errors import SleighIllegalValueException

__all__ = ["fixed_arguments", "task_arguments"]


def task_arguments(element_args: Any) -> Iterator[tuple[Any, ...]]:
    """Return the varying arguments of each task.

    ``element_args`` is a list of iterables, one for each argument; the shortest one ends the tasks.
    Where one argument varies, the list around it may be left out. A string or bytes object counts
    as one argument, not as an iterable.

    Raises:
        SleighIllegalValueException: something in it is no iterable.
    """
    if isinstance(element_args, str | bytes):
        element_args = [element_args]
    if not isinstance(element_args, list) or (element_args and not _varies(element_args[0])):
        element_args = [element_args]
    for given in element_args:
        if not _varies(given):
            raise SleighIllegalValueException(
                f"elementArgs: {given!r} is not an iterable of arguments; "
                "what is the same for all elements belongs into fixedArgs"
            )
    return zip(*element_args, strict=False)


def fixed_arguments(fixed_args: Any) -> list[Any]:
    """Return the arguments that all tasks share; one that is no list or tuple stands for itself."""
    return list(fixed_args) if isinstance(fixed_args, list | tuple) else [fixed_args]


def _varies(given: Any) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str | bytes)
