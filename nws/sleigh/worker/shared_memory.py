"""Shared memory that a task attaches outlives the worker.

Python's resource tracker destroys at the end of a process all shared memory that the process has
used, whoever has made it. Only relatives of the maker share a tracker, and workers are none. So
workers have no tracker for it: shared memory is there until somebody unlinks it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any, Final

__all__ = ["track_no_shared_memory"]

_MODULE: Final = "multiprocessing.shared_memory"


def track_no_shared_memory() -> None:
    """Let this process, and those that it forks, leave shared memory alone.

    The module takes 10 ms to import and few tasks need it, so it is changed when they do.
    """
    if _MODULE in sys.modules:
        _change(sys.modules[_MODULE])
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Waits for the import of the module."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                _change(module)

            loader.exec_module = execute_and_change
        return spec


def _change(module: Any) -> None:
    module.resource_tracker = SimpleNamespace(register=_ignore, unregister=_ignore)


def _ignore(*_: object) -> None:
    pass
