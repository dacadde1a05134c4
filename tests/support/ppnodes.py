"""Nodes of Parallel Python, as users start them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import until
from tests.support.server import PATIENCE, environment

__all__ = ["SECRET", "PpNode", "ppnode"]

SECRET = "a secret of the tests"


class PpNode:
    """A node on a port of this machine.

    Attributes:
        process: of `nws ppserver`.
        lines: that it has logged so far.
        port: on which it listens.
    """

    def __init__(
        self,
        *options: str,
        home: Path,
        secret: str = SECRET,
        port: int | None = 0,
        machine: str = "",
    ) -> None:
        """Start it, in a network namespace if one is named, and wait until it listens: on a port of
        127.0.0.1, or with None where its options say."""
        env = environment({"PP_SECRET": secret, "HOME": str(home)})
        lead = ["ip", "netns", "exec", machine] if machine else []
        command = [*lead, sys.executable, "-W", "error", "-c", "from nws.cli import main; main()"]
        place = [] if port is None else ["-i", "127.0.0.1", "-p", str(port)]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*command, "ppserver", *place, *options],
            cwd=home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        listens = self.until_logged(r"listens on ([\d.]+):(\d+)")
        self._host, self.port = listens[1], int(listens[2])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def name(self) -> str:
        """Its name at servers."""
        return f"{self._host}:{self.port}"

    def until_logged(self, pattern: str) -> re.Match[str]:
        """Wait until it logs something."""

        def found() -> re.Match[str] | None:
            assert self.process.poll() is None, self.lines
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        match = until(found, f"the node logs {pattern}")
        assert match is not None
        return match

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its exit status and what it has printed."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait for its end; return the same."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process.stdout, self.process.stderr:
            return status, self.process.stdout.read()


@contextmanager
def ppnode(
    *options: str, home: Path, secret: str = SECRET, port: int | None = 0, machine: str = ""
) -> Iterator[PpNode]:
    """A node that is killed at the end of the block, if it still runs."""
    node = PpNode(*options, home=home, secret=secret, port=port, machine=machine)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.end(signal.SIGKILL)
