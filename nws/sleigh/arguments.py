"""The arguments of the tasks of a call, from the forms in which the user may give them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["fixed_arguments", "task_arguments"]


def task_arguments(element_args: Any) -> Iterator[tuple[Any, ...]]:
    """Return the varying arguments of each task.

    ``element_args`` is a list of iterables, one for each argument; the shortest one ends the tasks.
    Where one argument varies, the list around it may be left out. A string or bytes object counts
    as one argument, not as an iterable.
    """
    if not _is_list_of_iterables(element_args):
        element_args = [element_args]
    if not element_args:
        return iter(())
    return zip(*element_args, strict=False)


def fixed_arguments(fixed_args: Any) -> list[Any]:
    """Return the arguments that all tasks share; one that is no list or tuple stands for itself."""
    return list(fixed_args) if isinstance(fixed_args, list | tuple) else [fixed_args]


def _is_list_of_iterables(given: Any) -> bool:
    if not isinstance(given, list):
        return False
    return not given or (isinstance(given[0], Iterable) and not isinstance(given[0], str | bytes))
