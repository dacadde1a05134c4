"""What runs at the end of a worker: what Python runs at the end of any process, but only for what
the worker has made itself."""

from __future__ import annotations

import atexit
import logging
import weakref

__all__ = ["disown_finalizers", "take_over_exit_functions"]


def take_over_exit_functions() -> None:
    """In a worker that was just forked: drop the exit functions of the supervisor.

    Those of modules that were imported there are registered once for all, so they are registered
    again: without them no `tempfile.TemporaryDirectory` would be removed, and no log be flushed.
    """
    atexit._clear()
    disown_finalizers()
    atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    atexit.register(logging.shutdown)


def disown_finalizers() -> None:
    """In a fork: leave the objects that there are now to the process that has made them."""
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
