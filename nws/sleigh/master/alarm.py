"""Wakes a thread that waits for a socket."""

from __future__ import annotations

import os
import select
import weakref

__all__ = ["Alarm"]


class Alarm:
    """Lets any thread wake the one that waits. Ringing again before it has woken costs nothing."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        self._ringing = False
        for fd in (self._read_end, self._write_end):
            weakref.finalize(self, os.close, fd).atexit = False

    def ring(self) -> None:
        """Wake the thread that waits, or that will wait next."""
        if not self._ringing:
            self._ringing = True
            os.write(self._write_end, b"\0")

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until it rings; tell whether it does. Then look for what
        there is to do: it rings again for what comes later."""
        return self._wait([self._read_end], timeout) != []

    def wait_for(self, fd: int, timeout: float) -> bool:
        """Wait until it rings or a descriptor can be read; tell whether the descriptor can, or
        the time is over. The descriptor -1 is that of nothing."""
        ready = self._wait([self._read_end, fd], timeout)
        return fd in ready or not ready

    def _wait(self, fds: list[int], timeout: float) -> list[int]:
        poll = select.poll()
        for fd in fds:
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(1000 * timeout)]
        if self._read_end in ready:
            os.read(self._read_end, 4096)
            self._ringing = False  # before anybody looks for what there is to do
        return ready
