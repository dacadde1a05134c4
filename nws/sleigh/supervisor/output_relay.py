"""Passes on what a worker writes, and bounds how much of it waits on the server.

The master says how much it has read. Where it is behind, the worker waits as at a slow terminal, as
long as the master reads. When nobody reads, lines are left out, counted, and the number is passed
on in their place.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, TextIO

from nws.client import NetWorkSpace
from nws.errors import NwsNoWorkSpaceException, NwsOperationException, NwsUnpicklingException
from nws.sleigh.shared.messages import (
    NO_ELEMENT,
    OUTPUT_READ,
    RESULT,
    Lines,
    message_to_wire,
    output_size,
)
from nws.sleigh.shared.output import Said
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import WorkerReport

__all__ = ["OutputRelay"]

_MAX_UNREAD_BYTES: Final = 4 * 1024 * 1024
"""Of the lines of one worker."""

_PATIENCE_SECONDS: Final = 2.0
"""For which a worker waits for a master that reads nothing."""

_LOOK_SECONDS: Final = 0.1
"""Between looks at how much the master has read, and attempts to say what was left out."""


class OutputRelay:
    """Passes on the lines of one rank."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        worker: WorkerProcess,
        report: WorkerReport,
        log: TextIO | None,
    ) -> None:
        """Prepare.

        Args:
            workspace: of the sleigh, where the master reads.
            worker: that writes.
            report: is told of the lines as well.
            log: a file that all lines are written to.
        """
        self._workspace = workspace
        self._worker = worker
        self._report = report
        self._log = log
        self._sent_bytes = self._read_bytes = 0
        self._left_out = 0
        self._next_look = 0.0
        self._patient_until = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether the master is to read before more is sent, or to be told what was left out."""
        return bool(self._left_out) or self._is_full

    @property
    def _is_full(self) -> bool:
        return self._sent_bytes - self._read_bytes > _MAX_UNREAD_BYTES

    def makes_wait(self, now: float) -> bool:
        """Tell whether the worker is to wait, since the master reads but is behind."""
        if self._is_full:
            self._look(now)
        return self._is_full and now < self._patient_until

    def pass_on(self, said: Sequence[Said]) -> None:
        """Pass on lines, or leave them out."""
        if self._log is not None:
            self._log.writelines(f"[{self._worker.rank}:{each[1]}] {each[3]}\n" for each in said)
        self._report.note_lines(said)
        if self._left_out or self._is_full:
            self._left_out += len(said)
            self.catch_up(time.monotonic())
        else:
            self._send(said)

    def catch_up(self, now: float) -> None:
        """Say how many lines were left out, if there is room for that."""
        if self._left_out and now >= self._next_look:
            self._look(now)
            if not self._is_full:
                count, self._left_out = self._left_out, 0
                text = f"nws: {count:,} lines are left out here: nobody has read those before them"
                self._send([(0, NO_ELEMENT, "stderr", text)], count)

    def _send(self, said: Sequence[Said], count: int = 0) -> None:
        """Send lines, which stand for ``count`` that were left out, or for themselves."""
        message = Lines(self._worker.rank, self._worker.lines, said)
        try:
            self._workspace.store(RESULT, message_to_wire(message))
        except NwsNoWorkSpaceException:
            raise
        except NwsOperationException:  # the server is full: results need what room there is
            self._left_out += count or len(said)
        else:
            self._sent_bytes += output_size(said)
            if self._is_full:
                self._patient_until = time.monotonic() + _PATIENCE_SECONDS

    def _look(self, now: float) -> None:
        """Look how much the master has read."""
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        try:
            found = self._workspace.findTry(OUTPUT_READ)
        except NwsUnpicklingException:
            return  # others may store anything there
        read = found.get(self._worker.rank) if isinstance(found, dict) else None
        if type(read) is int and read > self._read_bytes:
            self._read_bytes = read
            self._sent_bytes = max(self._sent_bytes, read)  # by the supervisor before this one
            self._patient_until = now + _PATIENCE_SECONDS
