"""Modules that the master has reloaded: workers that have an older version start afresh."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

__all__ = ["LoadedModules", "Reloaded", "Reloads"]

Reloaded = tuple[tuple[str, str], ...]
"""Names of modules, and what their files are by now."""

_NO_MODULE: Final = ModuleType("none")

_LIBRARIES: Final = tuple({sys.prefix, sys.base_prefix, str(Path(__file__).parents[3] / "nws")})
"""Nobody reloads what is in these folders."""


class Reloads:
    """The master's side: notices that modules of the user were loaded again."""

    def __init__(self) -> None:
        """Begin with the modules as they are."""
        self._count = 0
        self._specs: dict[str, Any] = {}
        self._reloaded: dict[str, str] = {}
        self.look()

    def look(self) -> Reloaded:
        """Return the modules that were reloaded so far."""
        modules = sys.modules
        if len(modules) != self._count:
            self._count = len(modules)
            for name, module in list(modules.items()):
                if name not in self._specs and _is_of_user(name, module):
                    self._specs[name] = _spec_of(module)
        for name, spec in self._specs.items():
            module = modules.get(name, _NO_MODULE)
            if module is not _NO_MODULE and _spec_of(module) is not spec:
                self._specs[name] = _spec_of(module)
                self._reloaded[name] = _file_digest(module) if _is_from_file(module) else ""
        return tuple(self._reloaded.items()) if self._reloaded else ()


class LoadedModules:
    """A worker's side: knows which version of a module it has."""

    def __init__(self) -> None:
        """Begin in a worker that has loaded no module of the user."""
        self._known = dict.fromkeys(sys.modules, "")  # these cannot become newer by a restart
        self._right: dict[str, str] = {}  # were what the master had, when they were imported

    def is_older(self, reloaded: Reloaded) -> bool:
        """Tell whether this process has an older version of a module."""
        for name, digest in reloaded:
            if name not in sys.modules:
                self._known[name] = digest  # it will be imported as it is now
            elif self._known.get(name) not in (digest, ""):
                return True
        return False

    def problem(self, reloaded: Iterable[tuple[str, str]]) -> str:
        """Say which module is another one here than the master has; nothing if there is none."""
        for name, digest in reloaded:
            module = sys.modules.get(name)
            if module is None or self._right.get(name) == digest:
                continue  # its file may have been edited since: without a reload that is nothing
            if _file_digest(module) == digest:
                self._right[name] = digest
            else:
                return (
                    f"the module {name!r} was reloaded by the master, but its file on "
                    f"{platform.node()}, {module.__file__}, is another one by now: "
                    "reload it again, or copy it there\n"
                )
        return ""


def _spec_of(module: Any) -> Any:
    """Return what reloading a module replaces."""
    return module.__dict__.get("__spec__") if isinstance(module, ModuleType) else None


def _is_of_user(name: str, module: Any) -> bool:
    origin = getattr(_spec_of(module), "origin", None)
    return (
        name != "__main__"
        and isinstance(origin, str)
        and origin.endswith(".py")
        and not origin.startswith(_LIBRARIES)
    )


def _file_digest(module: ModuleType) -> str:
    return blake2b(_source_of(module), digest_size=8).hexdigest()


def _source_of(module: ModuleType) -> bytes:
    try:
        return Path(module.__file__ or "").read_bytes()
    except OSError:
        return b""  # it is gone


def _is_from_file(module: ModuleType) -> bool:
    """Tell whether the functions of a module are those in its file, which may be edited again."""
    try:
        defined = set(_codes_in(compile(_source_of(module), "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return False
    return all(
        each.__code__ in defined
        for each in vars(module).values()
        if isinstance(each, FunctionType) and each.__code__.co_filename == module.__file__
    )


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
