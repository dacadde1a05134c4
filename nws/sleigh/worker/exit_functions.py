"""What runs at the end of a worker: what Python runs at the end of any process, but only for what
the worker has made itself."""

from __future__ import annotations

import atexit
import faulthandler
import logging
import signal
import weakref
from typing import Final

__all__ = ["disown_finalizers", "run_exit_functions", "take_over_exit_functions"]

_MAX_SECONDS: Final = 30.0
"""For all of them. The place of a worker that has to be replaced is empty until it has ended."""

_STDERR: Final = 2
"""Not `sys.stderr`: a task may have put anything in its place."""


def take_over_exit_functions() -> None:
    """In a worker that was just forked: drop the exit functions of the supervisor.

    Those of modules that were imported there are registered once for all, so they are registered
    again: without them no `tempfile.TemporaryDirectory` would be removed, and no log be flushed.
    """
    atexit._clear()
    disown_finalizers()
    atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    atexit.register(logging.shutdown)


def run_exit_functions() -> None:
    """Run what is to run at the end of this process. If that takes longer than half a minute, the
    process ends, and writes to its stderr where it was.

    By a signal: `faulthandler.dump_traceback_later` hangs in a fork of a process that has called it
    too, as pytest does, and a person's session may.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.register(signal.SIGALRM, _STDERR, chain=True)  # and then the default: the end
    signal.setitimer(signal.ITIMER_REAL, _MAX_SECONDS)
    atexit._run_exitfuncs()


def disown_finalizers() -> None:
    """In a fork: leave the objects that there are now to the process that has made them."""
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
