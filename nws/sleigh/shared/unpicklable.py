"""Which variable of a function cannot be pickled: pickle itself names only the type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from types import FunctionType, ModuleType
from typing import Any, Final

__all__ = ["name_unpicklable"]

_NOT_SENT: Final = ("__dict__", "__weakref__", "_abc_impl")
"""What each class has for itself."""


def name_unpicklable(
    things: Iterable[Any], pack: Callable[[Any], Any], above: Collection[Any] = ()
) -> str:
    """Return a text about the first variable of these functions and classes, or of those that they
    use, that cannot be pickled, to be put behind a reason; an empty one if there is none.

    Args:
        things: functions, classes, and others, which are left out.
        pack: raises what pickle raises.
        above: functions and classes that led here.
    """
    for thing in things:
        for name, value in _parts(thing):
            if _can_be_pickled(value, pack) or any(value is each for each in above):
                continue
            deeper = name_unpicklable([value], pack, [*above, thing])
            what = "attribute" if isinstance(thing, type) else "variable"
            kind = type(value).__qualname__
            return deeper or f" (the {what} {name!r} of {thing.__qualname__} holds a {kind})"
    return ""


def _can_be_pickled(value: Any, pack: Callable[[Any], Any]) -> bool:
    try:
        pack(value)
    except Exception:
        return False
    return True


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """Return what a function uses of its module and of the functions around it, or the attributes
    of a class."""
    if isinstance(thing, type):
        return [each for each in vars(thing).items() if each[0] not in _NOT_SENT]
    if not isinstance(thing, FunctionType):
        return []
    try:
        used = inspect.getclosurevars(thing)
    except ValueError:
        return []  # a variable of a function around it has no value yet
    found = {**used.globals, **used.nonlocals}
    return [each for each in found.items() if not isinstance(each[1], ModuleType)]
