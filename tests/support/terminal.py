"""A terminal with a program in it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.server import PATIENCE, environment

_ROWS: Final = 30
_COLUMNS: Final = 120

_TAKE_TERMINAL: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes the terminal the one from which Ctrl-C comes, and runs the program in its place."""


class Terminal:
    """What a person sees of a program, and types.

    Attributes:
        process: the program.
        shown: all that it has written and that was not expected yet.
    """

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self.shown = ""
        self._fd = fd

    def type(self, text: str) -> None:
        """Type some keys."""
        os.write(self._fd, text.encode())

    def expect(self, text: str) -> str:
        """Wait until a text is shown; return what was shown before it."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._fd], [], [], left)[0]
            assert ready, f"{text!r} was not shown, but {self.shown!r}"
            self.shown += self._read()
        before, _, self.shown = self.shown.partition(text)
        return before

    def _read(self) -> str:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux: the program has ended
            data = b""
        assert data, f"the program has ended; it has shown {self.shown!r}"
        return data.decode(errors="replace")


@contextmanager
def terminal(
    command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a program in a terminal; it is killed if it is still there at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    settings = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})}
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *command],
        cwd=folder,
        env=environment(settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
