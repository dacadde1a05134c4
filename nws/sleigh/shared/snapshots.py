"""Snapshots of functions: a function that is as it was need not be packed or loaded again.

What can be imported travels by name. A function of the main program travels by value: with its byte
code, and with what it uses by global names, in closures and as defaults. To pack that takes longer
than a short call, and so does loading it. A snapshot holds what the function depends on, so that
one can see whether it still does. There is one only if all of that is constant: numbers and texts,
what travels by name, and other such functions. A list may change unseen, and so may what a function
can reach by `globals` or `sys`.
"""

from __future__ import annotations

import builtins
import dis
import gc
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

from cloudpickle import list_registry_pickle_by_value

from nws.sleigh.shared.pickler import can_be_imported

__all__ = ["Snapshot", "is_found_by_name", "snapshot_of"]

_CONSTANTS: Final = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented)}
)
_BY_NAME: Final = (FunctionType, BuiltinFunctionType, type)
_OF_MODULE: Final = ("__package__", "__name__", "__path__", "__file__")
"""Global names that travel with each function."""

_REACHING_NAMES: Final = frozenset({"globals", "vars", "eval", "exec", "__builtins__"})
_REACHING_MODULES: Final = (sys, builtins, inspect, gc)
"""By these a function may come at any names, whatever it uses itself."""

_REACHING: Final = frozenset({"__main__", *(module.__name__ for module in _REACHING_MODULES)})

_MAX_DEPTH: Final = 4
_MAX_ITEMS: Final = 64
"""Of a tuple. More would take as long as packing it."""

_ABSENT: Final = object()
_MAX_FUNCTIONS: Final = 16
"""To compare more would take as long as packing them."""

_MAX_CODES: Final = 256


class Snapshot:
    """A function as it is when this is made.

    Attributes:
        is_by_name: it travels by name, and so never changes where it has arrived.
    """

    def __init__(self, function: Any, parts: dict[FunctionType, tuple[Any, ...]]) -> None:
        """Made by `snapshot_of`."""
        self._function = function
        self._parts = tuple(parts.items())
        self._named = [*_named_in(tuple(parts.values()))]
        self._modules = len(sys.modules)
        self.is_by_name = not parts

    def holds(self) -> bool:
        """Tell whether nothing has changed: it would be packed alike, and does the same."""
        if self.is_by_name:
            return can_be_imported(self._function)
        if len(sys.modules) != self._modules:
            return False  # a function travels with the submodules that it uses and that are there
        try:
            if not all(all(map(is_, parts, _parts_of(each))) for each, parts in self._parts):
                return False
        except ValueError:  # a variable of a closure was deleted
            return False
        return all(map(_is_found, self._named))


def is_found_by_name(function: Any) -> bool:
    """Tell whether a function travels by its name."""
    return type(function) in (FunctionType, BuiltinFunctionType) and can_be_imported(function)


def snapshot_of(function: Any) -> Snapshot | None:
    """Return a snapshot of a function; None if a change of it might not be seen, or if it is no
    function."""
    if type(function) not in (FunctionType, BuiltinFunctionType):
        return None
    parts: dict[FunctionType, tuple[Any, ...]] = {}
    waiting = [function]
    while waiting:
        each = waiting.pop()
        if each in parts or _travels_by_name(each):
            continue
        if type(each) is not FunctionType or len(parts) == _MAX_FUNCTIONS:
            return None
        if _reaches_all(each.__code__):
            return None
        try:
            parts[each] = found = _parts_of(each)
        except Exception:  # of its annotations, say
            return None
        for part in found:
            if type(part) is FunctionType:
                waiting.append(part)
            elif not _is_constant(part):
                return None
        if each.__dict__:
            return None
    return Snapshot(function, parts)


def _parts_of(function: FunctionType) -> tuple[Any, ...]:
    """Return all that a function depends on, always in the same order."""
    names = function.__globals__
    code = function.__code__
    return (
        code,
        function.__name__,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        function.__defaults__,
        len(names),  # else names that it finds in another way might be set unseen
        len(function.__dict__),
        *(function.__kwdefaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
        *function.__annotations__,
        *function.__annotations__.values(),
        *[cell.cell_contents for cell in function.__closure__ or ()],
        *[names.get(name, _ABSENT) for name in _global_names(code)],
    )


@lru_cache(maxsize=_MAX_CODES)
def _global_names(code: CodeType) -> tuple[str, ...]:
    return tuple(sorted({*_OF_MODULE, *_names_in(code)}))


@lru_cache(maxsize=_MAX_CODES)
def _reaches_all(code: CodeType) -> bool:
    """Tell whether a function may come at names that do not stand in it."""
    imported = {name.partition(".")[0] for name in _names_in(code, "IMPORT_NAME")}
    return not (_REACHING.isdisjoint(imported) and _REACHING_NAMES.isdisjoint(_names_in(code)))


def _names_in(code: CodeType, operation: str = "_GLOBAL") -> Iterator[str]:
    """Return the names that a function's operations of a kind name."""
    for instruction in dis.get_instructions(code):
        if instruction.opname.endswith(operation):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant, operation)


def _is_constant(part: Any, depth: int = _MAX_DEPTH) -> bool:
    """Tell whether a thing cannot change, so that its identity says all."""
    kind = type(part)
    if kind in _CONSTANTS or kind is CodeType or part is _ABSENT:
        return True
    if kind is tuple or kind is frozenset:
        is_small = depth > 0 and len(part) <= _MAX_ITEMS
        return is_small and all(_is_constant(item, depth - 1) for item in part)
    return not any(part is module for module in _REACHING_MODULES) and _travels_by_name(part)


def _travels_by_name(thing: Any) -> bool:
    return isinstance(thing, (ModuleType, *_BY_NAME)) and _is_found(thing)


def _is_found(thing: Any) -> bool:
    """Tell whether others find a thing by its name: not what was replaced by a reload, say."""
    if type(thing) is ModuleType:
        by_value = list_registry_pickle_by_value()
        return sys.modules.get(thing.__name__) is thing and not by_value
    return can_be_imported(thing)


def _named_in(parts: Iterable[Any]) -> Iterator[Any]:
    """Return all that travels by its name."""
    for part in parts:
        if type(part) is tuple or type(part) is frozenset:
            yield from _named_in(part)
        elif _travels_by_name(part):
            yield part
