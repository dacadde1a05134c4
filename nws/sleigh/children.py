"""Processes that end with the process that started them.

Each child is given a pipe as its stdin, and ends when that is closed: by us, or by the system when
we are gone, however that came about. A fork of us lets go of these pipes, so that it cannot keep
our children alive.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import Any

__all__ = ["Child"]


class Child:
    """A process in a group of its own, so that Ctrl-C at a terminal reaches only us."""

    def __init__(self, command: Sequence[str], **streams: Any) -> None:
        """Start it.

        Args:
            command: program and arguments.
            streams: ``stdout`` and ``stderr`` for `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        read_end, self._life_line = os.pipe()
        try:
            self.process = subprocess.Popen(
                command, stdin=read_end, start_new_session=sys.platform != "win32", **streams
            )
        except BaseException:
            self.let_go()
            raise
        finally:
            os.close(read_end)
        _children.add(self)

    def tell(self, data: bytes) -> None:
        """Write to its stdin: a little, so that it cannot block."""
        try:
            os.write(self._life_line, data)
        except BrokenPipeError:
            pass  # it has ended; whoever waits for it will see

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def how_it_ended(self) -> str:
        """Say for people how a child ended that is gone."""
        status = self.process.returncode
        if status is not None and status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with exit status {status}"

    def let_go(self) -> None:
        """Close its stdin: it is to end."""
        if self._life_line >= 0:
            os.close(self._life_line)
            self._life_line = -1

    def wait(self, grace: float) -> None:
        """Wait for ``grace`` seconds until it has ended, and then end it."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self._kill()
            self.process.wait()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self.process.kill()
        else:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended at this very moment


_children: weakref.WeakSet[Child] = weakref.WeakSet()


def _let_go_all() -> None:
    for child in list(_children):
        child.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_all)
