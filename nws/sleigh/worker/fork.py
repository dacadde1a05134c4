"""Forks of a worker that a task makes: they are not workers, and end where the task ends."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from typing import Any, NoReturn

from nws.sleigh.shared.output import OutputWriter
from nws.sleigh.worker.exit_functions import disown_finalizers
from nws.sleigh.worker.runner import Runner

__all__ = ["end_forks_of"]


def end_forks_of(runner: Runner, writer: OutputWriter) -> None:
    """Let forks of this process end when the runner's function returns or raises in them, with the
    exit status of a Python program that does so. They touch nothing that they share with us."""

    def end(error: BaseException | None) -> NoReturn:
        status = 1
        try:
            status = _status_for(error)
            atexit._run_exitfuncs()
            writer.finish_line()
        finally:
            os._exit(status)

    def note_fork() -> None:
        disown_finalizers()
        runner.end_fork = end

    os.register_at_fork(after_in_child=note_fork)


def _status_for(error: BaseException | None) -> int:
    """Return the exit status that Python has after this exception, and print what it prints."""
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 1
    code: Any = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
