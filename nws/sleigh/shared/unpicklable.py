"""Which variable of a function cannot be pickled: pickle itself names only the type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["name_unpicklable"]


def name_unpicklable(things: Iterable[Any], pack: Callable[[Any], Any]) -> str:
    """Return a text about the first variable of these functions that cannot be pickled, to be put
    behind a reason; an empty one if there is none.

    Args:
        things: functions, and others, which are left out.
        pack: raises what pickle raises.
    """
    for function in things:
        if isinstance(function, FunctionType):
            for name, value in _variables(function):
                try:
                    pack(value)
                except Exception:
                    kind = type(value).__qualname__
                    return f" (the variable {name!r} of {function.__qualname__} holds a {kind})"
    return ""


def _variables(function: FunctionType) -> list[tuple[str, Any]]:
    """Return what a function uses of its module and of the functions around it."""
    try:
        used = inspect.getclosurevars(function)
    except ValueError:
        return []  # a variable of a function around it has no value yet
    found = {**used.globals, **used.nonlocals}
    return [each for each in found.items() if not isinstance(each[1], ModuleType)]
