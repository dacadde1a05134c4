"""Read a pickle without running what is in it.

Nothing that a pickle names is imported or called. Objects of a few safe types are made
(``safe_types.py``); for everything else there are stand-ins (``standins.py``). No type and no
function of this process is ever passed to the pickle, so there is nothing that it could call or
change.

The reader is built on Python's own unpickler, the one written in Python, of which each step can be
replaced. The one in C cannot be changed like that, and cannot read an object whose class was made
by a call. Between the steps an alarm can interrupt it.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, TypeAlias
from uuid import UUID

from nws_babelfish.keys import check_key
from nws_babelfish.safe_types import fill_uuid, make
from nws_babelfish.standins import GlobalName, StandIn

__all__ = ["read_pickle"]

_Step: TypeAlias = "Callable[[Any], None]"

_OLD_MODULES: Final = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}
"""Names in Python 2, and in protocols 0 to 2."""

_MADE_BY_CLASS: Final = {"__newobj__", "__newobj_ex__", "_reconstructor"}
"""Functions of `copyreg` that make an object of a class."""


def read_pickle(
    data: bytes | bytearray | memoryview,
    *,
    buffers: Iterable[Any] | None = None,
    encoding: str = "ASCII",
) -> Any:
    """Read a pickle; the arguments are those of `pickle.loads`.

    Returns:
        The value, with a `StandIn` for every object whose type is not known to be safe, and a
        `GlobalName` for every class and function. A missing buffer is a stand-in too.

    Raises:
        Exception: the data are not a valid pickle. It can be of nearly any type.
    """
    return _Reader(io.BytesIO(data), buffers=buffers or (), encoding=encoding).load()


class _Reader(pickle._Unpickler):
    """Python's unpickler, with all steps replaced that call, look up or change anything."""

    # Of the base class; it has no annotations.
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    _buffers: Any

    def find_class(self, module: str, name: str) -> Any:
        return GlobalName(_OLD_MODULES.get(module, module), name)

    def persistent_load(self, pid: Any) -> Any:
        return StandIn(GlobalName("pickle", "persistent_load"), (pid,))

    def get_extension(self, code: int) -> None:
        self.append(StandIn(GlobalName("copyreg", "extension"), (code,)))

    # Calls

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], arguments)

    def _newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], arguments)

    def _newobj_ex(self) -> None:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], arguments, keywords)

    def _instantiate(self, function: Any, arguments: list[Any]) -> None:
        self.append(_call(function, tuple(arguments)))

    # Changes

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is StandIn:
            target.state = state
        elif type(target) is UUID:
            fill_uuid(target, state)
        elif type(target) is not OrderedDict:  # its attributes would not be shown
            raise _misfit("attributes", target)

    def _append(self) -> None:
        value = self.stack.pop()
        _extend(self.stack[-1], [value])

    def _appends(self) -> None:
        items = self.pop_mark()
        _extend(self.stack[-1], items)

    def _additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is StandIn:
            target.items += items
        elif type(target) is set:
            for item in items:
                check_key(item)
                target.add(item)
        else:
            raise _misfit("members", target)

    def _setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        _set_items(self.stack[-1], [key, value])

    def _setitems(self) -> None:
        items = self.pop_mark()
        _set_items(self.stack[-1], items)

    # Steps in which the base class makes objects larger than the pickle, or with unchecked keys

    def _dict(self) -> None:
        items = self.pop_mark()
        made: dict[Any, Any] = {}
        _set_items(made, items)
        self.append(made)

    def _frozenset(self) -> None:
        items = self.pop_mark()
        for item in items:
            check_key(item)
        self.append(frozenset(items))

    def _bytearray(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))

    # Buffers outside of the pickle

    def _next_buffer(self) -> None:
        missing = StandIn(GlobalName("pickle", "missing_buffer"))
        self.append(next(self._buffers, missing))

    def _readonly_buffer(self) -> None:
        pass  # a value that is only shown is not written to

    dispatch: ClassVar[dict[int, _Step]] = {
        **pickle._Unpickler.dispatch,
        pickle.ADDITEMS[0]: _additems,
        pickle.APPENDS[0]: _appends,
        pickle.APPEND[0]: _append,
        pickle.BUILD[0]: _build,
        pickle.BYTEARRAY8[0]: _bytearray,
        pickle.DICT[0]: _dict,
        pickle.FROZENSET[0]: _frozenset,
        pickle.NEWOBJ_EX[0]: _newobj_ex,
        pickle.NEWOBJ[0]: _newobj,
        pickle.NEXT_BUFFER[0]: _next_buffer,
        pickle.READONLY_BUFFER[0]: _readonly_buffer,
        pickle.REDUCE[0]: _reduce,
        pickle.SETITEMS[0]: _setitems,
        pickle.SETITEM[0]: _setitem,
    }


def _call(function: Any, arguments: Any, keywords: Any = None) -> Any:
    """Return a stand-in for a call, or a real object of a safe type."""
    keywords = {} if keywords is None else keywords
    if type(arguments) is not tuple or type(keywords) is not dict:
        raise pickle.UnpicklingError("the arguments of a call are damaged")
    if not all(type(name) is str for name in keywords):
        raise pickle.UnpicklingError("the names of arguments are damaged")
    if type(function) is not GlobalName:
        return StandIn(function, arguments, keywords)
    if function.module == "copyreg" and function.name in _MADE_BY_CLASS and arguments:
        return _make_by_class(function, arguments)
    if not keywords:
        try:
            return make(function, arguments)
        except MemoryError:
            raise
        except Exception:
            pass  # it is shown as a call
    return StandIn(function, arguments, keywords)


def _make_by_class(function: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """Call a class as the functions in `copyreg` would do."""
    kind, *rest = arguments
    if function.name == "__newobj__":
        return _call(kind, tuple(rest))
    if function.name == "__newobj_ex__" and len(rest) == 2:
        return _call(kind, *rest)
    if function.name == "_reconstructor" and len(rest) == 2:
        base, state = rest
        plain = type(base) is GlobalName and base.text == "object"
        return _call(kind, ()) if plain else StandIn(kind, (state,))
    return StandIn(function, arguments)


def _extend(target: Any, items: Sequence[Any]) -> None:
    if type(target) is StandIn:
        target.items += items
    elif type(target) in (list, deque):
        target.extend(items)
    else:
        raise _misfit("items", target)


def _set_items(target: Any, items: Sequence[Any]) -> None:
    pairs = zip(items[::2], items[1::2], strict=True)
    if type(target) is StandIn:
        target.pairs += pairs
    elif type(target) in (dict, OrderedDict, Counter):
        for key, value in pairs:
            check_key(key)
            target[key] = value
    else:
        raise _misfit("keys", target)


def _misfit(what: str, target: object) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"{what} for an object of type {type(target).__name__}")
