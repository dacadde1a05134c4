"""The pickler of a sleigh: one pass, by name what others can import, by value the rest.

It is cloudpickle's, but for three things. A class that has come home from a worker is left as it
is: the master may have changed it meanwhile. Byte code names the Python and the machine that it is
from, and is refused by any other Python, which would crash or, worse, compute something else. And
objects of importable classes are not slowed down by what is done for functions and classes.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import platform
import sys
import threading
import uuid
import weakref
from abc import ABCMeta
from collections.abc import Callable
from enum import Enum
from functools import cached_property
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)
from typing import Any, Final, NamedTuple

import cloudpickle

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.decorated import (
    CACHED_FUNCTION,
    is_dispatching,
    reduced_cache,
    reduced_dispatch,
    reduced_property,
)
from nws.sleigh.shared.generation import is_worker

__all__ = ["Pickler", "can_be_imported", "pickled"]

_ORIGIN: Final = (
    platform.python_implementation(),
    f"{sys.version_info.major}.{sys.version_info.minor}",
    platform.node(),
)
"""Implementation and version of this Python, and its machine."""


_SPAWNED_MAIN: Final = "__mp_main__"
"""What `multiprocessing` calls the main program in a process that it has not forked."""

_MAIN_PROGRAMS: Final = ("__main__", _SPAWNED_MAIN)

_OF_CTYPES: Final = (
    "what ctypes loads or makes lives in one process: load it in the function, or in a module that "
    "can be imported"
)


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no type hints
    """Pickles one object; see `pickled`."""

    # Not cloudpickle's: these are in C, and most pickles are small.
    __init__ = pickle.Pickler.__init__
    dump = pickle.Pickler.dump
    dispatch_table = copyreg.dispatch_table

    @cached_property
    def globals_ref(self) -> dict[int, dict[str, Any]]:
        """What cloudpickle notes of functions that travel by value."""
        return {}

    def reducer_override(self, thing: Any) -> Any:
        """Return how to pickle an object, or NotImplemented for the usual way."""
        kind = type(thing)
        reduced = _REDUCERS.get(kind)
        if reduced is not None:
            return reduced(thing)
        if kind is MethodType:
            return self._reduced_method(thing)
        if kind is FunctionType:
            if can_be_imported(thing):
                return NotImplemented
            return (
                reduced_dispatch(thing) if is_dispatching(thing) else self._reduced_by_value(thing)
            )
        if isinstance(thing, type) and not can_be_imported(thing):
            if type(thing).__module__ == "_ctypes":
                raise pickle.PicklingError(_OF_CTYPES)
            return _reduced_class(thing, self._reduced_by_value(thing))
        return NotImplemented

    def _reduced_by_value(self, thing: Any) -> Any:
        """Return how to pickle a function or class that may not be there elsewhere."""
        if thing.__module__ == _SPAWNED_MAIN:
            main = sys.modules.get(_SPAWNED_MAIN)
            if main is not None and main.__name__ == _SPAWNED_MAIN:
                cloudpickle.register_pickle_by_value(main)
        return super().reducer_override(thing)

    def _reduced_method(self, method: Any) -> Any:
        """The function of a class method is known to its class only."""
        function, owner = method.__func__, method.__self__
        if isinstance(owner, type) and can_be_imported(owner):
            name = getattr(function, "__name__", "")
            if getattr(owner, name, None) == method:
                return getattr, (owner, name)
        return MethodType, (function, owner)


def can_be_imported(thing: Any) -> bool:
    """Tell whether a function or class is found by its name on other machines too. There may be
    others; this is the quick way for most."""
    module = getattr(thing, "__module__", None)
    return (
        module not in _MAIN_PROGRAMS
        and getattr(sys.modules.get(module or ""), thing.__name__, None) is thing
        and not cloudpickle.list_registry_pickle_by_value()
    )


def pickled(
    thing: Any, buffer_callback: Callable[[Any], object], pickler: type[Pickler] = Pickler
) -> bytes:
    """Pickle an object in one pass: it is asked for its state once.

    Raises:
        Exception: whatever the object's own methods raise, or what pickle says of it.
    """
    file = io.BytesIO()
    pickler(file, 5, buffer_callback=buffer_callback).dump(thing)
    return file.getvalue()


# Byte code


def _reduced_code(code: CodeType) -> Any:
    _, arguments = _reduced_by_cloudpickle[CodeType](code)
    # cloudpickle has another name, under which no traceback would find the source.
    return _code, (_ORIGIN, code.co_filename, arguments)


def _code(origin: tuple[str, str, str], file: str, arguments: tuple[Any, ...]) -> CodeType:
    if origin[:2] != _ORIGIN[:2]:
        raise SleighIllegalValueException(
            f"a function was sent as byte code of {_shown(origin)}, which {_shown(_ORIGIN)} cannot "
            "run: put it into a module that can be imported on both, or use the same Python"
        )
    return CodeType(*arguments).replace(co_filename=file)


def _shown(origin: tuple[str, str, str]) -> str:
    implementation, version, machine = origin
    return f"{implementation} {version} on {machine}"


def _reduced_cached_function(function: Any) -> Any:
    has_name = hasattr(function, "__name__")  # a partial, for one, has none
    return NotImplemented if has_name and can_be_imported(function) else reduced_cache(function)


# Classes that travel by value

_names: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
_own: weakref.WeakSet[type] = weakref.WeakSet()
"""Classes that were made in this process, and not unpickled."""

_naming = threading.Lock()

_SLOT_TYPES: Final = (MemberDescriptorType, GetSetDescriptorType)
"""What stands in a class for a slot; the second for `__dict__` and `__weakref__`."""


def _reduced_class(kind: type, reduced: Any) -> Any:
    if reduced is NotImplemented or len(reduced) < 6:
        return reduced  # it travels by name
    make, arguments, state, _, _, fill = reduced
    if _has_plain_slots(kind):
        arguments, state = _with_slots(kind, arguments, state)
    given = fill, state, _attributes_of_members(kind)
    return _class, (_name_of(kind), make, arguments), given, None, None, _fill


def _attributes_of_members(kind: type) -> dict[str, dict[str, Any]]:
    """Return what `__init__` or `__new__` of an enumeration has given to its members: cloudpickle
    makes these from their values only."""
    if not issubclass(kind, Enum):
        return {}
    return {
        member.name: {
            name: found
            for name, found in vars(member).items()
            if not (name.startswith("_") and name.endswith("_"))  # those are the enumeration's own
        }
        for member in kind
    }


def _has_plain_slots(kind: type) -> bool:
    """Tell whether a class has slots that are given when it is made: other metaclasses, and that of
    named tuples, may refuse them, or add them by themselves."""
    return (
        "__slots__" in vars(kind)
        and type(kind).__new__ in (type.__new__, ABCMeta.__new__)
        and NamedTuple not in vars(kind).get("__orig_bases__", ())
    )


def _with_slots(kind: type, arguments: Any, state: Any) -> tuple[Any, Any]:
    """Let a class be made with its slots: cloudpickle sets `__slots__` of one that has been made
    without, whose objects could not come back."""
    constructor, name, bases, first, *rest = arguments
    slots = [
        name
        for name, found in vars(kind).items()
        if isinstance(found, _SLOT_TYPES) and found.__objclass__ is kind
    ]
    first = {**first, "__slots__": tuple(slots)}
    later = {each: found for each, found in state[0].items() if each not in slots}
    return (constructor, name, bases, first, *rest), (later, *state[1:])


def _name_of(kind: type) -> str:
    """Return the name of a class among all processes."""
    with _naming:
        name = _names.get(kind)
        if name is None:
            name = _names[kind] = uuid.uuid4().hex
            _classes[name] = kind
            _own.add(kind)
        return name


def _class(name: str, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """Return the class of this name, made if it is new here."""
    kind = _classes.get(name)
    if kind is None:
        made = make(*arguments)
        with _naming:
            kind = _classes.setdefault(name, made)
            _names[kind] = name
    return kind


def _fill(kind: type, given: tuple[Callable[[type, Any], object], Any, dict[str, Any]]) -> None:
    """Set the attributes of a class, unless it has come home. In a worker, pickle finds it then by
    its name, as in the main program."""
    fill, state, attributes = given
    if kind not in _own:
        fill(kind, state)
        for member, its in attributes.items():
            vars(getattr(kind, member)).update(its)
        of_main = kind.__module__ in _MAIN_PROGRAMS and kind.__qualname__ == kind.__name__
        if of_main and is_worker():
            setattr(sys.modules["__main__"], kind.__name__, kind)


_reduced_by_cloudpickle: Final[dict[type, Callable[[Any], Any]]] = dict(
    cloudpickle.Pickler.dispatch_table.maps[0]
)
_REDUCERS: Final = {
    kind: reduced for kind, reduced in _reduced_by_cloudpickle.items() if kind is not MethodType
} | {
    CodeType: _reduced_code,
    CACHED_FUNCTION: _reduced_cached_function,
    cached_property: reduced_property,
}
