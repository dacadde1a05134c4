"""The arguments of a call, from the forms in which the user may give them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.functions import INVOKE

__all__ = [
    "checked_size",
    "checked_time",
    "count_of",
    "fixed_arguments",
    "fixed_keywords",
    "task_arguments",
]


def task_arguments(element_args: Any) -> Iterator[tuple[Any, ...]]:
    """Return the varying arguments of each task.

    ``element_args`` is a list of iterables, one for each argument; the shortest one ends the tasks.
    Where one argument varies, the list around it may be left out. A string or bytes object counts
    as one argument, not as an iterable.

    Raises:
        SleighIllegalValueException: something in it is no iterable.
    """
    given_list = _listed(element_args)
    for given in given_list:
        if not _varies(given):
            raise SleighIllegalValueException(
                f"elementArgs: {given!r} is not an iterable of arguments; "
                "what is the same for all elements belongs into fixedArgs"
            )
    return zip(*given_list, strict=False)


def fixed_arguments(fixed_args: Any) -> list[Any]:
    """Return the arguments that all tasks share; one that is no list or tuple stands for itself."""
    return list(fixed_args) if isinstance(fixed_args, list | tuple) else [fixed_args]


def fixed_keywords(fixed_kwargs: Mapping[str, Any] | None, kind: str) -> dict[str, Any]:
    """Return the keyword arguments that all elements share.

    Raises:
        SleighIllegalValueException: their names are not strings, or nothing is called with them.
    """
    keywords = dict(fixed_kwargs or {})
    if not all(isinstance(name, str) for name in keywords):
        raise SleighIllegalValueException(f"fixedKwargs={keywords!r}: names must be strings")
    if keywords and kind != INVOKE:
        raise SleighIllegalValueException(f"fixedKwargs cannot be used with type={kind!r}")
    return keywords


def _listed(element_args: Any) -> list[Any]:
    """Put the list around a single iterable that the user may have left out."""
    if isinstance(element_args, str | bytes):
        element_args = [element_args]
    if not isinstance(element_args, list) or (element_args and not _varies(element_args[0])):
        return [element_args]
    return list(element_args)


def _varies(given: Any) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str | bytes)


def count_of(element_args: Any) -> int | None:
    """Return the number of elements that `task_arguments` will give, or None if it is not known."""
    given = _listed(element_args)
    if not given:
        return 0
    return min(map(len, given)) if all(isinstance(each, Sized) for each in given) else None


def checked_size(size: int | None) -> int | None:
    """Return the size of tasks that the user wants, or raise SleighIllegalValueException."""
    return None if size is None else _whole_number("chunkSize", size, 1)


def checked_retries(retries: int) -> int:
    """Return how often an element is tried again, or raise SleighIllegalValueException."""
    return _whole_number("retries", retries, 0)


def _whole_number(name: str, number: int, least: int) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        raise SleighIllegalValueException(f"{name}={number!r} is not a whole number") from None
    if whole < least:
        raise SleighIllegalValueException(f"{name}={whole} is less than {least}")
    return whole


def checked_time(timeout: float | None) -> float:
    """Return the user's timeout, 0.0 for none, or raise SleighIllegalValueException."""
    if timeout is not None and not timeout > 0:
        raise SleighIllegalValueException(f"timeout={timeout} is not more than zero")
    return timeout or 0.0
