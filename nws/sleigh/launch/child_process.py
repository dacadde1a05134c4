"""Processes that end with the process that started them.

Each child is given a pipe as its stdin, and ends when that is closed: by us, or by the system when
we are gone, however that came about. It takes that place once Python has started, since a
``sitecustomize``, or a program that it runs, may read stdin. A fork of us lets go of these pipes,
so that it cannot keep our children alive.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import Any, Final

from nws.processes.groups import signal_group
from nws.processes.pipes import pipe_apart
from nws.sleigh.shared.generation import CHILD_MARK, check_generation

__all__ = ["ChildProcess", "kill_group"]

_BOOT: Final = (
    f"import os, sys; os.environ.pop({CHILD_MARK!r}, None); "
    "os.dup2({pipe}, 0); os.close({pipe}); sys.path[:] = filter(None, sys.path); import io, json; "
    "sys.stdin = io.TextIOWrapper(open(0, 'rb', closefd=False), 'utf-8'); "
    "sys.path[:] = json.loads(sys.stdin.buffer.readline() or sys.exit()); {imports}; "
    "arguments = json.loads(sys.stdin.buffer.readline() or sys.exit()); {code}"
)
"""What a child's Python runs. It looks for modules where we do: the working folder, which Python
puts on the path for ``-c``, may hold a ``json.py`` of the user's. It imports what it needs
before it waits for its arguments."""

_REAP_SECONDS: Final = 1.0
"""For the system to end a process that was killed."""


class ChildProcess:
    """A Python process in a group of its own, so that Ctrl-C at a terminal reaches only us.

    Attributes:
        process: with its process id and status.
        close_stdin: call it so that the child ends.
    """

    def __init__(
        self,
        imports: str,
        code: str,
        *,
        flags: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        **options: Any,
    ) -> None:
        """Start it; it waits for its arguments then.

        Args:
            imports: Python statements in one line.
            code: one line of Python, which finds ``arguments`` and `sys`.
            flags: options for Python.
            pass_fds: descriptors that it is to have.
            options: for `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
            SleighScriptException: this process may not start any.
        """
        check_generation()
        env = {**options.pop("env", os.environ), CHILD_MARK: "1"}
        pipe, self._stdin = pipe_apart()
        self.close_stdin = weakref.finalize(self, os.close, self._stdin)
        self.close_stdin.atexit = False
        boot = _BOOT.format(pipe=pipe, imports=imports, code=code)
        try:
            self.process = subprocess.Popen(
                [sys.executable, *flags, "-c", boot],
                stdin=subprocess.DEVNULL,
                pass_fds=[pipe, *pass_fds],
                start_new_session=sys.platform != "win32",
                env=env,
                cwd=_folder_to_start_in(),
                **options,
            )
        except BaseException:
            self.close_stdin()
            raise
        finally:
            os.close(pipe)
        _children.add(self)
        self.send([str(entry) for entry in sys.path])

    def send(self, arguments: Any) -> None:
        """Send plain data: its arguments."""
        try:
            os.write(self._stdin, json.dumps(arguments).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended; whoever waits for it will see

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def wait(self, grace: float) -> None:
        """Wait for ``grace`` seconds until it has ended; then end it, and what it has started."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        kill_group(self.process)
        self._reap()
        self.close_stdin()

    def _reap(self) -> None:
        """Wait for the end of a process that was killed."""
        try:
            self.process.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            # Perhaps Ctrl-C has struck in Popen.poll() and left Popen's lock locked for good.
            try:
                _, status = os.waitpid(self.process.pid, 0)
                self.process.returncode = os.waitstatus_to_exitcode(status)
            except ChildProcessError:
                pass  # another thread has seen its end


def _folder_to_start_in() -> str | None:
    """Return None for our own, unless that is gone: Python may fail to import anything there."""
    try:
        os.getcwd()
    except OSError:
        return os.path.sep
    return None


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that was started in a session of its own, and what it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        signal_group(process.pid, signal.SIGKILL)


_children: weakref.WeakSet[ChildProcess] = weakref.WeakSet()


def _close_stdin_of_all() -> None:
    for child in list(_children):
        child.close_stdin()
        child.process.returncode = 0  # it is not ours to wait for


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_stdin_of_all)
