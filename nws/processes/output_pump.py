"""Carries what a process writes to somewhere else, while it runs."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Callable
from typing import Final

from nws.processes.process_group import ProcessGroup

__all__ = ["OutputPump"]

_READ_BYTES: Final = 65536

_FLUSH_SECONDS: Final = 0.2
"""After which gathered output is sent, however little it is."""

_LINGER_SECONDS: Final = 1.0
"""For the end of the output of a process that has ended. Only a process that has left its group can
keep a stream open for longer."""

_LINE: Final = 1


class OutputPump(threading.Thread):
    """A thread that reads the output of a process, and sends what it has gathered.

    A process that writes faster than this can send waits in its pipe.
    """

    def __init__(
        self, process: ProcessGroup, size: int, limit: int, send: Callable[[str, bytes], bool]
    ) -> None:
        """Start it.

        Args:
            process: with pipes.
            size: bytes to gather; 0 for none; 1 for a line.
            limit: bytes of each stream that are sent; what comes behind is counted and dropped.
            send: is given ``stdout`` or ``stderr`` and bytes; False if they could not be sent.
        """
        super().__init__(name=f"output of {process.pid}", daemon=True)
        assert process.stdout is not None
        assert process.stderr is not None
        self._pipes = {"stdout": process.stdout, "stderr": process.stderr}
        self._size = size
        self._send = send
        self._left = dict.fromkeys(self._pipes, limit)
        self._gathered = {stream: bytearray() for stream in self._pipes}
        self._flush_at: float | None = None
        self._give_up_at: float | None = None
        self._dropped = 0
        self.start()

    def finish(self) -> tuple[dict[str, bytes], int]:
        """Wait for the end of the output, once the process has ended.

        Returns:
            What was not sent yet, by stream; and how many bytes were dropped.
        """
        self._give_up_at = time.monotonic() + _LINGER_SECONDS
        self.join()
        rest = {stream: bytes(gathered) for stream, gathered in self._gathered.items() if gathered}
        return rest, self._dropped

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream, pipe in self._pipes.items():
                selector.register(pipe, selectors.EVENT_READ, stream)
            while selector.get_map() and not self._is_over():
                for key, _ in selector.select(self._timeout()):
                    data = os.read(key.fd, _READ_BYTES)
                    if data:
                        self._gather(key.data, data)
                    else:
                        selector.unregister(key.fileobj)
                if self._flush_at is not None and time.monotonic() >= self._flush_at:
                    self._flush()

    def _is_over(self) -> bool:
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _timeout(self) -> float:
        if self._flush_at is None:
            return _LINGER_SECONDS
        return max(0.0, self._flush_at - time.monotonic())

    def _gather(self, stream: str, data: bytes) -> None:
        kept = data[: self._left[stream]]
        self._left[stream] -= len(kept)
        self._dropped += len(data) - len(kept)
        gathered = self._gathered[stream]
        gathered += kept
        ready = len(gathered)
        if self._size == _LINE:
            ready = gathered.rfind(b"\n") + 1
        elif ready < self._size:
            ready = 0
        if ready:
            self._send_first(stream, ready)
        if gathered and self._flush_at is None:
            self._flush_at = time.monotonic() + _FLUSH_SECONDS

    def _flush(self) -> None:
        self._flush_at = None
        for stream, gathered in self._gathered.items():
            if gathered:
                self._send_first(stream, len(gathered))

    def _send_first(self, stream: str, size: int) -> None:
        gathered = self._gathered[stream]
        if not self._send(stream, bytes(gathered[:size])):
            self._dropped += size
        del gathered[:size]
