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

__all__ = ["ChildProcess", "kill_group"]

_BOOT: Final = (
    "import sys; sys.path[:] = filter(None, sys.path); import json; "
    "sys.path[:] = json.loads(sys.stdin.buffer.readline() or sys.exit()); {imports}; "
    "arguments = json.loads(sys.stdin.buffer.readline() or sys.exit()); {code}"
)
"""What a child's Python runs: it is to find modules where we find ours. The working folder, which
Python puts on the path for ``-c``, may have a ``json.py`` of the user's. What it imports it imports
while its arguments may not be known yet."""


class ChildProcess:
    """A Python process in a group of its own, so that Ctrl-C at a terminal reaches only us.

    Attributes:
        process: to look at.
        let_go: call it to close the child's stdin: then the child is to end.
    """

    def __init__(self, imports: str, code: str, **options: Any) -> None:
        """Start it; it waits for its arguments then.

        Args:
            imports: Python statements in one line.
            code: one line of Python, which finds ``arguments`` and `sys`.
            options: for `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        read_end, self._life_line = os.pipe()
        self.let_go = weakref.finalize(self, os.close, self._life_line)
        self.let_go.atexit = False
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT.format(imports=imports, code=code)],
                stdin=read_end,
                start_new_session=sys.platform != "win32",
                **options,
            )
        except BaseException:
            self.let_go()
            raise
        finally:
            os.close(read_end)
        _children.add(self)
        self.tell([str(entry) for entry in sys.path])

    def tell(self, arguments: Any) -> None:
        """Send plain data: its arguments."""
        try:
            os.write(self._life_line, json.dumps(arguments).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended; whoever waits for it will see

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def wait(self, grace: float) -> None:
        """Wait for ``grace`` seconds until it has ended; then end it, and what it has started."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        kill_group(self.process)
        self.process.wait()
        self.let_go()


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that was started in a session of its own, and what it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody of its group is left, or (macOS) nobody but a zombie


_children: weakref.WeakSet[ChildProcess] = weakref.WeakSet()


def _let_go_all() -> None:
    for child in list(_children):
        child.let_go()
        child.process.returncode = 0  # it is not ours to wait for


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_all)
