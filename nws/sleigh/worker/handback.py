"""The thread of a worker that acts when the main thread is busy with a long element."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nws.errors import NwsException

__all__ = ["Handback"]


class Handback(threading.Thread):
    """Gives away what waits while the main thread is busy with a long element.

    Attributes:
        waits: tells whether anything waits that others could have.
        wanted: set when something begins to wait.
    """

    def __init__(
        self, waits: Callable[[], bool], relieve: Callable[[], None], pause: float
    ) -> None:
        """Prepare.

        Args:
            waits: see above.
            relieve: gives it away if it is time to.
            pause: seconds between looks, as long as something waits.
        """
        super().__init__(daemon=True)
        self.waits = waits
        self._relieve = relieve
        self._seconds = pause
        self._pause = threading.Event()
        self.wanted = threading.Event()

    def run(self) -> None:
        try:
            while True:
                self.wanted.wait()
                self.wanted.clear()
                while self.waits():
                    self._pause.wait(self._seconds)
                    self._relieve()
        except NwsException:
            pass  # the workspace or the server is gone: the main thread will see
