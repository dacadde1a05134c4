"""The thread of a worker that hands tasks back while the main thread runs a long element."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nws.errors import NwsException

__all__ = ["Handback"]


class Handback(threading.Thread):
    """Hands back what waits while the main thread is busy with a long element.

    Attributes:
        has_waiting: tells whether anything waits that others could have.
        wake: set when something begins to wait.
    """

    def __init__(
        self, has_waiting: Callable[[], bool], hand_back: Callable[[], None], interval: float
    ) -> None:
        """Prepare.

        Args:
            has_waiting: see above.
            hand_back: gives it back if the element is a long one.
            interval: seconds between calls of it, as long as something waits.
        """
        super().__init__(daemon=True)
        self.wake = threading.Event()
        self.has_waiting = has_waiting
        self._hand_back = hand_back
        self._interval = interval
        self._pause = threading.Event()

    def run(self) -> None:
        try:
            while True:
                self.wake.wait()
                self.wake.clear()
                while self.has_waiting():
                    self._pause.wait(self._interval)
                    self._hand_back()
        except NwsException:
            pass  # the workspace or the server is gone: the main thread will see
