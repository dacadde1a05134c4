"""A process that ends with another one, which holds the other end of a pipe."""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ["end_with"]


def end_with(life_line: int) -> None:
    """Have this process and its group killed when a pipe ends, from which nothing is to be read.

    Args:
        life_line: the file descriptor of its end.
    """
    threading.Thread(target=_wait, args=(life_line,), daemon=True).start()
    if sys.platform == "linux":
        _let_the_system_end_us_with(life_line)


def _wait(life_line: int) -> None:
    while os.read(life_line, 1):
        pass
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(0, signal.SIGKILL)


def _let_the_system_end_us_with(life_line: int) -> None:
    """Have us killed even while C code keeps the interpreter and no other thread can run."""
    import fcntl  # which not all systems have

    try:
        # Opened again: what is set here would else be set for all that share the pipe's end.
        own = os.open(f"/proc/self/fd/{life_line}", os.O_RDONLY)
    except OSError:
        return  # without /proc
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_ASYNC)
