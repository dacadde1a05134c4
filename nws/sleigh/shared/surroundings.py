"""The master's environment variables and working folder, as far as they have changed since the
sleigh began: tasks of later calls find them so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

__all__ = ["Changes", "Surroundings", "WorkerSurroundings", "are_changes"]

Changes = tuple[()] | tuple[str, tuple[tuple[str, str | None], ...]]
"""Nothing, or the working folder (empty for that of the beginning) and variables with their values
(None for one that is gone)."""


_MAX_PATH_BYTES: Final = 4096
"""Of a working folder in which changes are noticed: the system's own limit for most calls."""


class Surroundings:
    """The master's side: notices changes.

    Attributes:
        environment: the variables as they were when the sleigh began.
    """

    def __init__(self, *, variables: bool, folder: bool) -> None:
        """Begin with what there is.

        Args:
            variables: look for changes of variables.
            folder: look for changes of the working folder.
        """
        self.environment = dict(os.environ)
        self._has_variables, self._has_folder = variables, folder
        self._folder = self._first_folder = _working_folder() if folder else ""
        self._place = _quick_getcwd() if folder else str
        self._seen_place = self._place()
        # To compare what is in os.environ with it takes a quarter of a microsecond; to compare
        # os.environ itself, which decodes all of it, takes a hundred times as long.
        self._variables: Any = getattr(os.environ, "_data", os.environ) if variables else {}
        self._seen = dict(self._variables)
        self._changes: Changes = ()

    def look(self) -> Changes:
        """Return what is not as it was when the sleigh began."""
        place = self._place()
        if place != self._seen_place or self._variables != self._seen:
            self._seen_place, self._seen = place, dict(self._variables)
            self._folder = _working_folder() if self._has_folder else ""
            self._changes = self._compare()
        return self._changes

    def _compare(self) -> Changes:
        before = self.environment
        now = before
        if self._has_variables:  # what was seen: another thread may change them meanwhile
            now = {os.fsdecode(name): os.fsdecode(value) for name, value in self._seen.items()}
        names = sorted(before.keys() | now.keys())
        changed = [(name, now.get(name)) for name in names if now.get(name) != before.get(name)]
        folder = self._folder if self._folder != self._first_folder else ""
        return (folder, tuple(changed)) if folder or changed else ()


def _quick_getcwd() -> Callable[[], object]:
    """Return a function whose value changes with the working folder.

    `os.getcwd` lets other threads run meanwhile. In a burst of submitted calls that costs more than
    all else, as the thread that receives results takes its turn each time.
    """
    try:
        import ctypes  # takes a millisecond, and only masters need it

        getcwd = ctypes.PyDLL(None).getcwd
    except (ImportError, OSError, TypeError, AttributeError):  # as on Windows
        return _working_folder
    getcwd.restype = ctypes.c_char_p
    path = ctypes.create_string_buffer(_MAX_PATH_BYTES)
    return partial(getcwd, path, _MAX_PATH_BYTES)  # None if it is gone


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it is gone: tasks stay where they are


class WorkerSurroundings:
    """A worker's side.

    Attributes:
        changes: as they were applied last.
    """

    def __init__(self) -> None:
        """Begin in a worker that was just started."""
        self.changes: Changes = ()
        self._former: dict[str, str | None] = {}  # of the variables that are changed
        self._folder = ""
        self._first_folder = _working_folder()

    def apply(self, changes: Changes) -> None:
        """Make this process's surroundings what the master's are, and undo former changes. Only
        what has changed is touched: the rest may be a task's own doing."""
        self.changes = changes
        folder, variables = changes or ("", ())
        wanted = dict(variables)
        for name in [name for name in self._former if name not in wanted]:
            _set(name, self._former.pop(name))
        for name, value in wanted.items():
            self._former.setdefault(name, os.environ.get(name))
            _set(name, value)
        if hasattr(time, "tzset"):
            time.tzset()  # TZ may be one of them
        if folder != self._folder:
            self._folder = folder
            with suppress(OSError):  # it is not on this machine
                os.chdir(folder or self._first_folder)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def are_changes(thing: Any) -> bool:
    """Tell whether `Surroundings.look` may have returned this."""
    try:
        folder, variables = thing
        return (
            type(thing) is type(variables) is tuple
            and type(folder) is str
            and all(
                type(name) is str and type(value) in (str, type(None)) for name, value in variables
            )
        )
    except (TypeError, ValueError):
        return False
