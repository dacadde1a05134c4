"""What has arrived for one call and was not read yet by the thread that waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from nws.sleigh.shared.messages import Results

__all__ = ["Mailbox"]


class Mailbox:
    """The results of one call, put in by whichever thread receives them.

    Attributes:
        number: of the call; 0 until the engine has given it one.
        function: the name of the variable that holds its function.
        everyone: see `nws.sleigh.shared.messages.Call`.
        results: not read yet.
        error: why there will be no further results.
        lost_ranks: workers that will not do their part, each with the reason.
        news: released when anything arrives; None while no thread waits for that.
    """

    __slots__ = ("error", "everyone", "function", "lost_ranks", "news", "number", "results")

    def __init__(self, *, everyone: int = 0) -> None:
        self.number = 0
        self.function = ""
        self.everyone = everyone
        self.results: deque[Results] = deque()  # quicker than deque[Results]()
        self.error: Exception | None = None
        self.lost_ranks: Mapping[int, str] = {}
        self.news: threading.Lock | None = None

    def deliver(self, results: Results) -> None:
        """Add results."""
        self.results.append(results)
        self.notify()

    def fail(self, error: Exception) -> None:
        """Say that there will be no further results."""
        self.error = self.error or error
        self.notify()

    def notify(self) -> None:
        """Wake the thread that waits."""
        news = self.news
        if news is not None:
            with suppress(RuntimeError):  # another thread has done it
                news.release()

    @property
    def has_news(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.results) or self.error is not None

    def wait(self, timeout: float, has_receiver: Callable[[], bool]) -> None:
        """Wait up to ``timeout`` seconds until something arrives, or another thread calls
        `notify`; not at all if no thread receives."""
        # A bare lock, since Ctrl-C may leave an Event or a Condition in pieces.
        news = threading.Lock()
        news.acquire()
        self.news = news
        try:
            if not self.has_news and has_receiver():  # it may have left before we could be told
                news.acquire(timeout=timeout)
        finally:
            self.news = None

    def read(self) -> list[Results]:
        """Remove and return the results.

        Raises:
            Exception: there will be none, for this reason.
        """
        if self.error is not None:
            raise self.error
        results: list[Results] = []
        while self.results:
            results.append(self.results.popleft())
        return results
