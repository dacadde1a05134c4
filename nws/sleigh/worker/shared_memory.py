"""Shared memory that a task attaches outlives the worker.

Python's resource tracker destroys at the end of a process all shared memory that the process has
used, whoever has made it. Only relatives of the maker share a tracker, and workers are none. So
workers have no tracker for it: shared memory is there until somebody unlinks it. Processes that
`multiprocessing` starts for a task, by ``spawn`` or ``forkserver``, use the tracker of the worker,
as theirs do. That one leaves shared memory alone too, and cleans up all else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any, Final

__all__ = ["track_no_shared_memory"]

_KEEP: Final = (
    "import warnings; from multiprocessing import resource_tracker; "
    "resource_tracker._CLEANUP_FUNCS['shared_memory'] = lambda name: None; "
    "warnings.filterwarnings('ignore', '.* leaked shared_memory '); "
)
"""Run by a tracker before all else."""


def track_no_shared_memory() -> None:
    """Let this process, and those that it forks or `multiprocessing` starts for it, leave shared
    memory alone.

    The modules take 10 ms to import and few tasks need them, so they are changed when they do.
    """
    for name, change in _CHANGES.items():
        if name in sys.modules:
            change(sys.modules[name])
        else:
            sys.meta_path.insert(0, _Finder(name, change))


class _Finder(MetaPathFinder):
    """Waits for the import of a module, and changes it."""

    def __init__(self, name: str, change: Callable[[Any], None]) -> None:
        self._name = name
        self._change = change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                self._change(module)

            loader.exec_module = execute_and_change
        return spec


def _register_nothing(shared_memory: Any) -> None:
    """Change the module that makes and attaches shared memory here."""
    shared_memory.resource_tracker = SimpleNamespace(register=_ignore, unregister=_ignore)


def _ignore(*_: object) -> None:
    pass


def _start_another_tracker(resource_tracker: Any) -> None:
    """Change the module that starts the tracker: the last argument of a tracker is what it runs."""
    util = resource_tracker.util

    def start(path: Any, arguments: Sequence[str], fds: Any) -> int:
        pid: int = util.spawnv_passfds(path, [*arguments[:-1], _KEEP + arguments[-1]], fds)
        return pid

    resource_tracker.util = SimpleNamespace(**{**vars(util), "spawnv_passfds": start})


_CHANGES: Final = {
    "multiprocessing.shared_memory": _register_nothing,
    "multiprocessing.resource_tracker": _start_another_tracker,
}
