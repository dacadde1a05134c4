"""Keeps a sleigh from starting the program that makes it again and again.

A sleigh starts Python again for its server and supervisors. Where that starts the program instead
(it is frozen, or Python is part of it), the program would make a sleigh, and so on. So processes
that are started carry a mark until they are what they were started for. Likewise a module that
makes a sleigh while it is imported: workers import it too.
"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Final

from nws.errors import SleighScriptException

__all__ = ["CHILD_MARK", "check_generation", "freeze_support", "is_worker", "note_worker"]

CHILD_MARK: Final = "NWS_SLEIGH_CHILD"
"""A variable of the environment of a process that is started and has not got our code yet."""

_workers: list[int] = []
"""The process id of this worker, or of that of which this is a fork; else empty."""


def note_worker() -> None:
    """Take note that this process is a worker."""
    _workers.append(os.getpid())


def is_worker() -> bool:
    """Tell whether this process is a worker, or a fork of one."""
    return bool(_workers)


def check_generation() -> None:
    """Make sure that this process may start others for a sleigh.

    Raises:
        SleighScriptException: it may not, or does not know how.
    """
    if CHILD_MARK in os.environ:
        raise SleighScriptException(
            f"a sleigh has started {sys.executable!r} as its Python, but that runs this program "
            "again: call nws.sleigh.freeze_support() before anything else in a frozen program, or "
            "set sys.executable to a Python"
        )
    if not sys.executable:
        raise SleighScriptException(
            "sys.executable does not say where Python is: set it, or use workers elsewhere"
        )
    module = _module_being_imported() if _workers else ""
    if module:
        raise SleighScriptException(
            f"the module {module!r} makes a sleigh while a worker imports it: make it in a "
            "function, or below `if __name__ == '__main__':`"
        )


def _module_being_imported() -> str:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        name: str = frame.f_globals.get("__name__", "__main__")
        if frame.f_code.co_name == "<module>" and name != "__main__":
            return name
        frame = frame.f_back
    return ""


def freeze_support() -> None:
    """Run what a sleigh has started this program for, and end; if it was not so started, return.

    A frozen program calls it before anything else, like `multiprocessing.freeze_support`. That one
    may be called instead, as ``multiprocessing.freeze_support()``, once `nws.sleigh` is imported.
    """
    if CHILD_MARK in os.environ and sys.argv[-2:-1] == ["-c"]:  # behind options for Python
        code = sys.argv.pop()
        sys.argv[1:] = ["-c"]
        exec(code, {"__name__": "__main__"})
        sys.exit()


def _support_multiprocessing() -> None:
    import multiprocessing

    multiprocessing.freeze_support = freeze_support


if CHILD_MARK in os.environ:
    _support_multiprocessing()
