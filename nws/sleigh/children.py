"""Processes that end with the process that started them.

Each child is given a pipe as its stdin, and ends when that is closed: by us, or by the system when
we are gone, however that came about. A fork of us lets go of these pipes, so that it cannot keep
our children alive.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from typing import Any, Final

__all__ = ["Child"]

_BOOT: Final = (
    "import sys; sys.path[:] = filter(None, sys.path); import json; "
    "sys.path[:], arguments = json.loads(sys.stdin.buffer.readline() or sys.exit()); "
)
"""How a child's Python begins: it is to find modules where we find ours. The working folder, which
Python puts on the path for ``-c``, may have a ``json.py`` of the user's."""


class Child:
    """A Python process in a group of its own, so that Ctrl-C at a terminal reaches only us.

    Attributes:
        process: to look at.
        let_go: call it to close the child's stdin: then the child is to end.
    """

    def __init__(self, code: str, arguments: list[Any], **streams: Any) -> None:
        """Start it.

        Args:
            code: one line of Python, which finds ``arguments`` and `sys`.
            arguments: plain data.
            streams: ``stdout`` and ``stderr`` for `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        read_end, life_line = os.pipe()
        self.let_go = weakref.finalize(self, os.close, life_line)
        self.let_go.atexit = False
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT + code],
                stdin=read_end,
                start_new_session=sys.platform != "win32",
                **streams,
            )
        except BaseException:
            self.let_go()
            raise
        finally:
            os.close(read_end)
        _children.add(self)
        path = [str(entry) for entry in sys.path]
        try:
            os.write(life_line, json.dumps([path, arguments]).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended; whoever waits for it will see

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def how_it_ended(self) -> str:
        """Say for people how a child ended that is gone."""
        status = self.process.returncode
        if status is None or status >= 0:
            return f"exit status {status}"
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"  # real-time signals have no names

    def wait(self, grace: float) -> None:
        """Wait for ``grace`` seconds until it has ended; then end it, and what it has started."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        self._kill()
        self.process.wait()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self.process.kill()
        else:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass  # nobody of its group is left, or (macOS) nobody but a zombie


_children: weakref.WeakSet[Child] = weakref.WeakSet()


def _let_go_all() -> None:
    for child in list(_children):
        child.let_go()
        child.process.returncode = 0  # it is not ours to wait for


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_all)
