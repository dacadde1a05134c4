"""Carries what users write to a job from the workspace to its stdin."""

from __future__ import annotations

import threading
from typing import Final

from nws.client import NetWorkSpace
from nws.depalma.messages import stdin_of
from nws.errors import NwsException, NwsTimeoutException
from nws.processes.process_group import ProcessGroup

__all__ = ["StdinFeeder"]

_LOOK_SECONDS: Final = 1.0
"""Between looks whether the job has ended."""


class StdinFeeder(threading.Thread):
    """A thread that writes to a job until its stdin is closed, or it has ended.

    It removes nothing from the workspace: a job that is run again reads all of it again.
    """

    def __init__(self, process: ProcessGroup, workspace: NetWorkSpace, pid: int) -> None:
        """Start it for a process that has a stdin; ``pid`` is that of the job."""
        super().__init__(name=f"stdin of job {pid}", daemon=True)
        assert process.stdin is not None
        self._process = process
        self._stdin = process.stdin
        self._values = workspace.ifind(stdin_of(pid), timeout=_LOOK_SECONDS)
        self.start()

    def run(self) -> None:
        with self._stdin:
            while not self._process.ended:
                try:
                    value = next(self._values, None)
                except NwsTimeoutException:
                    continue
                except NwsException:
                    return  # the job, or its host, is over
                if not isinstance(value, bytes) or not self._write(value):
                    return

    def _write(self, data: bytes) -> bool:
        """Write all of it; return False if nobody reads any more."""
        try:
            while data:
                data = data[self._stdin.write(data) :]
        except OSError:
            return False
        return True
