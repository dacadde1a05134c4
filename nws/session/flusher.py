"""Sends acknowledgements that were to travel with the next request, when none follows soon.

The system holds them back for 200 ms (``MSG_MORE``). A connection that is lost in that time would
give a value out again that its reader has long had. So a thread tells the system after a few
milliseconds to hold them no longer. It costs a fetch a fraction of a microsecond: the caller adds
the socket to a set, and in a loop of fetches the thread looks at it every 20 ms.

A process that forks should have one thread only; so the thread ends before each fork, and begins
again when it is needed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from queue import SimpleQueue
from typing import Final

__all__ = ["flush_soon"]

_HOLD_SECONDS: Final = 0.005
_LONGEST_HOLD_SECONDS: Final = 0.02
"""How long a request may take to follow: the first time, and while others keep following; twice
that if others have just followed."""

_STOP_SECONDS: Final = 1.0
"""Longest time for which a fork waits for the end of the thread."""


class _Flusher:
    """The thread of this process, and the sockets that it is to flush."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin without a thread, and with locks that nobody holds: for a forked child."""
        self._held: set[socket.socket] = set()
        self._idle = True  # somebody has to wake the thread
        self._ending = False
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def flush_soon(self, sock: socket.socket) -> None:
        """Send what the system holds back for a TCP connection, in a few milliseconds."""
        self._held.add(sock)
        if self._idle:
            self._wakes.put(None)
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._ending = False
                thread = threading.Thread(target=self._run, name="nws flusher", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # there are too many, or the interpreter is about to end:
                    return  # then the system sends it after its 200 ms
                self._thread = thread

    def stop(self) -> None:
        """End the thread; the next `flush_soon` starts it again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ending = True
            self._wakes.put(None)
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        """Flush each socket that has rested for a moment. In a loop of fetches none does; each
        acknowledgement travels with a request."""
        resting: set[socket.socket] = set()
        hold = _HOLD_SECONDS
        while not self._ending:
            if not resting:
                self._wait()
            time.sleep(hold)
            active = self._take_all()
            for sock in resting - active:
                _flush(sock)
            hold = min(2 * hold, _LONGEST_HOLD_SECONDS) if active else _HOLD_SECONDS
            resting = active
        self._idle = True
        for sock in resting | self._take_all():
            _flush(sock)

    def _wait(self) -> None:
        self._idle = True
        if not self._held:  # else it came before anybody could know
            self._wakes.get()
        self._idle = False

    def _take_all(self) -> set[socket.socket]:
        """Empty what is held, while others may add to it."""
        taken = set()
        while self._held:
            taken.add(self._held.pop())
        return taken


def _flush(sock: socket.socket) -> None:
    try:
        # To set it, even again, makes the system send at once: tcp(7).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # it was closed: then all was sent


_flusher: Final = _Flusher()
flush_soon: Final = _flusher.flush_soon

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_flusher.stop, after_in_child=_flusher.reset)
