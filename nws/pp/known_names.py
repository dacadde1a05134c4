"""Names that a job's function finds on its worker: ``depfuncs``, ``modules`` and ``globals``.

What a function of the main program uses by its name travels with it anyway. These arguments add
what it finds in another way: names that only its helpers use, that are looked up while it runs, or
that the main program does not have.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from nws.pp.arguments import check_callable, check_tuple
from nws.sleigh.master.calls_report import name_of
from nws.sleigh.shared.generators import FunctionPickler
from nws.sleigh.shared.pickling import pack

__all__ = ["PreparedFunction", "prepared"]

_FUNCTIONS: Final = (FunctionType, BuiltinFunctionType, type)
_NONE: Final = ()


def prepared(
    func: Any, depfuncs: Any, modules: Any, namespace: Mapping[str, Any] | None
) -> Callable[..., Any]:
    """Return what is called in place of a function: itself, unless it is to find more names.

    Args:
        func, depfuncs, modules: see `nws.pp.Server.submit`.
        namespace: its ``globals``.

    Raises:
        TypeError: an argument has another type than it must have.
        ValueError: one of ``modules`` is neither a module's name nor an import statement.
    """
    function: Callable[..., Any] = func
    check_callable("func", func)
    if depfuncs is modules is _NONE and namespace is None:  # as a rule
        return function
    check_tuple("depfuncs", depfuncs)
    check_tuple("modules", modules)
    if namespace is not None and not isinstance(namespace, dict):
        raise TypeError(f"globals must be a dict, not {type(namespace).__name__}")
    if not (depfuncs or modules or namespace):
        return function
    for helper in depfuncs:
        check_callable("each of depfuncs", helper)
    imports = [_import_statement(module) for module in modules]
    names, found = _names_in(namespace or {})
    names.update((_name_of_def(helper), helper) for helper in depfuncs)
    if not names and not imports and not found:
        return function
    return PreparedFunction(function, names, [*found, *imports])


def _name_of_def(thing: Any) -> str:
    """Return the name with which a function or class was defined."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    return str(getattr(thing, "__name__", type(thing).__name__))


def _import_statement(module: Any) -> str:
    if not isinstance(module, str):
        raise TypeError(f"each of modules must be a string, not {type(module).__name__}")
    statement = module.strip()
    if statement.partition(" ")[0] not in ("import", "from"):
        statement = f"import {statement}"
    try:
        steps = ast.parse(statement).body
    except SyntaxError as error:
        raise ValueError(f"{module!r} is not the name of a module: {error.msg}") from error
    if not all(isinstance(step, (ast.Import, ast.ImportFrom)) for step in steps):
        raise ValueError(f"{module!r} is neither the name of a module nor an import statement")
    return statement


def _names_in(namespace: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the functions and classes of a namespace, and statements that import its modules.
    What cannot be sent is left out: nobody can tell whether the function needs it."""
    names: dict[str, Any] = {}
    imports: list[str] = []
    for name, value in namespace.items():
        if not isinstance(name, str):
            raise TypeError(f"the keys of globals must be strings, not {type(name).__name__}")
        if name.startswith("__") or not name.isidentifier():
            continue
        if isinstance(value, ModuleType):
            imports.append(f"import {value.__name__} as {name}")
        elif isinstance(value, _FUNCTIONS) and _can_be_sent(value):
            names[name] = value
    return names, imports


def _can_be_sent(thing: Any) -> bool:
    try:
        pack(thing, FunctionPickler)
    except Exception:
        return False
    return True


class PreparedFunction:
    """A function that finds further names on its worker. What arrives there is the function itself,
    so its tracebacks are as short as those of others."""

    def __init__(
        self, function: Callable[..., Any], names: dict[str, Any], imports: Sequence[str]
    ) -> None:
        """Prepare.

        Args:
            function: what is called.
            names: functions and classes by the names under which it is to find them.
            imports: import statements that bind further names.
        """
        self.__qualname__ = name_of(function)  # for those who look on
        self._function = function
        self._names = names
        self._imports = imports

    def __call__(self, *args: Any) -> Any:
        """Call the function here."""
        return self._function(*args)

    def __reduce__(self) -> Any:
        return _arrived, (self._function, self._names, self._imports)


def _arrived(
    function: Callable[..., Any], names: dict[str, Any], imports: Sequence[str]
) -> Callable[..., Any]:
    """Make names known to a function on its worker, and return it."""
    known = {**_imported(imports), **names}
    for thing in (function, *names.values()):
        for namespace in _namespaces_of(thing):
            if namespace is vars(sys.modules.get(namespace.get("__name__", ""), ast)):
                for name, value in known.items():  # of a module that others use as well
                    namespace.setdefault(name, value)
            else:
                namespace.update(known)
    return function


def _imported(statements: Iterable[str]) -> dict[str, Any]:
    """Return what import statements bind. One that fails is noted in the job's output: perhaps the
    job does not need it."""
    names: dict[str, Any] = {}
    for statement in statements:
        try:
            exec(statement, names)
        except Exception as error:
            print(f"pp: {statement!r} has failed: {error!r}")
    names.pop("__builtins__", None)
    return names


def _namespaces_of(thing: Any) -> Iterator[dict[str, Any]]:
    """Return the global names that a function sees, or the methods of a class or an object do."""
    while isinstance(thing, (functools.partial, MethodType, staticmethod, classmethod)):
        thing = thing.func if isinstance(thing, functools.partial) else thing.__func__
    if isinstance(thing, FunctionType):
        yield thing.__globals__
        yield from _namespaces_of(getattr(thing, "__wrapped__", None))
        return
    kind = thing if isinstance(thing, type) else type(thing)
    for member in vars(kind).values():
        if isinstance(member, (FunctionType, staticmethod, classmethod)):
            yield from _namespaces_of(member)
